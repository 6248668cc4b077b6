"""One instrument's day in figures: last, open, high, low, volume, turnover and open interest of the whole market."""

from decimal import Decimal

import msgspec

from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.tick import Tick


class MarketStatistics(msgspec.Struct):
    """The market is the venue's own trades and what outside ticks report: volumes and turnovers of both are added.

    Prices are integer ticks, 0 for none yet. ``own_value`` is the sum of ticks * lots of the venue's trades. ``own_gross_lots``
    are all long and short lots held here, the outside's against accounts included: each open contract appears in it twice.
    ``outside_*`` are the cumulative figures of the last outside tick; ``outside_seen`` is false until the day's first one.
    """

    last_ticks: int = 0
    open_ticks: int = 0
    high_ticks: int = 0
    low_ticks: int = 0
    pre_close_ticks: int = 0
    own_lots: int = 0
    own_value: int = 0
    own_gross_lots: int = 0
    outside_seen: bool = False
    outside_time_ns: int = 0
    outside_lots: int = 0
    outside_turnover: Decimal = Decimal(0)
    outside_interest: int = 0

    def trade(self, ticks: int, lots: int) -> None:
        """Count one trade of the venue."""
        if not self.open_ticks:
            self.open_ticks = self.high_ticks = self.low_ticks = ticks
        elif ticks > self.high_ticks:
            self.high_ticks = ticks
        elif ticks < self.low_ticks:
            self.low_ticks = ticks
        self.last_ticks = ticks
        self.own_lots += lots
        self.own_value += ticks * lots

    def show(self, tick: Tick) -> tuple[int, Decimal, bool]:
        """Take over an outside tick's figures; returns the lots and the turnover traded outside since the last one, and whether a
        snapshot would now show anything new.
        """
        lots, turnover = tick.volume_lots - self.outside_lots, tick.turnover - self.outside_turnover
        changed = lots != 0 or tick.open_interest != self.outside_interest
        self.outside_seen = True
        self.outside_time_ns = tick.time_ns
        self.outside_lots, self.outside_turnover, self.outside_interest = tick.volume_lots, tick.turnover, tick.open_interest
        last, low = tick.last_ticks, tick.low_ticks
        if last and (lots or not self.last_ticks):
            self.last_ticks, changed = last, True
        if tick.open_ticks and not self.open_ticks:
            self.open_ticks, changed = tick.open_ticks, True
        if tick.high_ticks > self.high_ticks:
            self.high_ticks, changed = tick.high_ticks, True
        if low and (low < self.low_ticks or not self.low_ticks):
            self.low_ticks, changed = low, True
        return lots, turnover, changed

    def volume_lots(self) -> int:
        """Lots traded today, here and outside, each match counted once."""
        return self.own_lots + self.outside_lots

    def turnover(self, instrument: Instrument) -> Decimal:
        """Contract value traded today, here and outside, in the product's currency."""
        return self.outside_turnover + instrument.notional(self.own_value, 1)

    def open_interest(self) -> int:
        """Open contracts, here and outside, each counted once."""
        return self.outside_interest + self.own_gross_lots // 2

    def next_day(self) -> "MarketStatistics":
        """The figures with which the next trading day begins: positions and the last price stay, the day's sums are zero."""
        return MarketStatistics(
            pre_close_ticks=self.last_ticks or self.pre_close_ticks,
            own_gross_lots=self.own_gross_lots,
            outside_interest=self.outside_interest,
        )
