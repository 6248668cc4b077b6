"""How busy a market is through its day: the U of volatility and volume over the hours of continuous trading."""

from bisect import bisect_right
from collections.abc import Sequence
from math import exp

from tradepit.trading.calendar.sessions import PhaseWindow
from tradepit.trading.model.terms import SessionPhase

_FLOOR, _OPENING, _CLOSING = 0.75, 1.1, 0.45
_OPENING_FADES, _CLOSING_RISES = 0.08, 0.07


class DayCurve:
    """Continuous trading of one trading day as a fraction from 0 (open) to 1 (close); breaks take no part of it."""

    def __init__(self, windows: Sequence[PhaseWindow]) -> None:
        trading = [window for window in windows if window.phase is SessionPhase.CONTINUOUS]
        self._starts = [window.start_ns for window in trading]
        self._ends = [window.end_ns for window in trading]
        self._before = [0]
        for window in trading:
            self._before.append(self._before[-1] + window.end_ns - window.start_ns)

    @property
    def trading_ns(self) -> int:
        """Nanoseconds of continuous trading in the day."""
        return self._before[-1]

    @property
    def close_ns(self) -> int:
        """The instant continuous trading ends, 0 on a day without."""
        return self._ends[-1] if self._ends else 0

    def elapsed_ns(self, now_ns: int) -> int:
        """Nanoseconds of continuous trading before ``now_ns`` (UTC)."""
        index = bisect_right(self._starts, now_ns) - 1
        return 0 if index < 0 else self._before[index] + min(now_ns, self._ends[index]) - self._starts[index]

    def instant_ns(self, elapsed_ns: int) -> int:
        """The instant (UTC ns) at which ``elapsed_ns`` of continuous trading have passed; the inverse of ``elapsed_ns``."""
        index = min(bisect_right(self._before, elapsed_ns) - 1, len(self._starts) - 1)
        return self._starts[index] + elapsed_ns - self._before[index]

    def trades_at(self, now_ns: int) -> bool:
        """True while trading is continuous."""
        index = bisect_right(self._starts, now_ns) - 1
        return index >= 0 and now_ns < self._ends[index]

    def volatility(self, now_ns: int) -> float:
        """Volatility relative to the day's middle: high after the open, low around noon, rising into the close."""
        at = self.elapsed_ns(now_ns) / self.trading_ns if self.trading_ns else 0.5
        return _FLOOR + _OPENING * exp(-at / _OPENING_FADES) + _CLOSING * exp((at - 1) / _CLOSING_RISES)
