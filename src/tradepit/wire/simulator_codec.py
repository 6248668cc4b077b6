"""Between the model and the simulator's JSON: the one place where ticks become prices and sides become LONG and SHORT."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from functools import lru_cache
from typing import TypeVar

import msgspec

from tradepit.trading.model.errors import BadRequest, PayloadTooLarge, TradepitError, VolumeNotValid
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.order import Order
from tradepit.trading.model.terms import Exchange, OrderStatus, SessionPhase, Side
from tradepit.trading.model.tick import Level, Tick
from tradepit.trading.model.trade import Trade
from tradepit.wire.simulator import MAX_REQUEST_BYTES, ErrorReply, OrderData, TickData, TradeData

_ENCODER = msgspec.json.Encoder(decimal_format="number")
_CST = timezone(timedelta(hours=8))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DIRECTIONS = {Side.BUY: "LONG", Side.SELL: "SHORT"}
_SIDES = {direction: side for side, direction in _DIRECTIONS.items()}
_STATUSES = {
    OrderStatus.RECEIVED: "PENDING",
    OrderStatus.PENDING_NEW: "PENDING",
    OrderStatus.SENDING: "PENDING",
    OrderStatus.SUBMITTED: "PENDING",
    OrderStatus.OPEN: "PENDING",
    OrderStatus.RISK_REJECTED: "REJECTED",
}
MAX_LOTS = 1_000_000
_LAST_DAY = 99_991_231
_MAX_COUNT = 2**63 - 1
_MAX_MAGNITUDE = 30

Body = TypeVar("Body", bound=msgspec.Struct)


def encode(value: object) -> bytes:
    """JSON bytes; decimals are written as exact JSON numbers."""
    return _ENCODER.encode(value)


def decode(payload: bytes, kind: type[Body]) -> Body:
    """A request body. An ``{"params": {...}}`` envelope is accepted too. Raises BadRequest, PayloadTooLarge."""
    if len(payload) > MAX_REQUEST_BYTES:
        raise PayloadTooLarge(size=len(payload), limit=MAX_REQUEST_BYTES)
    try:
        if b'"params"' in payload:
            envelope = msgspec.json.decode(payload, type=dict[str, msgspec.Raw])
            payload = bytes(envelope.get("params", payload))
        return msgspec.json.decode(payload or b"{}", type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ArithmeticError, ValueError) as error:
        raise BadRequest(str(error)[:200]) from error


def encode_error(error: TradepitError) -> bytes:
    """The reply that carries a refusal to its sender."""
    details = {key: str(value)[:200] for key, value in error.details.items()}
    return encode(ErrorReply(error=error.reason_code, message=error.message, details=details))


def side_of(direction: str) -> Side:
    """BUY for LONG, SELL for SHORT. Raises BadRequest."""
    side = _SIDES.get(direction)
    if side is None:
        raise BadRequest("direction must be LONG or SHORT", direction=direction)
    return side


def lots_of(volume: float) -> int:
    """Whole lots from a JSON number. Raises VolumeNotValid."""
    if not 0 < volume <= MAX_LOTS or volume != int(volume):
        raise VolumeNotValid(volume=volume)
    return int(volume)


def to_iso(time_ns: int) -> str:
    """ISO-8601 with microseconds in China Standard Time (UTC+8), as market data of these exchanges is dated."""
    seconds, nanoseconds = divmod(time_ns, 1_000_000_000)
    return f"{_second(seconds)}.{nanoseconds // 1000:06d}+08:00"


@lru_cache(maxsize=64)
def _second(seconds: int) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).astimezone(_CST).replace(tzinfo=None).isoformat()


def from_iso(text: str) -> int:
    """UTC nanoseconds of an ISO-8601 instant with offset. Raises BadRequest."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadRequest("not an ISO-8601 instant", datetime=text[:64]) from error
    if moment.tzinfo is None:
        raise BadRequest("an instant needs its offset", datetime=text[:64])
    delta = moment - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000_000 + delta.microseconds * 1000


def order_data(order: Order, instrument: Instrument, *, seq: int, trading_day: int) -> OrderData:
    """An order in the simulator's words. ``datetime`` is the instant of its last change."""
    intent = order.intent
    return OrderData(
        symbol=intent.symbol,
        exchange=intent.exchange.value,
        orderid=order.order_id,
        type=intent.order_type.value,
        direction=_DIRECTIONS[intent.side],
        offset=intent.offset.value,
        price=instrument.to_price(intent.price_ticks),
        volume=intent.volume_lots,
        traded=order.traded_lots,
        status=_STATUSES.get(order.status, order.status.value),
        datetime=to_iso(order.updated_ns),
        reference=intent.reference,
        client_order_id=intent.client_order_id,
        account=intent.account,
        trading_day=str(trading_day),
        seq=seq,
        reason=order.reason,
    )


def trade_data(trade: Trade, instrument: Instrument, *, seq: int) -> TradeData:
    """A trade in the simulator's words."""
    return TradeData(
        symbol=trade.symbol,
        exchange=trade.exchange.value,
        orderid=trade.order_id,
        tradeid=trade.trade_id,
        direction=_DIRECTIONS[trade.side],
        offset=trade.offset.value,
        price=instrument.to_price(trade.price_ticks),
        volume=trade.volume_lots,
        datetime=to_iso(trade.time_ns),
        client_order_id=trade.client_order_id,
        account=trade.account,
        trading_day=str(trade.trading_day),
        fee=Decimal(trade.fee),
        seq=seq,
    )


def _levels(prefix: str, levels: tuple[Level, ...], instrument: Instrument) -> dict[str, object]:
    fields: dict[str, object] = {f"{prefix}_price_1": Decimal(0), f"{prefix}_volume_1": 0}
    for number, level in enumerate(levels[:10], start=1):
        fields[f"{prefix}_price_{number}"] = instrument.to_price(level.price_ticks)
        fields[f"{prefix}_volume_{number}"] = level.lots
    return fields


def tick_data(tick: Tick, instrument: Instrument) -> TickData:
    """A tick in the simulator's words."""
    price = instrument.to_price
    return TickData(
        symbol=tick.symbol,
        exchange=tick.exchange.value,
        datetime=to_iso(tick.time_ns),
        trading_day=str(tick.trading_day),
        last_price=price(tick.last_ticks),
        volume=tick.volume_lots,
        turnover=tick.turnover,
        open_interest=tick.open_interest,
        open_price=price(tick.open_ticks),
        high_price=price(tick.high_ticks),
        low_price=price(tick.low_ticks),
        limit_up=price(tick.upper_limit_ticks),
        limit_down=price(tick.lower_limit_ticks),
        pre_close=price(tick.pre_close_ticks),
        pre_settlement=tick.pre_settlement,
        phase=tick.phase.value,
        **_levels("bid", tick.bids, instrument),  # type: ignore[arg-type]  # one dict carries both prices and volumes
        **_levels("ask", tick.asks, instrument),  # type: ignore[arg-type]  # one dict carries both prices and volumes
    )


def _ticks_or_none(price: Decimal, instrument: Instrument) -> int:
    return instrument.to_ticks(price) if price else 0


def _read_levels(data: TickData, prefix: str, instrument: Instrument) -> tuple[Level, ...]:
    levels = []
    for number in range(1, 11):
        lots = getattr(data, f"{prefix}_volume_{number}")
        if lots <= 0:
            break
        if lots > _MAX_COUNT:
            raise BadRequest("out of range", field=f"{prefix}_volume_{number}")
        levels.append(Level(instrument.to_ticks(getattr(data, f"{prefix}_price_{number}")), lots))
    return tuple(levels)


def _check_amounts(data: TickData) -> None:
    for name in ("volume", "open_interest"):
        if not 0 <= getattr(data, name) <= _MAX_COUNT:
            raise BadRequest("out of range", field=name)
    for name in ("turnover", "pre_settlement"):
        amount = getattr(data, name)
        if not amount.is_finite() or amount < 0 or amount.adjusted() > _MAX_MAGNITUDE:
            raise BadRequest("not an amount", field=name)


def tick_of(data: TickData, instrument: Instrument) -> Tick:
    """The tick that ``data`` tells. Raises BadRequest, PriceWrongTick and their kin."""
    _check_amounts(data)
    try:
        exchange, phase, day = Exchange(data.exchange), SessionPhase(data.phase), int(data.trading_day)
    except ValueError as error:
        raise BadRequest(str(error)[:200]) from error
    if not 0 <= day <= _LAST_DAY:
        raise BadRequest("trading_day must be YYYYMMDD", trading_day=data.trading_day[:16])
    return Tick(
        symbol=data.symbol,
        exchange=exchange,
        time_ns=from_iso(data.datetime),
        trading_day=day,
        last_ticks=_ticks_or_none(data.last_price, instrument),
        volume_lots=data.volume,
        turnover=data.turnover,
        open_interest=data.open_interest,
        open_ticks=_ticks_or_none(data.open_price, instrument),
        high_ticks=_ticks_or_none(data.high_price, instrument),
        low_ticks=_ticks_or_none(data.low_price, instrument),
        upper_limit_ticks=_ticks_or_none(data.limit_up, instrument),
        lower_limit_ticks=_ticks_or_none(data.limit_down, instrument),
        pre_close_ticks=_ticks_or_none(data.pre_close, instrument),
        pre_settlement=data.pre_settlement,
        bids=_read_levels(data, "bid", instrument),
        asks=_read_levels(data, "ask", instrument),
        phase=phase,
    )
