"""A bot's counters for Prometheus: written by the bot's thread, read by whoever looks; sums only grow."""

from collections import Counter

TICK_BUCKETS_MS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 300.0, 1_000.0, 5_000.0)


class BotFigures:
    """They outlive a RELOAD, as a process's counters should."""

    def __init__(self) -> None:
        self.tick_counts = [0] * (len(TICK_BUCKETS_MS) + 1)
        self.tick_sum_ms = 0.0
        self.intents: Counter[tuple[str, str]] = Counter()
        self.exceptions = self.stuck_calls = self.starts = self.forced_stops = 0

    def add_tick(self, latency_ms: float) -> None:
        """``on_tick`` returned so long after the tick had come."""
        place = next((number for number, most in enumerate(TICK_BUCKETS_MS) if latency_ms <= most), len(TICK_BUCKETS_MS))
        self.tick_counts[place] += 1
        self.tick_sum_ms += latency_ms

    @property
    def ticks(self) -> int:
        """Calls of ``on_tick``."""
        return sum(self.tick_counts)

    def tick_ms(self, share: float = 0.95) -> float:
        """The bound of the bucket in which the quantile lies, 0.0 without ticks."""
        wanted, seen = share * self.ticks, 0
        if not wanted:
            return 0.0
        for most, count in zip((*TICK_BUCKETS_MS, TICK_BUCKETS_MS[-1]), self.tick_counts, strict=True):
            seen += count
            if seen >= wanted:
                return most
        return TICK_BUCKETS_MS[-1]
