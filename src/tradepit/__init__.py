"""tradepit: a futures trading house in one package."""

__version__ = "0.1.0"
