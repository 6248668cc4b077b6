"""A snapshot of one instrument's market."""

from decimal import Decimal

import msgspec

from tradepit.trading.model.terms import Exchange, SessionPhase


class Level(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One price level: integer ticks and displayed lots."""

    price_ticks: int
    lots: int


class Tick(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A market snapshot. Prices are integer ticks (0 = none); ``volume_lots`` and ``turnover`` accumulate over the trading day.

    ``bids`` best (highest) first, ``asks`` best (lowest) first, at most ten. ``time_ns`` is UTC; ``trading_day`` YYYYMMDD.
    """

    symbol: str
    exchange: Exchange
    time_ns: int
    trading_day: int
    last_ticks: int
    volume_lots: int
    turnover: Decimal
    open_interest: int
    open_ticks: int
    high_ticks: int
    low_ticks: int
    upper_limit_ticks: int
    lower_limit_ticks: int
    pre_close_ticks: int
    pre_settlement: Decimal
    bids: tuple[Level, ...] = ()
    asks: tuple[Level, ...] = ()
    phase: SessionPhase = SessionPhase.CONTINUOUS
