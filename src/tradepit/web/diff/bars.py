"""K-lines of one contract and one duration, made from its ticks, and the ids by which DIFF clients know them."""

from bisect import bisect_left, bisect_right
from datetime import date
from typing import Any

import msgspec

Record = dict[str, Any]

MARK_NS = 631_123_200_000_000_000
"""Midnight of 1 January 1990 in China: durations are counted from here."""
DAY_NS = 86_400_000_000_000
_EIGHT_HOURS_NS = 28_800_000_000_000


class ChartTick(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What charts keep of a tick; ``time_ns`` is UTC, ``day`` the trading day, prices in quoted units, 0 = none."""

    time_ns: int
    day: int
    last: float
    volume: int
    amount: float = 0.0
    interest: int = 0
    highest: float = 0.0
    lowest: float = 0.0
    bid: float = 0.0
    bid_lots: int = 0
    ask: float = 0.0
    ask_lots: int = 0


class Bar(msgspec.Struct, gc=False):
    """One K-line; ``start_ns`` is the UTC instant at which it begins, of a day's the midnight of its trading day in China."""

    start_ns: int
    open: float
    high: float
    low: float
    close: float
    volume: int
    open_oi: int
    close_oi: int

    def record(self) -> Record:
        """As in ``klines.<name>.<duration>.data``."""
        return {
            "datetime": self.start_ns,
            "open": self.open,
            "high": self.high,
            "low": self.low,
            "close": self.close,
            "volume": self.volume,
            "open_oi": self.open_oi,
            "close_oi": self.close_oi,
        }


class BarSeries:
    """Bars in the order of time. The first bar's id is its place in time and the others count on from it.

    So a series that begins later, after a restart without the past, never gives a new bar an id that an old one had.
    """

    def __init__(self, duration_ns: int, bars: list[Bar] | None = None) -> None:
        self._duration_ns = duration_ns
        self._bars = bars or []
        self._volume = self._day = self._interest = -1

    @property
    def first_id(self) -> int:
        """The id of the oldest bar, 0 when there is none."""
        return (self._bars[0].start_ns - MARK_NS) // self._duration_ns if self._bars else 0

    @property
    def last_id(self) -> int:
        """The id of the newest bar, -1 when there is none."""
        return self.first_id + len(self._bars) - 1 if self._bars else -1

    def take(self, tick: ChartTick) -> bool:
        """Count a tick in; False when it changes nothing (no price, or older than the newest bar)."""
        traded, interest = self._traded(tick), self._interest if self._interest >= 0 else tick.interest
        self._interest = tick.interest
        if tick.last <= 0:
            return False
        start_ns = start_of(tick.time_ns, tick.day, self._duration_ns)
        newest = self._bars[-1] if self._bars else None
        if newest is None or start_ns > newest.start_ns:
            self._bars.append(Bar(start_ns, tick.last, tick.last, tick.last, tick.last, traded, interest, tick.interest))
            return True
        if start_ns < newest.start_ns:
            return False
        newest.high, newest.low = max(newest.high, tick.last), min(newest.low, tick.last)
        newest.close, newest.close_oi = tick.last, tick.interest
        newest.volume += traded
        return True

    def begin_after(self, tick: ChartTick) -> None:
        """The bars so far end with this tick: lots are counted from it on."""
        self._volume, self._day, self._interest = tick.volume, tick.day, tick.interest

    def id_at(self, time_ns: int) -> int:
        """The id of the bar that stands at an instant: the last one that begins no later, else the first of all."""
        return self.first_id + max(0, bisect_right(self._bars, time_ns, key=_start) - 1)

    def id_of(self, start_ns: int) -> int:
        """The id of the bar that begins exactly then, -1 when none does."""
        place = bisect_left(self._bars, start_ns, key=_start)
        found = place < len(self._bars) and self._bars[place].start_ns == start_ns
        return self.first_id + place if found else -1

    def records(self, left_id: int, right_id: int) -> dict[str, Record]:
        """Bars by id, both ends included; ids outside the series are left out."""
        first = self.first_id
        left, right = max(left_id, first), min(right_id, self.last_id)
        return {str(number): self._bars[number - first].record() for number in range(left, right + 1)}

    def start_of(self, bar_id: int) -> int:
        """When a bar of this series begins."""
        return self._bars[bar_id - self.first_id].start_ns

    def _traded(self, tick: ChartTick) -> int:
        """Lots since the tick before. The first tick ever tells of lots that nobody here saw."""
        former, same_day = self._volume, tick.day == self._day
        self._volume, self._day = tick.volume, tick.day
        if former < 0:
            return 0
        return max(0, tick.volume - former) if same_day else tick.volume


def start_of(time_ns: int, day: int, duration_ns: int) -> int:
    """When the bar begins into which an instant of a trading day falls."""
    if duration_ns >= DAY_NS:
        time_ns = midnight_ns(day)
    return MARK_NS + (time_ns - MARK_NS) // duration_ns * duration_ns


def midnight_ns(day: int) -> int:
    """The UTC instant of midnight in China on a trading day (YYYYMMDD)."""
    days = (date(day // 10_000, day // 100 % 100, day % 100) - date(1970, 1, 1)).days
    return days * DAY_NS - _EIGHT_HOURS_NS


def _start(bar: Bar) -> int:
    return bar.start_ns
