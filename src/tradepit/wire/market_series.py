"""The names of a market's hot window in the cache: series of each contract, their rollups, and the keys of its newest tick, book and phase.

``markets:{ticker}:price|volume``, their labels and the longest retention are the bot platform document's, whose own store writes
tickers in lower case. ``volume`` are lots as ticks tell them: the day's so far. Beside them stand the best quotes, and rollups such
as ``markets:{ticker}:price:1m:max``.
"""

from tradepit.ports.series import Aggregate, Buckets, Rollup, TimeSeries

PRICE, VOLUME = "price", "volume"
BID, ASK, BID_LOTS, ASK_LOTS = "bid", "ask", "bid_lots", "ask_lots"
QUOTES = (BID, ASK, BID_LOTS, ASK_LOTS)
RETENTION_MS = 30 * 86_400_000
LENGTHS_MS = {"1s": 1_000, "1m": 60_000}
"""Bars by the names of their lengths."""

_PRICE_AGGREGATES = (Aggregate.FIRST, Aggregate.MAX, Aggregate.MIN, Aggregate.LAST)
_VOLUME_AGGREGATES = (Aggregate.LAST,)
NEWEST_PREFIX = "markets."


def price_series(ticker: str, *, retention_ms: int = RETENTION_MS) -> TimeSeries:
    """A contract's last prices, in quoted units."""
    return _series(ticker, PRICE, retention_ms)


def volume_series(ticker: str, *, retention_ms: int = RETENTION_MS) -> TimeSeries:
    """A contract's volumes, in lots."""
    return _series(ticker, VOLUME, retention_ms)


def hot_series(ticker: str, *, window_ms: int, bars_ms: int) -> dict[str, TimeSeries]:
    """Every series of a contract by its metric: ticks and bars of a second reach back ``window_ms``, bars of a minute ``bars_ms``."""
    kept = {"1s": window_ms, "1m": bars_ms}
    return {
        PRICE: _with_rollups(ticker, PRICE, window_ms, kept, _PRICE_AGGREGATES),
        VOLUME: _with_rollups(ticker, VOLUME, window_ms, kept, _VOLUME_AGGREGATES),
    } | {metric: _series(ticker, metric, window_ms) for metric in QUOTES}


def series_key(ticker: str, metric: str) -> str:
    """The key of a contract's series."""
    return f"markets:{ticker.lower()}:{metric}"


def rollup_key(ticker: str, metric: str, length: str, aggregate: Aggregate) -> str:
    """The key of a rollup."""
    return f"{series_key(ticker, metric)}:{length}:{aggregate.value}"


def newest_tick_key(ticker: str) -> str:
    """Where the cache holds a contract's newest tick, as a ``KeptTick``."""
    return f"{NEWEST_PREFIX}{ticker.lower()}.tick"


def newest_depth_key(ticker: str) -> str:
    """Where the cache holds the exchange's own book of a contract, as a ``KeptTick``."""
    return f"{NEWEST_PREFIX}{ticker.lower()}.depth"


def newest_phase_key(ticker: str) -> str:
    """Where the cache holds a contract's session phase, as a ``PhaseData``."""
    return f"{NEWEST_PREFIX}{ticker.lower()}.phase"


def _series(ticker: str, metric: str, retention_ms: int) -> TimeSeries:
    name = ticker.lower()
    return TimeSeries(key=series_key(name, metric), retention_ms=retention_ms, labels=(("ticker", name), ("metric", metric)))


def _with_rollups(
    ticker: str, metric: str, window_ms: int, kept: dict[str, int], aggregates: tuple[Aggregate, ...]
) -> TimeSeries:
    name = ticker.lower()
    rollups = tuple(
        Rollup(
            series=TimeSeries(
                key=rollup_key(name, metric, length, aggregate),
                retention_ms=kept[length],
                # Not ``metric``: whoever looks for prices by their label does not mean these.
                labels=(("ticker", name), ("of", metric), ("length", length), ("aggregate", aggregate.value)),
            ),
            buckets=Buckets(length_ms=length_ms, aggregate=aggregate),
        )
        for length, length_ms in LENGTHS_MS.items()
        for aggregate in aggregates
    )
    plain = _series(name, metric, window_ms)
    return TimeSeries(key=plain.key, retention_ms=plain.retention_ms, labels=plain.labels, rollups=rollups)
