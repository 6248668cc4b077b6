"""A tick message as a record: what is kept of ``market.tick.*`` as rows, checked while it is decoded."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated

import msgspec

from tradepit.trading.model.errors import BadRequest, PayloadTooLarge
from tradepit.trading.model.instrument import MAX_TICKS
from tradepit.trading.records.tick_record import TickRecord

MAX_TICK_BYTES = 16 * 1024
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MOST = Decimal(10) ** 12
_Count = Annotated[int, msgspec.Meta(ge=0, le=MAX_TICKS)]


class _Tick(msgspec.Struct, frozen=True, gc=False):
    symbol: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    exchange: Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{1,16}$")]
    datetime: Annotated[datetime, msgspec.Meta(tz=True)]
    trading_day: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{8}$")]
    last_price: Decimal
    volume: _Count
    open_interest: _Count = 0
    bid_price_1: Decimal = Decimal(0)
    bid_volume_1: _Count = 0
    ask_price_1: Decimal = Decimal(0)
    ask_volume_1: _Count = 0


_DECODER = msgspec.json.Decoder(_Tick)


def read_tick_record(payload: bytes, subject: str) -> TickRecord | None:
    """The message as a record; None for one without a price, which no row can be made of.

    Raises BadRequest (not JSON, a field missing, of the wrong type or out of range, a symbol that is not its topic's),
    PayloadTooLarge.
    """
    if len(payload) > MAX_TICK_BYTES:
        raise PayloadTooLarge(size=len(payload), limit=MAX_TICK_BYTES)
    try:
        tick = _DECODER.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ArithmeticError, ValueError) as error:
        raise BadRequest(str(error)[:200]) from error
    if tick.symbol != subject.rpartition(".")[2]:
        raise BadRequest("the symbol is not its topic's", subject=subject[:80])
    for price in (tick.last_price, tick.bid_price_1, tick.ask_price_1):
        if not price.is_finite() or not 0 <= price < _MOST:
            raise BadRequest("a price is out of range", symbol=tick.symbol)
    time_ns = (tick.datetime - _EPOCH) // _MICROSECOND * 1_000
    if time_ns <= 0:
        raise BadRequest("the instant is out of range", symbol=tick.symbol)
    if not tick.last_price:
        return None
    return TickRecord(
        symbol=tick.symbol,
        time_ns=time_ns,
        price=tick.last_price,
        day_volume=tick.volume,
        trading_day=int(tick.trading_day),
        exchange=tick.exchange,
        open_interest=tick.open_interest,
        bid_price=tick.bid_price_1 or None,
        bid_volume=tick.bid_volume_1,
        ask_price=tick.ask_price_1 or None,
        ask_volume=tick.ask_volume_1,
    )
