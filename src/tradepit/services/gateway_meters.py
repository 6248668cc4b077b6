"""The gateway's figures: how many commands, how fast they are applied."""

from collections import deque
from collections.abc import Callable

_SAMPLES = 2_048


class Meters:
    """Counts and recent durations. ``stopwatch`` gives monotonic nanoseconds."""

    def __init__(self, stopwatch: Callable[[], int]) -> None:
        self.stopwatch = stopwatch
        self.commands = 0
        self.refused = 0
        self.batches = 0
        self._apply_ns: deque[int] = deque(maxlen=_SAMPLES)
        self._seen_commands = 0
        self._seen_ns = stopwatch()
        self._rate = 0.0

    def applied(self, began_ns: int) -> None:
        """One command was applied since ``began_ns``."""
        self.commands += 1
        self._apply_ns.append(self.stopwatch() - began_ns)

    def rate(self) -> float:
        """Commands per second since the last call at least a second ago."""
        now = self.stopwatch()
        if now - self._seen_ns >= 1_000_000_000:
            self._rate = (self.commands - self._seen_commands) * 1e9 / (now - self._seen_ns)
            self._seen_commands, self._seen_ns = self.commands, now
        return round(self._rate, 1)

    def apply_us(self) -> tuple[float, float]:
        """Median and 99th percentile of the last applications in microseconds; zeros when there were none."""
        ordered = sorted(self._apply_ns)
        if not ordered:
            return 0.0, 0.0
        return ordered[len(ordered) // 2] / 1000, ordered[len(ordered) * 99 // 100] / 1000
