"""The engine's side of the broker connect: publish orders and cancels, read positions and money, ask what became of an order."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TypeVar

import msgspec

from tradepit.ports.bus import Bus
from tradepit.ports.cache import Cache
from tradepit.ports.clock import Clock
from tradepit.ports.store import Store
from tradepit.trading.model.errors import BadRequest, InternalError
from tradepit.trading.orders.order_record import OrderEvent, OrderRecord
from tradepit.wire import tq, tq_flat
from tradepit.wire.tq_codec import encode, to_timestamp
from tradepit.wire.tq_requests import read_request

_Kept = TypeVar("_Kept", bound=msgspec.Struct)
_Value = TypeVar("_Value")


class TqBrokerClient:
    """One portfolio's orders. What it publishes is what the documents show: enveloped, or flat where the contract has one queue.

    Requests are checked before they are published, by the very code that reads them on the other side. ``order_id`` is the
    caller's: publishing the same order again, after a doubt, does not trade twice. Positions, money and orders are read from where
    the services keep them; None means that nothing is known, never zero.
    """

    def __init__(
        self,
        bus: Bus,
        cache: Cache,
        rows: Store,
        clock: Clock,
        *,
        contract: tq.TqContract,
        portfolio_id: str,
        new_id: Callable[[], str],
    ) -> None:
        self._bus, self._cache, self._rows, self._clock = bus, cache, rows, clock
        self._contract, self._portfolio_id, self._new_id = contract, portfolio_id, new_id
        self._flat = contract.submit == contract.cancel

    async def submit(
        self,
        symbol: str,
        direction: str,
        offset: str,
        volume: int,
        limit_price: Decimal | float | None = None,
        *,
        order_id: str = "",
    ) -> str:
        """Publish an order (``SHFE.rb2505``, BUY or SELL, OPEN, CLOSE or CLOSETODAY); a market order without price. Its id.

        Raises BadRequest and its kin (nothing was published), Unavailable (it may have been: publish it again with the same id).
        """
        name = order_id or self._new_id()
        fields: dict[str, object] = {
            "symbol": symbol,
            "direction": direction,
            "offset": offset,
            "volume": volume,
            "limit_price": None if limit_price is None else float(limit_price),
            "order_id": name,
            "portfolio_id": self._portfolio_id,
        }
        if self._flat:
            message: object = _made(fields, tq_flat.FlatOrder)
        else:
            message = tq.SubmitMessage(
                type="SUBMIT", request_id=self._new_id(), timestamp=self._now(), payload=_made(fields, tq.SubmitPayload)
            )
        await self._publish(self._contract.submit.channel.subject, message)
        return name

    async def cancel(self, order_id: str) -> None:
        """Publish a cancel; doing it twice is doing it once. Raises like ``submit``."""
        if self._flat:
            message: object = tq_flat.FlatCancel(
                action="CANCEL", type="order_id", order_id=order_id, portfolio_id=self._portfolio_id
            )
        else:
            payload = tq.CancelPayload(order_id=order_id, portfolio_id=self._portfolio_id)
            message = tq.CancelMessage(type="CANCEL", request_id=self._new_id(), timestamp=self._now(), payload=payload)
        await self._publish(self._contract.cancel.channel.subject, message)

    async def position(self, symbol: str) -> int | None:
        """Net lots in a contract, negative for short."""
        value = await self._cache.get(tq.position_key(self._portfolio_id, symbol))
        return None if value is None else _read(value, int)

    async def breakdown(self, symbol: str) -> tq.CachedBreakdown | None:
        """Lots by side and day."""
        value = await self._cache.get(tq.breakdown_key(self._portfolio_id, symbol))
        return None if value is None else _read(value, tq.CachedBreakdown)

    async def account(self) -> tq.CachedAccount | None:
        """The account's money."""
        value = await self._cache.get(tq.account_key(self._portfolio_id))
        return None if value is None else _read(value, tq.CachedAccount)

    async def order(self, order_id: str) -> OrderRecord | None:
        """What is known of an order; a split one is found under its own id as well as its children under theirs."""
        return await self._rows.order(order_id)

    async def orders(self) -> Sequence[OrderRecord]:
        """All orders of the portfolio that are on record, by id."""
        return await self._rows.orders(self._portfolio_id)

    async def events(self, order_id: str) -> Sequence[OrderEvent]:
        """What happened to an order, in order. A request that was refused before it was an order leaves its event only."""
        return await self._rows.events(order_id)

    def _now(self) -> str:
        return to_timestamp(self._clock.now_ns())

    async def _publish(self, subject: str, message: object) -> None:
        payload = encode(message)
        read_request(payload)
        await self._bus.publish(subject, payload)


def _made(fields: dict[str, object], kind: type[_Kept]) -> _Kept:
    try:
        return msgspec.convert(fields, kind)
    except msgspec.ValidationError as error:
        raise BadRequest(str(error)[:200]) from error


def _read(value: bytes, kind: type[_Value]) -> _Value:
    try:
        return msgspec.json.decode(value, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InternalError("a key does not hold what its contract says") from error
