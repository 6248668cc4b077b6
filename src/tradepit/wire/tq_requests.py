"""Requests of the broker connect, enveloped or flat: read into one shape, refused with a code, salvaged as far as they go."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from tradepit.trading.model.errors import BadRequest, PayloadTooLarge, PriceNotValid, VolumeNotValid
from tradepit.trading.model.ids import check_id
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.terms import Exchange, Offset, OrderType, Side
from tradepit.wire.tq import CancelMessage, SubmitMessage, SubmitPayload
from tradepit.wire.tq_flat import FlatCancel, FlatOrder

MAX_REQUEST_BYTES = 64 * 1024
MAX_LOTS = 1_000_000
SUBMIT, CANCEL = "SUBMIT", "CANCEL"
_OFFSETS = {offset.value: offset for offset in (Offset.OPEN, Offset.CLOSE, Offset.CLOSETODAY)}
_EXCHANGES = {exchange.value: exchange for exchange in Exchange if exchange is not Exchange.HNX}
_SIDES = {side.value: side for side in Side}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TOO_LATE_NS = 2**63
_ANY = msgspec.json.Decoder()
_Shape = TypeVar("_Shape", bound=msgspec.Struct)


class Submit(msgspec.Struct, frozen=True, kw_only=True):
    """An order as asked for. ``symbol`` is the bare contract code; ``limit_price`` is None for a market order.

    ``sent_ns`` is the sender's instant (UTC ns), 0 when not told.
    """

    order_id: str
    portfolio_id: str
    exchange: Exchange
    symbol: str
    side: Side
    offset: Offset
    volume_lots: int
    limit_price: Decimal | None
    sent_ns: int = 0


class Cancel(msgspec.Struct, frozen=True, kw_only=True):
    """A cancel as asked for."""

    order_id: str
    portfolio_id: str
    sent_ns: int = 0


class Salvaged(msgspec.Struct, frozen=True, kw_only=True):
    """What can be read of a request that cannot be used: empty texts and zeros where nothing can."""

    order_id: str = ""
    portfolio_id: str = ""
    symbol: str = ""
    direction: str = ""
    offset: str = ""
    volume: int = 0
    limit_price: float | None = None


def read_request(payload: bytes) -> Submit | Cancel:
    """A request in either shape. Unknown fields are ignored.

    Raises BadRequest and its kin (PayloadTooLarge, IdNotValid, VolumeNotValid, PriceNotValid).
    """
    body = _read_object(payload)
    if "payload" in body:
        return _read_enveloped(body)
    kind = body.get("action") or (body.get("type") if body.get("type") in (SUBMIT, CANCEL) else "") or SUBMIT
    if kind == CANCEL:
        flat = _decode({**body, "action": CANCEL}, FlatCancel)
        if flat.type not in ("", "order_id", CANCEL):
            raise BadRequest("only single orders can be cancelled", type=flat.type[:32])
        return _cancel(flat.order_id, flat.portfolio_id, flat.timestamp)
    if kind != SUBMIT:
        raise BadRequest("action must be SUBMIT or CANCEL", action=str(kind)[:32])
    order = _decode(body, FlatOrder)
    return _submit(order, order.timestamp)


def salvage(payload: bytes) -> Salvaged:
    """What is left of a request that was refused. Never raises."""
    try:
        body = _read_object(payload)
        inner = body.get("payload")
        fields = inner if isinstance(inner, dict) else body
        found = {name: fields[name] for name in Salvaged.__struct_fields__ if name in fields}
        return Salvaged(**{name: value for name, value in found.items() if _fits(name, value)})
    except BadRequest:
        return Salvaged()


def intent_of(order: Submit, instrument: Instrument, account: str) -> OrderIntent:
    """The order for ``account`` on a listed contract. Raises BadRequest (another exchange's), PriceNotValid, PriceWrongTick."""
    if instrument.product.exchange is not order.exchange:
        raise BadRequest("the contract is not listed there", symbol=order.symbol, exchange=order.exchange.value)
    price = order.limit_price
    return OrderIntent(
        client_order_id=order.order_id,
        account=account,
        symbol=order.symbol,
        exchange=order.exchange,
        side=order.side,
        offset=order.offset,
        order_type=OrderType.MARKET if price is None else OrderType.LIMIT,
        price_ticks=0 if price is None else instrument.to_ticks(price),
        volume_lots=order.volume_lots,
        created_ns=order.sent_ns,
    )


def split_symbol(symbol: str) -> tuple[Exchange, str]:
    """Exchange and bare contract code of ``SHFE.rb2505``. Raises BadRequest."""
    exchange, dot, code = symbol.partition(".")
    if exchange not in _EXCHANGES or not dot:
        raise BadRequest("symbol must be EXCHANGE.contract", symbol=symbol[:64])
    return _EXCHANGES[exchange], check_id(code, "symbol")


def _read_enveloped(body: dict[str, Any]) -> Submit | Cancel:
    kind = body.get("type")
    if kind == SUBMIT:
        told = _decode(body, SubmitMessage)
        return _submit(told.payload, told.timestamp)
    if kind == CANCEL:
        wish = _decode(body, CancelMessage)
        return _cancel(wish.payload.order_id, wish.payload.portfolio_id, wish.timestamp)
    raise BadRequest("type must be SUBMIT or CANCEL", type=str(kind)[:32])


def _read_object(payload: bytes) -> dict[str, Any]:
    if len(payload) > MAX_REQUEST_BYTES:
        raise PayloadTooLarge(size=len(payload), limit=MAX_REQUEST_BYTES)
    try:
        body = _ANY.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise BadRequest(str(error)[:200]) from error
    if not isinstance(body, dict):
        raise BadRequest("a request must be a JSON object")
    return body


def _decode(body: dict[str, Any], kind: type[_Shape]) -> _Shape:
    try:
        return msgspec.convert(body, kind)
    except (msgspec.ValidationError, ValueError, OverflowError) as error:
        raise BadRequest(str(error)[:200]) from error


def _submit(order: SubmitPayload | FlatOrder, sent: str | int) -> Submit:
    exchange, symbol = split_symbol(order.symbol)
    if order.direction not in _SIDES:
        raise BadRequest("direction must be BUY or SELL", direction=order.direction[:32])
    if order.offset not in _OFFSETS:
        raise BadRequest("offset must be OPEN, CLOSE or CLOSETODAY", offset=order.offset[:32])
    return Submit(
        order_id=check_id(order.order_id, "order_id"),
        portfolio_id=check_id(order.portfolio_id, "portfolio_id"),
        exchange=exchange,
        symbol=symbol,
        side=_SIDES[order.direction],
        offset=_OFFSETS[order.offset],
        volume_lots=_lots(order.volume),
        limit_price=_price(order.limit_price),
        sent_ns=_instant(sent),
    )


def _cancel(order_id: str, portfolio_id: str, sent: str | int) -> Cancel:
    return Cancel(
        order_id=check_id(order_id, "order_id"), portfolio_id=check_id(portfolio_id, "portfolio_id"), sent_ns=_instant(sent)
    )


def _lots(volume: float) -> int:
    if not 0 < volume <= MAX_LOTS or volume != int(volume):
        raise VolumeNotValid(volume=volume)
    return int(volume)


def _price(price: float | None) -> Decimal | None:
    if price is None:
        return None
    if not 0 < price < float("inf"):
        raise PriceNotValid(price=price)
    # The shortest text that reads back as the same number is what the sender wrote.
    return Decimal(repr(price))


def _instant(sent: str | int) -> int:
    if not sent:
        return 0
    if isinstance(sent, int):
        if not 0 < sent < _TOO_LATE_NS:
            raise BadRequest("timestamp must be UTC nanoseconds", timestamp=sent)
        return sent
    try:
        moment = datetime.fromisoformat(sent)
    except ValueError as error:
        raise BadRequest("timestamp must be ISO-8601", timestamp=sent[:64]) from error
    if moment.tzinfo is None:
        raise BadRequest("a timestamp needs its offset", timestamp=sent[:64])
    delta = moment - _EPOCH
    told_ns = (delta.days * 86_400 + delta.seconds) * 1_000_000_000 + delta.microseconds * 1000
    if not 0 <= told_ns < _TOO_LATE_NS:
        raise BadRequest("timestamp must be from 1970 to 2262", timestamp=sent[:64])
    return told_ns


def _fits(name: str, value: object) -> bool:
    if name in ("order_id", "portfolio_id"):
        return isinstance(value, str) and 0 < len(value) <= 64 and all(c.isascii() and (c.isalnum() or c in "_-") for c in value)
    if name == "volume":
        return type(value) is int and 0 <= value <= MAX_LOTS
    if name == "limit_price":
        return isinstance(value, float) and 0 < value < 1e12
    return isinstance(value, str) and len(value) <= 64 and value.isascii() and value.isprintable()
