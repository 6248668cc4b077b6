"""Time series in memory: for one process and for tests."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Mapping, Sequence

from tradepit.backends.cache.sample_buckets import (
    check_key,
    check_labels,
    check_most,
    check_span,
    check_told,
    into_buckets,
    touched,
)
from tradepit.ports.series import MOST_MS, Buckets, Sample, TimeSeries
from tradepit.trading.model.errors import Unavailable


class _Held:
    """One series: its instants in order, and the value of each."""

    def __init__(self, told: TimeSeries) -> None:
        self.told = told
        self.instants: list[int] = []
        self.values: dict[int, float] = {}

    def add(self, samples: Sequence[Sample]) -> None:
        for sample in samples:
            if sample.at_ms not in self.values:
                insort(self.instants, sample.at_ms)
            self.values[sample.at_ms] = sample.value
        gone = bisect_left(self.instants, self.oldest_ms)
        for instant in self.instants[:gone]:
            del self.values[instant]
        del self.instants[:gone]

    @property
    def oldest_ms(self) -> int:
        """How far back the series may reach."""
        return self.instants[-1] - self.told.retention_ms if self.told.retention_ms and self.instants else 0

    def range(self, start_ms: int, end_ms: int, most: int = 0) -> list[Sample]:
        begin, end = bisect_left(self.instants, start_ms), bisect_right(self.instants, end_ms)
        instants = self.instants[begin : min(end, begin + most) if most else end]
        return [Sample(instant, self.values[instant]) for instant in instants]

    def newest(self, most: int, end_ms: int) -> list[Sample]:
        end = bisect_right(self.instants, end_ms)
        return [Sample(instant, self.values[instant]) for instant in self.instants[max(0, end - most) : end]]


class MemorySeriesStore:
    """What memory series keep; instances that share a store see the same series."""

    def __init__(self) -> None:
        self.held: dict[str, _Held] = {}


class MemorySeries:
    """One member's view of a store."""

    def __init__(self, store: MemorySeriesStore) -> None:
        self._store = store
        self._connected = False

    async def connect(self) -> None:
        self._connected = True

    async def add(self, told: Mapping[TimeSeries, Sequence[Sample]]) -> None:
        self._check_connected()
        check_told(told)
        for series, samples in told.items():
            if samples:
                self._add(series, samples)

    async def range(self, key: str, start_ms: int, end_ms: int, *, buckets: Buckets | None = None, most: int = 0) -> list[Sample]:
        self._check_connected()
        check_key(key)
        check_span(start_ms, end_ms, buckets)
        check_most(most, 0)
        if buckets is not None:
            return self._range(key, start_ms, end_ms, buckets)[: most or None]
        held = self._store.held.get(key)
        return held.range(start_ms, end_ms, most) if held is not None else []

    async def newest(self, key: str, most: int, *, end_ms: int = MOST_MS) -> list[Sample]:
        self._check_connected()
        check_most(most, 1)
        check_span(0, end_ms, None)
        held = self._store.held.get(check_key(key))
        return held.newest(most, end_ms) if held is not None else []

    async def latest(self, key: str) -> Sample | None:
        found = await self.newest(key, 1)
        return found[0] if found else None

    async def range_by_label(
        self, labels: Mapping[str, str], start_ms: int, end_ms: int, *, buckets: Buckets | None = None
    ) -> dict[str, list[Sample]]:
        self._check_connected()
        check_labels(labels)
        check_span(start_ms, end_ms, buckets)
        wanted = set(labels.items())
        keys = sorted(key for key, held in self._store.held.items() if wanted <= set(held.told.labels))
        found = {key: self._range(key, start_ms, end_ms, buckets) for key in keys}
        return {key: samples for key, samples in found.items() if samples}

    async def forget(self, key: str) -> None:
        self._check_connected()
        self._store.held.pop(check_key(key), None)

    async def close(self) -> None:
        self._connected = False

    def _add(self, series: TimeSeries, samples: Sequence[Sample]) -> None:
        held = self._store.held.get(series.key)
        if held is None:
            held = self._store.held[series.key] = _Held(series)
        held.told = series
        held.add(samples)
        read: dict[int, list[Sample]] = {}
        for rollup in series.rollups:
            span = touched(samples, rollup.buckets, held.oldest_ms)
            if span is not None:
                length = rollup.buckets.length_ms
                read[length] = read[length] if length in read else held.range(*span)
                self._add(rollup.series, into_buckets(read[length], rollup.buckets))

    def _range(self, key: str, start_ms: int, end_ms: int, buckets: Buckets | None) -> list[Sample]:
        held = self._store.held.get(key)
        return into_buckets(held.range(start_ms, end_ms), buckets) if held is not None else []

    def _check_connected(self) -> None:
        if not self._connected:
            raise Unavailable("the cache is not connected")
