"""A trade: one side's record of one match."""

import msgspec

from tradepit.trading.model.terms import Exchange, Offset, Side


class Trade(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One fill of one order. Both sides of a match share ``trade_id``; the key is (trading_day, exchange, trade_id, side).

    ``offset`` is what the exchange reports (CLOSE on exchanges that do not tell today from yesterday).
    ``trading_day`` is YYYYMMDD as an integer; ``time_ns`` is UTC nanoseconds. ``fee`` is a decimal string in the currency.
    """

    trade_id: str
    order_id: str
    client_order_id: str
    account: str
    symbol: str
    exchange: Exchange
    side: Side
    offset: Offset
    price_ticks: int
    volume_lots: int
    time_ns: int
    trading_day: int
    fee: str = "0"
