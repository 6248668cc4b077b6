"""Average trade prices of orders, from the trades a broker reports."""

from decimal import Decimal

from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.trade import Trade


class AveragePrices:
    """Sums per name, an order's or that of the order it is a part of. A trade counts once by day, exchange, number and side."""

    def __init__(self) -> None:
        self._sums: dict[str, tuple[int, int]] = {}
        self._counted: dict[int, set[tuple[str, str, str]]] = {}

    def add(self, name: str, trade: Trade) -> None:
        """Count a trade under ``name``; counting it again changes nothing."""
        identity = (name, f"{trade.exchange.value}.{trade.trade_id}", trade.side.value)
        counted = self._counted.setdefault(trade.trading_day, set())
        if identity in counted:
            return
        counted.add(identity)
        value, lots = self._sums.get(name, (0, 0))
        self._sums[name] = (value + trade.price_ticks * trade.volume_lots, lots + trade.volume_lots)

    def of(self, name: str, instrument: Instrument, lots: int) -> Decimal | None:
        """The average (quoted units) of the first ``lots`` that traded; None when other trades than those are known."""
        value, counted = self._sums.get(name, (0, 0))
        if not lots or counted != lots:
            return None
        return value * instrument.product.tick_size / counted

    def forget_before(self, trading_day: int) -> None:
        """Forget the trades of days before ``trading_day`` (YYYYMMDD) and the sums of those orders."""
        for day in [day for day in self._counted if day < trading_day]:
            for name, _, _ in self._counted.pop(day):
                self._sums.pop(name, None)
