"""The Data API's contract: what it answers over HTTP, and what the writer of the hot window leaves for it in the cache.

Prices are JSON numbers in quoted units, instants epoch milliseconds UTC unless a name says otherwise. ``null`` is what nobody knows.
"""

from decimal import Decimal

import msgspec

from tradepit.wire.simulator import TickData

MARKET_CACHE = "market-cache"
DATA_API = "data-api"

MOST_ROWS = 5_000
"""The most ticks, bars or instruments of one answer."""

INSTRUMENTS_PATH = "/v1/instruments"
SNAPSHOT_PATH = "/v1/snapshots"
TICKS_PATH = "/v1/ticks"
BARS_PATH = "/v1/bars"


class KeptTick(msgspec.Struct, frozen=True, kw_only=True):
    """A contract's newest tick in the cache: when the writer received it (UTC ns), and since when it has missed none (ms, 0: unknown)."""

    received_ns: int
    since_ms: int = 0
    tick: TickData


class SessionView(msgspec.Struct, frozen=True, kw_only=True):
    """What a contract's session does at the exchange's instant by the calendar, and from when to when."""

    phase: str
    start_ms: int
    end_ms: int


class Level(msgspec.Struct, frozen=True, kw_only=True):
    """One level of a book."""

    price: Decimal
    lots: int


class DepthView(msgspec.Struct, frozen=True, kw_only=True):
    """The exchange's own book, best levels first, at ``time_ms`` of the exchange; ``age_s`` seconds ago it was received."""

    time_ms: int
    age_s: float
    bids: list[Level]
    asks: list[Level]


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A contract now. ``age_s`` is how long ago its tick was received; ``source``: ``cache``, or ``exchange`` that was asked instead.

    ``phase`` is what the exchange told last, ``session`` what the calendar says. ``depth`` is null where no exchange tells a book.
    """

    symbol: str
    source: str
    age_s: float
    time_ms: int
    phase: str
    tick: TickData
    depth: DepthView | None = None
    session: SessionView | None = None


class TickWindow(msgspec.Struct, frozen=True, kw_only=True):
    """Ticks as columns of one length, oldest first. ``volume`` are the day's lots so far.

    ``age_s`` is how long ago the contract's newest tick was received, null when nobody knows. The hot window begins at ``from_ms`` (0: it
    is empty). With more than was asked for at once ``next_start_ms`` is where to go on.
    """

    symbol: str
    age_s: float | None
    from_ms: int
    next_start_ms: int | None
    time_ms: list[int]
    price: list[float | None]
    volume: list[int | None]
    bid: list[float | None]
    ask: list[float | None]
    bid_lots: list[int | None]
    ask_lots: list[int | None]


class Bar(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What traded from ``time_ms`` on for the bar's length; ``volume`` are its lots, null when those before it are not known.

    ``complete`` once a later bar has begun; before that the bar may still change.
    """

    time_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: int | None
    complete: bool


class BarPage(msgspec.Struct, frozen=True, kw_only=True):
    """Bars, oldest first; an interval in which nothing was told has none. Up to ``seam_ms`` they come from the store, then from the cache.

    ``age_s`` is how long ago the contract's newest tick was received, null when nobody knows. With more than was asked for at once
    ``next_start_ms`` is where to go on.
    """

    symbol: str
    length: str
    age_s: float | None
    seam_ms: int
    next_start_ms: int | None
    bars: list[Bar]


class InstrumentView(msgspec.Struct, frozen=True, kw_only=True):
    """A listed contract."""

    symbol: str
    exchange: str
    product: str
    tick_size: Decimal
    multiplier: int
    expiry: str
    pre_settlement: Decimal


class InstrumentPage(msgspec.Struct, frozen=True, kw_only=True):
    """Contracts in the order of listing, ``total`` of them; ``age_s`` is how long ago the exchange told of them."""

    total: int
    offset: int
    trading_day: int
    age_s: float
    instruments: list[InstrumentView]


class DataVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """Answer of ``/healthz`` and ``/readyz``."""

    ok: bool
    reason: str = ""
