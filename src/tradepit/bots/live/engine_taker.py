"""Bots' orders through the broker connect: published on its queues as an engine would, looked for in the rows it keeps."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

import msgspec

from tradepit.bots.engine import TqBrokerClient
from tradepit.ports.clock import Clock
from tradepit.trading.model.errors import BadRequest, OutcomeUnknown, RequestRefused
from tradepit.trading.model.terms import OrderType
from tradepit.trading.orders.order_record import OrderEvent, OrderRecord

_REJECTED = "REJECTED"


class _Told(msgspec.Struct):
    reason: str = ""


_TOLD = msgspec.json.Decoder(_Told)
_FIRST_LOOK_S, _LAST_LOOK_S = 0.02, 0.2


class EngineRefused(RequestRefused):
    """The broker connect, or the broker behind it, refused the order."""

    code = "REFUSED"

    def __init__(self, reason: str) -> None:
        super().__init__(f"the broker connect refused the order: {reason}")
        self._reason = reason

    @property
    def reason_code(self) -> str:
        return self._reason or self.code


class EngineTaker:
    """Implements ``runtime.order_taker.OrderTaker`` over the engine's client; the connect has one portfolio, so accounts are not told.

    ``code_of`` gives a contract as the connect calls it (``CFFEX.IF2501``). An order that no row and no event knows yet is
    unknown, never refused: its message may lie in the queue until the services come back.
    """

    def __init__(
        self,
        engine: TqBrokerClient,
        clock: Clock,
        *,
        code_of: Callable[[str], str],
        timeout_s: float,
    ) -> None:
        self._engine, self._clock, self._timeout_s = engine, clock, timeout_s
        self._code_of = code_of

    async def submit(
        self,
        *,
        side: str,
        symbol: str,
        price: Decimal | None,
        volume: int,
        account: str,  # noqa: ARG002 - the portfolio is the account
        offset: str = "OPEN",
        order_type: str = "LIMIT",
        client_order_id: str = "",
        reference: str = "",  # noqa: ARG002 - the queues carry no such thing
        timestamp_ns: int = 0,  # noqa: ARG002 - the message has its own
    ) -> dict[str, object]:
        """Publish the order and wait until it is on record. Raises EngineRefused, BadRequest, OutcomeUnknown, Unavailable."""
        if order_type not in (OrderType.LIMIT, OrderType.MARKET):
            raise BadRequest("the broker connect's queues know limit and market orders", type=order_type)
        priced = price if order_type == OrderType.LIMIT else None
        await self._engine.submit(self._code_of(symbol), side, offset, volume, priced, order_id=client_order_id)
        deadline_ns = self._clock.monotonic_ns() + int(self._timeout_s * 1e9)
        look_s = _FIRST_LOOK_S
        while self._clock.monotonic_ns() < deadline_ns:
            await self._clock.sleep(look_s)
            look_s = min(_LAST_LOOK_S, look_s * 1.5)
            record, events = await self._engine.order(client_order_id), await self._engine.events(client_order_id)
            if (record is None or record.finished) and (refused := _refusal(events)) is not None:
                raise EngineRefused(refused)
            if record is not None:
                return {"success": True, "client_order_id": client_order_id, "status": "published"}
        raise OutcomeUnknown(client_order_id=client_order_id)

    async def cancel(self, *, account: str, client_order_id: str = "", orderid: str = "") -> dict[str, object]:  # noqa: ARG002 - as above
        """Publish a cancel; what it did is told by the exchange's reports. Raises Unavailable."""
        await self._engine.cancel(client_order_id)
        return {"success": True, "client_order_id": client_order_id}

    async def call(self, method: str, body: Mapping[str, object]) -> dict[str, object]:
        """``orders``: one by its id, or all of the portfolio. Raises BadRequest for anything else, Unavailable."""
        if method != "orders":
            raise BadRequest("the broker connect has no such question", method=method[:32])
        name = str(body.get("client_order_id") or "")
        if not name:
            return {"orders": [_row(record.order_id, self._status(record, ()), record) for record in await self._engine.orders()]}
        record, events = await self._engine.order(name), await self._engine.events(name)
        reason = _refusal(events) or ""
        return {"orders": [_row(name, self._status(record, events), record) | {"reason": reason}]}

    @staticmethod
    def _status(record: OrderRecord | None, events: Sequence[OrderEvent]) -> str:
        if record is None:
            return "UNKNOWN" if _refusal(events) is None else _REJECTED
        if not record.finished:
            return "PARTIAL" if record.filled_lots else "PENDING"
        if not record.left_lots:
            return "FILLED"
        return _REJECTED if not record.filled_lots and _refusal(events) is not None else "CANCELLED"


def _refusal(events: Sequence[OrderEvent]) -> str | None:
    """The code of the refusal among an order's events, None where there is none."""
    for event in events:
        if event.kind == _REJECTED:
            try:
                return _TOLD.decode(event.body).reason
            except msgspec.MsgspecError:
                return ""
    return None


def _row(name: str, status: str, record: OrderRecord | None) -> dict[str, object]:
    return {"client_order_id": name, "status": status, "traded": record.filled_lots if record is not None else 0, "reason": ""}
