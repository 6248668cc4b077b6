"""A trade as received from ``trades.executed``, and the model's trade it tells of."""

from collections.abc import Callable

import msgspec

from tradepit.trading.model.errors import BadRequest, PayloadTooLarge
from tradepit.trading.model.ids import check_id
from tradepit.trading.model.instrument import MAX_TICKS, Instrument
from tradepit.trading.model.terms import Exchange, Offset
from tradepit.trading.model.trade import Trade
from tradepit.wire.simulator import MAX_REQUEST_BYTES, TradeData
from tradepit.wire.simulator_codec import from_iso, side_of

_DECODER = msgspec.json.Decoder(TradeData)


def read_trade_event(payload: bytes) -> TradeData:
    """The message. Raises BadRequest for anything that is not a numbered trade, PayloadTooLarge."""
    if len(payload) > MAX_REQUEST_BYTES:
        raise PayloadTooLarge(size=len(payload), limit=MAX_REQUEST_BYTES)
    try:
        data = _DECODER.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ArithmeticError, ValueError) as error:
        raise BadRequest(str(error)[:200]) from error
    if data.seq <= 0 or not 0 < data.volume <= MAX_TICKS or not data.fee.is_finite():
        raise BadRequest("seq, volume or fee out of range", seq=data.seq, volume=data.volume)
    if not (data.trading_day.isascii() and data.trading_day.isdecimal() and len(data.trading_day) == 8):
        raise BadRequest("trading_day must be YYYYMMDD", trading_day=data.trading_day[:16])
    check_id(data.account, "account")
    check_id(data.symbol, "symbol")
    return data


def trade_of(data: TradeData, instrument_of: Callable[[str], Instrument]) -> Trade:
    """The trade told by ``data``. Raises BadRequest, PriceWrongTick and their kin, and what ``instrument_of`` raises."""
    instrument = instrument_of(data.symbol)
    try:
        exchange, offset = Exchange(data.exchange), Offset(data.offset)
    except ValueError as error:
        raise BadRequest(str(error)[:200]) from error
    return Trade(
        trade_id=data.tradeid,
        order_id=data.orderid,
        client_order_id=data.client_order_id,
        account=data.account,
        symbol=data.symbol,
        exchange=exchange,
        side=side_of(data.direction),
        offset=offset,
        price_ticks=instrument.to_ticks(data.price),
        volume_lots=data.volume,
        time_ns=from_iso(data.datetime),
        trading_day=int(data.trading_day),
        fee=str(data.fee),
    )
