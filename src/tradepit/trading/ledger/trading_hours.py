"""Where an instant lies in a trading day: how long it has been traded by then, and in which hour before the close."""

import math
from functools import lru_cache

HOUR_NS = 3_600_000_000_000
Sessions = tuple[tuple[int, int], ...]


class TradingHours:
    """A day's trading time, cut into hours counted back from the close (hour 0 is the last).

    ``sessions`` are half-open (start, end) UTC ns, in order; breaks are no trading time. Without any, the day is one hour.
    """

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._total = sum(end - start for start, end in sessions)
        self.hours = max(1, math.ceil(self._total / HOUR_NS))
        # The stretch of time asked for last: from, until, trading time elapsed at its begin, its hour. Ticks come by the
        # thousand before another stretch begins.
        self._latest = (0, 0, 0, 0)

    def place(self, time_ns: int) -> tuple[int, int]:
        """Trading time (ns) from the open up to ``time_ns``, and its hour; before the open as at the open, in a break as the last
        instant before it.
        """
        begin, end, elapsed, hour = self._latest
        if not begin <= time_ns < end:
            begin, end, elapsed, hour = self._latest = self._stretch(time_ns)
        return elapsed + time_ns - begin, hour

    def _stretch(self, time_ns: int) -> tuple[int, int, int, int]:
        """The stretch around an instant within one session and one hour; outside all sessions that of the instant alone."""
        elapsed = 0
        for begin, end in self._sessions:
            if time_ns < begin:
                break
            if time_ns < end:
                here = elapsed + time_ns - begin
                hour = self._hour(here)
                # The hour is over once as many hours of trading time are left as its number says.
                over_ns = begin + self._total - hour * HOUR_NS - elapsed
                return time_ns, min(end, over_ns), here, hour
            elapsed += end - begin
        # Before the open: at the open. In a break: the last instant of the session before, for ends are exclusive.
        here = max(0, elapsed - 1)
        return time_ns, time_ns + 1, here, self._hour(here)

    def _hour(self, elapsed_ns: int) -> int:
        return (self._total - elapsed_ns - 1) // HOUR_NS if self._total else 0


@lru_cache(maxsize=256)
def hours_of(sessions: Sessions) -> TradingHours:
    """The trading hours of a day with these sessions; the contracts of a day share them."""
    return TradingHours(sessions)
