"""A bot's own orders and positions: numbers what it sends, splits it by offset, and folds what comes back."""

from collections import deque
from collections.abc import Callable, Iterator, Mapping

import msgspec

from tradepit.bots.events import BotEvent, EventKind
from tradepit.bots.identity import order_prefix, sequence_of
from tradepit.bots.position import OwnPosition
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.report import DayReport, OrderReport, Report, TradeReport
from tradepit.trading.model.terms import Offset, OrderStatus, OrderType, Side

_FINISHED_KEPT = 1024
# What a bot that does not listen needs not be told; refusals are counted by its host.
_UNHEARD = frozenset({EventKind.ACK, EventKind.CANCEL, EventKind.EXPIRE})
_KINDS = {
    OrderStatus.OPEN: EventKind.ACK,
    OrderStatus.SUBMITTED: EventKind.ACK,
    OrderStatus.CANCELLED: EventKind.CANCEL,
    OrderStatus.EXPIRED: EventKind.EXPIRE,
    OrderStatus.REJECTED: EventKind.REJECT,
    OrderStatus.RISK_REJECTED: EventKind.REJECT,
}


class OwnOrder(msgspec.Struct, gc=False):
    """An order of the bot's. ``left`` may still trade; ``done``: its end was told. ``cancelling``: a cancel is on its way."""

    intent: OrderIntent
    sequence: int
    price: float
    left: int
    filled: int = 0
    status: OrderStatus = OrderStatus.PENDING_NEW
    reason: str = ""
    cancelling: bool = False
    done: bool = False

    @property
    def order_id(self) -> str:
        """Its id."""
        return self.intent.client_order_id

    @property
    def symbol(self) -> str:
        """Its contract."""
        return self.intent.symbol

    @property
    def side(self) -> Side:
        """Its side."""
        return self.intent.side

    @property
    def lots(self) -> int:
        """Lots asked for."""
        return self.intent.volume_lots


class Outgoing(msgspec.Struct, frozen=True, gc=False):
    """What is to be handed to the port next: an order, or (``intent`` None) the cancel of one."""

    order_id: str
    sequence: int
    intent: OrderIntent | None = None


class OwnOrders(Mapping[str, OwnOrder]):
    """Working orders by id, oldest first; ``find`` also knows the last 1,024 finished ones.

    ``sequence`` is the number of the last order sent: a host that restarts continues behind it. ``told``: somebody hears of orders
    that come to rest or end; without, no events are made of it. Every news counts once, by trade
    and by cumulative volume, however often and in whatever order it comes.
    """

    def __init__(self, bot_id: str, account: str, *, next_sequence: int = 1) -> None:
        self.bot_id, self.account = bot_id, account
        self.prefix = order_prefix(bot_id, account)
        self.sequence = next_sequence - 1
        self.told = True
        self.positions: dict[str, OwnPosition] = {}
        self.outgoing: list[Outgoing] = []
        self._working: dict[str, OwnOrder] = {}
        self._finished: dict[str, OwnOrder] = {}
        self._finished_order: deque[str] = deque()
        self._trades: dict[int, set[tuple[str, str, Side]]] = {}

    def __getitem__(self, order_id: str) -> OwnOrder:
        return self._working[order_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._working)

    def __len__(self) -> int:
        return len(self._working)

    def find(self, order_id: str) -> OwnOrder | None:
        """A working or lately finished order."""
        return self._working.get(order_id) or self._finished.get(order_id)

    def of(self, symbol: str) -> tuple[OwnOrder, ...]:
        """The working orders of a contract, oldest first."""
        if not self._working:
            return ()
        return tuple(order for order in self._working.values() if order.intent.symbol == symbol)

    def position(self, instrument: Instrument) -> OwnPosition:
        """What the bot holds in a contract."""
        found = self.positions.get(instrument.symbol)
        if found is None:
            found = self.positions[instrument.symbol] = OwnPosition(instrument)
        return found

    def send(
        self,
        instrument: Instrument,
        side: Side,
        parts: tuple[tuple[Offset, int], ...],
        order_type: OrderType,
        price_ticks: int,
        now_ns: int,
    ) -> tuple[str, ...]:
        """Put one order for each part on its way; their ids."""
        position = self.position(instrument)
        product = instrument.product
        ids = []
        for offset, lots in parts:
            self.sequence += 1
            intent = OrderIntent(
                client_order_id=f"{self.prefix}{self.sequence}",
                account=self.account,
                symbol=instrument.symbol,
                exchange=product.exchange,
                side=side,
                offset=offset,
                order_type=order_type,
                price_ticks=price_ticks,
                volume_lots=lots,
                created_ns=now_ns,
                reference=self.bot_id,
            )
            self._enter(intent, self.sequence, position)
            order_id = intent.client_order_id
            self.outgoing.append(Outgoing(order_id, self.sequence, intent))
            ids.append(order_id)
        return tuple(ids)

    def cancel(self, order: OwnOrder) -> bool:
        """Put the cancel of a working order on its way, once; False when there is nothing to do."""
        if order.done or order.cancelling:
            return False
        order.cancelling = True
        self.outgoing.append(Outgoing(order.intent.client_order_id, order.sequence))
        return True

    def take_outgoing(self) -> list[Outgoing]:
        """What is to be sent now, in the bot's order."""
        taken, self.outgoing = self.outgoing, []
        return taken

    # What comes back

    def apply(self, report: Report, instruments: Callable[[str], Instrument | None]) -> BotEvent | None:
        """Fold one report; the event worth telling. A trade in a contract that ``instruments`` does not know is none of this bot's."""
        if isinstance(report, OrderReport):
            return self.apply_order(report)
        if isinstance(report, TradeReport):
            instrument = instruments(report.trade.symbol)
            return None if instrument is None else self.apply_trade(report, instrument)
        self.roll_day(report)
        return BotEvent(kind=EventKind.DAY, time_ns=report.time_ns, trading_day=report.trading_day)

    def mine(self, client_order_id: str) -> int:
        """The sequence of an order of this bot, 0 for others'."""
        return sequence_of(self.prefix, client_order_id)

    def adopt(self, order: Order, instrument: Instrument) -> None:
        """Know a working order of a former life of this bot."""
        sequence = self.mine(order.client_order_id)
        if sequence and self.find(order.client_order_id) is None and order.active:
            self.sequence = max(self.sequence, sequence)
            self._enter(order.intent, sequence, self.position(instrument))
            own = self._working[order.client_order_id]
            own.filled, own.status = order.traded_lots, order.status
            self._leave(own, order.left_lots)

    def apply_trade(self, report: TradeReport, instrument: Instrument) -> BotEvent | None:
        """Fold an own trade; None when it is another's or was folded before."""
        trade = report.trade
        sequence = self.mine(trade.client_order_id)
        seen, identity = self._trades.setdefault(trade.trading_day, set()), (trade.exchange.value, trade.trade_id, trade.side)
        if not sequence or trade.account != self.account or identity in seen:
            return None
        seen.add(identity)
        self.position(instrument).trade(trade)
        own = self.find(trade.client_order_id)
        if own is not None:
            own.filled += trade.volume_lots
            self._leave(own, own.left - trade.volume_lots)
        tick_size = instrument.product.tick_size.as_integer_ratio()
        return BotEvent(
            kind=EventKind.FILL,
            time_ns=report.time_ns,
            symbol=trade.symbol,
            order_id=trade.client_order_id,
            sequence=sequence,
            side=trade.side,
            offset=trade.offset,
            price=trade.price_ticks * tick_size[0] / tick_size[1],
            lots=trade.volume_lots,
            filled=own.filled if own else 0,
            left=own.left if own else 0,
            fee=float(trade.fee),
            trading_day=report.trading_day,
        )

    def apply_order(self, report: OrderReport) -> BotEvent | None:
        """Fold an own order's state; the event worth telling, None for none (a fill tells itself)."""
        order = report.order
        intent = order.intent
        own = self._working.get(intent.client_order_id)
        if own is None or intent.account != self.account:
            return None
        former, told = own.status, order.status
        if told.progress < former.progress:
            return None
        own.status, own.reason = told, order.reason
        missing = max(0, order.traded_lots - own.filled)
        own.done = told.terminal
        left = missing if told.terminal else order.left_lots + missing
        if own.done or left != own.left:
            self._leave(own, left)
        kind = _KINDS.get(told)
        if kind is None or told is former or (not self.told and kind in _UNHEARD):
            return None
        return self._event(own, kind, report.time_ns, order.reason, order.message)

    def end(self, order_id: str, code: str, message: str, time_ns: int) -> BotEvent | None:
        """The order was refused before it got anywhere."""
        own = self._working.get(order_id)
        if own is None:
            return None
        own.status, own.reason, own.done = OrderStatus.RISK_REJECTED, code, True
        self._leave(own, 0)
        return self._event(own, EventKind.REJECT, time_ns, code, message)

    def doubt(self, order_id: str, reason: str, time_ns: int) -> BotEvent | None:
        """Nobody knows what became of the order; it goes on counting as working."""
        own = self._working.get(order_id)
        if own is None or own.status.progress or own.status is OrderStatus.UNKNOWN:
            return None
        own.status = OrderStatus.UNKNOWN
        return self._event(own, EventKind.UNKNOWN, time_ns, reason, "")

    def roll_day(self, report: DayReport) -> None:
        """A trading day ended: today's lots are history, expired ones are paid out, trades of days before it come no more."""
        for symbol, position in self.positions.items():
            position.roll(report.trading_day, report.settlement_prices.get(symbol))
        for day in [day for day in self._trades if day < report.settled_day]:
            del self._trades[day]

    def _enter(self, intent: OrderIntent, sequence: int, position: OwnPosition) -> None:
        price = intent.price_ticks * position.over / position.under
        own = OwnOrder(intent=intent, sequence=sequence, price=price, left=intent.volume_lots)
        self._working[intent.client_order_id] = own
        position.work(intent, intent.volume_lots)

    def _leave(self, own: OwnOrder, left: int) -> None:
        intent = own.intent
        left = min(own.left, max(0, left))
        if left != own.left:
            self.positions[intent.symbol].work(intent, left - own.left)
            own.left = left
        order_id = intent.client_order_id
        if own.done and not left and self._working.pop(order_id, None) is not None:
            self._finished[order_id] = own
            self._finished_order.append(order_id)
            if len(self._finished_order) > _FINISHED_KEPT:
                del self._finished[self._finished_order.popleft()]

    def _event(self, own: OwnOrder, kind: EventKind, time_ns: int, reason: str, message: str) -> BotEvent:
        intent = own.intent
        return BotEvent(
            kind=kind,
            time_ns=time_ns,
            symbol=intent.symbol,
            order_id=intent.client_order_id,
            sequence=own.sequence,
            side=intent.side,
            offset=intent.offset,
            price=own.price,
            lots=intent.volume_lots,
            filled=own.filled,
            left=own.left,
            reason=reason,
            message=message,
        )
