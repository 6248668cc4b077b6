"""The names of a market's hot window: a series of prices and one of volumes per contract, ``markets:{ticker}:price|volume``.

Names, labels and retention are the bot platform document's, whose own store writes tickers in lower case.
"""

from tradepit.ports.series import TimeSeries

PRICE, VOLUME = "price", "volume"
RETENTION_MS = 30 * 86_400_000


def price_series(ticker: str, *, retention_ms: int = RETENTION_MS) -> TimeSeries:
    """A contract's last prices, in quoted units."""
    return _series(ticker, PRICE, retention_ms)


def volume_series(ticker: str, *, retention_ms: int = RETENTION_MS) -> TimeSeries:
    """A contract's volumes, in lots."""
    return _series(ticker, VOLUME, retention_ms)


def _series(ticker: str, metric: str, retention_ms: int) -> TimeSeries:
    name = ticker.lower()
    return TimeSeries(key=f"markets:{name}:{metric}", retention_ms=retention_ms, labels=(("ticker", name), ("metric", metric)))
