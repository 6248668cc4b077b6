"""What an algorithm's worker asks of order management: send and cancel children, and tell what is on record."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Protocol, TypeVar

import msgspec

from tradepit.ports.clock import Clock
from tradepit.trading.model.errors import InternalError
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.terms import OrderStatus
from tradepit.wire.algo_codec import AlgoChildren, AlgoStanding, child_order
from tradepit.wire.simulator import OrderData

Reply = dict[str, object]
Body = TypeVar("Body", bound=msgspec.Struct)


class OrderCalls(Protocol):
    """Order management as its clients see it. Every retry carries the same id.

    Raises RequestRefused (final) with the refusal's code; OutcomeUnknown or Unavailable when asking again later is right.
    """

    async def submit(
        self,
        *,
        side: str,
        symbol: str,
        price: Decimal | None,
        volume: int,
        account: str,
        offset: str = "OPEN",
        order_type: str = "LIMIT",
        client_order_id: str = "",
        reference: str = "",
        timestamp_ns: int = 0,
    ) -> Reply:
        """Send one order."""

    async def cancel(self, *, account: str, client_order_id: str = "", orderid: str = "") -> Reply:
        """Cancel what is left of an order."""

    async def call(self, method: str, body: Mapping[str, object]) -> Reply:
        """Any other method."""


class _Sent(msgspec.Struct, frozen=True):
    order_status: OrderStatus
    traded: int = 0
    orderid: str = ""


class _Cancelled(msgspec.Struct, frozen=True):
    status: OrderStatus
    traded: int = 0
    orderid: str = ""


class _Orders(msgspec.Struct, frozen=True):
    orders: list[OrderData]


class AlgoChannel:
    """One algorithm's conversation with order management. Errors as ``OrderCalls`` says; InternalError: an unreadable answer."""

    def __init__(self, orders: OrderCalls, stamps: Clock, algo_id: str) -> None:
        self._orders, self._stamps, self._algo_id = orders, stamps, algo_id

    async def standing(self) -> AlgoStanding:
        """What is on record of the algorithm. Raises RequestRefused ORDER_NOT_FOUND when nothing is."""
        return _read(await self._ask("status"), AlgoStanding)

    async def children(self, instrument: Instrument) -> list[Order]:
        """All its children, oldest first."""
        children: list[Order] = []
        page = 0
        while True:
            reply = _read(await self._ask("children", page), AlgoChildren)
            children += [child_order(row, instrument) for row in reply.orders]
            page += 1
            if not reply.orders or len(children) >= reply.total:
                return children

    async def find(self, account: str, client_order_id: str, instrument: Instrument) -> Order | None:
        """One child, None when it is not on record."""
        body = {"account": account, "client_order_id": client_order_id}
        reply = _read(await self._orders.call("orders", body), _Orders)
        return child_order(reply.orders[0], instrument) if reply.orders else None

    async def send(self, intent: OrderIntent, instrument: Instrument) -> Order:
        """Send a child, again under the same id if need be, and what became of it."""
        reply = await self._orders.submit(
            side=intent.side.value,
            symbol=intent.symbol,
            price=instrument.to_price(intent.price_ticks),
            volume=intent.volume_lots,
            account=intent.account,
            offset=intent.offset.value,
            order_type=intent.order_type.value,
            client_order_id=intent.client_order_id,
            reference=intent.reference,
            timestamp_ns=self._stamps.now_ns(),
        )
        sent = _read(reply, _Sent)
        return _order(intent, sent.order_status, sent.traded, sent.orderid)

    async def cancel(self, intent: OrderIntent) -> Order:
        """Cancel what is left of a child, and what became of it."""
        reply = await self._orders.cancel(account=intent.account, client_order_id=intent.client_order_id)
        cancelled = _read(reply, _Cancelled)
        return _order(intent, cancelled.status, cancelled.traded, cancelled.orderid)

    async def _ask(self, action: str, page: int = 0) -> Reply:
        return await self._orders.call("algo_order", {"action": action, "algo_id": self._algo_id, "page": page})


def _read(reply: Reply, kind: type[Body]) -> Body:
    try:
        return msgspec.convert(reply, kind)
    except msgspec.ValidationError as error:
        raise InternalError(f"order management's answer cannot be read: {error}") from error


def _order(intent: OrderIntent, status: OrderStatus, traded: int, order_id: str) -> Order:
    left = 0 if status.terminal else intent.volume_lots - traded
    return Order(intent=intent, status=status, order_id=order_id, traded_lots=traded, left_lots=left)
