"""A child order of an algorithm, and the ids children get."""

import re

import msgspec

from tradepit.trading.model.order import Order
from tradepit.trading.model.terms import OrderStatus, OrderType


class ChildId(msgspec.Struct, frozen=True, order=True):
    """``{algo_id}-{slice_no}-{attempt}``: the piece's number, and how often that piece was refused before.

    The next id follows from the last acknowledged child alone, never from the time of day. So a worker that takes over cannot
    choose another id than its dead predecessor may have sent a moment ago: who receives both sees a repetition, not a new order.
    """

    slice_no: int
    attempt: int

    def text(self, algo_id: str) -> str:
        """The client order id."""
        return f"{algo_id}-{self.slice_no}-{self.attempt}"

    @classmethod
    def parse(cls, client_order_id: str, algo_id: str) -> "ChildId | None":
        """The numbers in a client order id, None when it is not a child of that algorithm."""
        match = re.fullmatch(re.escape(algo_id) + r"-([0-9]+)-([0-9]+)", client_order_id)
        return cls(int(match[1]), int(match[2])) if match else None


class Child(msgspec.Struct):
    """A child as far as it is known. ``traded`` is what order reports tell, ``trade_lots`` the sum of its trades seen.

    ``trades_told`` False (a child found after a restart, without its trades) lets the reports' figure suffice.
    """

    child_id: ChildId
    client_order_id: str
    lots: int
    price_ticks: int
    order_type: OrderType
    sent_ns: int
    asked_ns: int
    status: OrderStatus = OrderStatus.RECEIVED
    traded: int = 0
    trade_lots: int = 0
    trades_told: bool = True
    cancel_asked_ns: int = 0

    @property
    def acknowledged(self) -> bool:
        """True when the order's receiver is known to have it (or to have refused it)."""
        return self.status is not OrderStatus.RECEIVED

    @property
    def filled(self) -> int:
        """Lots certainly traded: reports and trades may each run ahead of the other."""
        return max(self.traded, self.trade_lots)

    @property
    def settled(self) -> bool:
        """True when it cannot trade any more and every trade its reports tell of was seen, or when it filled entirely."""
        if self.trades_told and self.trade_lots < self.traded:
            return False
        return self.filled >= self.lots or self.status.terminal

    @property
    def refused(self) -> bool:
        """True when it was never let into the market."""
        return self.status in (OrderStatus.REJECTED, OrderStatus.RISK_REJECTED)

    @property
    def open_lots(self) -> int:
        """Lots that may still trade, 0 once settled."""
        return 0 if self.settled else max(0, self.lots - self.filled)

    def next_id(self) -> ChildId:
        """The id of the child after this one."""
        if self.refused:
            return ChildId(self.child_id.slice_no, self.child_id.attempt + 1)
        return ChildId(self.child_id.slice_no + 1, 0)

    def take_over(self, order: Order) -> None:
        """Believe the order's receiver. Volume never falls and a finished order never reopens.

        Its terms are the receiver's too: it may hold what a predecessor sent under the same id.
        """
        self.lots, self.price_ticks = order.intent.volume_lots, order.intent.price_ticks
        self.order_type = order.intent.order_type
        self.sent_ns = self.sent_ns or order.inserted_ns
        self.traded = max(self.traded, order.traded_lots)
        if not self.status.terminal:
            self.status = order.status
