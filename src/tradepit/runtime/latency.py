"""A meter of recent latencies: the median and the worst of the last thousand, cheap enough for every request."""

from collections import deque

_KEPT = 1_000


class LatencyMeter:
    """Microseconds of the last ``kept`` measurements."""

    def __init__(self, kept: int = _KEPT) -> None:
        self._recent: deque[float] = deque(maxlen=kept)

    def add(self, took_ns: int) -> None:
        """Note one measurement in nanoseconds."""
        self._recent.append(took_ns / 1e3)

    def percentiles(self) -> tuple[float, float]:
        """Median and 99th percentile in microseconds, 0 before anything was measured."""
        if not self._recent:
            return 0.0, 0.0
        ordered = sorted(self._recent)
        return round(ordered[len(ordered) // 2], 1), round(ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))], 1)
