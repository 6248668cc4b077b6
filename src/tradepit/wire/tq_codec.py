"""Between the model and the broker connect's JSON: the one place where prices become numbers and statuses ALIVE and FINISHED."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TypeVar

import msgspec

from tradepit.trading.model.account import Account
from tradepit.trading.model.errors import BadRequest, PayloadTooLarge
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.order import Order
from tradepit.trading.model.position import Position
from tradepit.trading.model.terms import Offset, OrderStatus, Side
from tradepit.wire import tq
from tradepit.wire.tq_requests import MAX_REQUEST_BYTES, Salvaged

ALIVE, FINISHED = "ALIVE", "FINISHED"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ENCODER = msgspec.json.Encoder()
_OFFSETS = {Offset.CLOSEYESTERDAY: "CLOSE"}
_REFUSED = (OrderStatus.REJECTED, OrderStatus.RISK_REJECTED)
_SIDES = {Side.BUY: "long", Side.SELL: "short"}
Body = TypeVar("Body", bound=msgspec.Struct)


def encode(value: object) -> bytes:
    """One line of JSON, spaced as Python's own ``json.dumps`` writes it: what the engine's side has always seen."""
    return msgspec.json.format(_ENCODER.encode(value), indent=0)


def read_update(payload: bytes, kind: type[Body], name: str) -> Body:
    """A message of the internal queues, which must be of the type ``name``. Raises BadRequest, PayloadTooLarge."""
    if len(payload) > MAX_REQUEST_BYTES:
        raise PayloadTooLarge(size=len(payload), limit=MAX_REQUEST_BYTES)
    try:
        update = msgspec.json.decode(payload, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise BadRequest(str(error)[:200]) from error
    told = getattr(update, "type", "")
    if told != name:
        raise BadRequest(f"type must be {name}", type=str(told)[:32])
    return update


def to_timestamp(now_ns: int) -> str:
    """ISO-8601 in UTC to the second: ``2025-12-18T10:30:05Z``."""
    return (_EPOCH + timedelta(seconds=now_ns // 1_000_000_000)).replace(tzinfo=None).isoformat() + "Z"


def from_timestamp(text: str) -> int:
    """UTC nanoseconds of a message's instant, 0 when it tells none that can be read."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return 0
    if moment.tzinfo is None:
        return 0
    delta = moment - _EPOCH
    return max(0, (delta.days * 86_400 + delta.seconds) * 1_000_000_000 + delta.microseconds * 1000)


def tq_symbol(instrument: Instrument) -> str:
    """TqSDK's name of a contract: ``SHFE.rb2505``."""
    return f"{instrument.product.exchange.value}.{instrument.symbol}"


def event_type(order: Order) -> str:
    """What has happened to an order that is now like this."""
    if order.status in _REFUSED:
        return tq.REJECTED
    if order.status is OrderStatus.FILLED:
        return tq.COMPLETE_FILL
    if order.status.terminal:
        return tq.CANCELLED
    return tq.PARTIAL_FILL if order.traded_lots else tq.NEW


def order_update(
    order: Order, instrument: Instrument, *, portfolio_id: str, trade_price: Decimal | None, now_ns: int
) -> tq.OrderUpdate:
    """An order in the contract's words. ``trade_price`` is the average of its trades (quoted units), None where not known.

    ``volume_left`` is what has not traded, of a finished order too.
    """
    intent = order.intent
    return tq.OrderUpdate(
        timestamp=to_timestamp(now_ns),
        portfolio_id=portfolio_id,
        order_id=intent.client_order_id,
        exchange_order_id=order.order_id,
        symbol=tq_symbol(instrument),
        direction=intent.side.value,
        offset=_OFFSETS.get(intent.offset, intent.offset.value),
        status=FINISHED if order.status.terminal else ALIVE,
        event_type=event_type(order),
        volume_orign=intent.volume_lots,
        volume_left=intent.volume_lots - order.traded_lots,
        filled_quantity=order.traded_lots,
        limit_price=float(instrument.to_price(intent.price_ticks)) if intent.price_ticks else None,
        trade_price=None if trade_price is None else float(trade_price),
        insert_date_time=order.inserted_ns,
        reason=order.reason if order.reason and order.status in _REFUSED else msgspec.UNSET,
    )


def refusal(told: Salvaged, *, portfolio_id: str, reason: str, now_ns: int) -> tq.OrderUpdate:
    """The event of a request that never became an order: REJECTED, without an exchange's id and without an instant of insertion."""
    return tq.OrderUpdate(
        timestamp=to_timestamp(now_ns),
        portfolio_id=told.portfolio_id or portfolio_id,
        order_id=told.order_id,
        exchange_order_id="",
        symbol=told.symbol,
        direction=told.direction,
        offset=told.offset,
        status=FINISHED,
        event_type=tq.REJECTED,
        volume_orign=told.volume,
        volume_left=told.volume,
        filled_quantity=0,
        limit_price=told.limit_price,
        trade_price=None,
        insert_date_time=0,
        reason=reason,
    )


def breakdowns(positions: Iterable[Position]) -> dict[str, tq.Breakdown]:
    """Positions by TqSDK symbol, both sides together."""
    sums: dict[str, dict[str, int]] = {}
    for held in positions:
        told = sums.setdefault(f"{held.exchange.value}.{held.symbol}", dict.fromkeys(tq.Breakdown.__struct_fields__, 0))
        side = _SIDES[held.side]
        told[f"pos_{side}"] += held.lots
        told[f"pos_{side}_today"] += held.today_lots
        told[f"pos_{side}_his"] += held.yesterday_lots
    return {symbol: tq.Breakdown(**told) for symbol, told in sums.items()}


def position_update(symbol: str, held: tq.Breakdown, *, portfolio_id: str, now_ns: int) -> tq.PositionUpdate:
    """A position in the contract's words."""
    return tq.PositionUpdate(
        timestamp=to_timestamp(now_ns),
        portfolio_id=portfolio_id,
        symbol=symbol,
        net_position=held.pos_long - held.pos_short,
        breakdown=held,
    )


def cached_breakdown(held: tq.Breakdown) -> tq.CachedBreakdown:
    """The value of a position's breakdown key."""
    return tq.CachedBreakdown(**{name: getattr(held, name) for name in tq.CachedBreakdown.__struct_fields__})


def account_update(account: Account, *, portfolio_id: str, now_ns: int) -> tq.AccountUpdate:
    """An account's money in the contract's words."""
    return tq.AccountUpdate(
        timestamp=to_timestamp(now_ns),
        portfolio_id=portfolio_id,
        balance=float(account.balance),
        available=float(account.available),
        margin=float(account.margin),
        float_profit=float(account.float_profit),
        position_profit=float(account.position_profit),
        risk_ratio=float(account.risk_ratio),
    )


def cached_account(told: tq.AccountUpdate) -> tq.CachedAccount:
    """The value of an account key."""
    return tq.CachedAccount(**{name: getattr(told, name) for name in tq.CachedAccount.__struct_fields__})
