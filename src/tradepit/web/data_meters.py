"""What the Data API counts of itself: requests, how long they took, and how many the cache could answer."""

from bisect import bisect_left
from collections import Counter

BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Timing:
    """How long answers of one kind took."""

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS_S) + 1)
        self.sum_s = 0.0

    def add(self, seconds: float) -> None:
        """One more."""
        self.counts[bisect_left(BUCKETS_S, seconds)] += 1
        self.sum_s += seconds


class DataMeters:
    """Counts since the start. ``newest_ns`` is when each contract's newest tick was received (UTC ns), as the cache told it last."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, int]] = Counter()
        self.timings: dict[str, Timing] = {}
        self.hits: Counter[str] = Counter()
        self.misses: Counter[str] = Counter()
        self.newest_ns: dict[str, int] = {}

    @property
    def hit_ratio(self) -> float:
        """The part of all questions that the cache alone answered; 1 before the first."""
        hits, misses = self.hits.total(), self.misses.total()
        return hits / (hits + misses) if hits + misses else 1.0

    def answered(self, kind: str, status: int, seconds: float) -> None:
        """A request was answered."""
        self.requests[(kind, status)] += 1
        self.timings.setdefault(kind, Timing()).add(seconds)

    def looked(self, kind: str, *, hit: bool) -> None:
        """A question was answered from the cache alone, or not."""
        (self.hits if hit else self.misses)[kind] += 1
