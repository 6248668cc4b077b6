"""Time series in memory: for one process and for tests."""

from collections.abc import Mapping, Sequence

from tradepit.backends.cache.sample_buckets import check_key, check_labels, check_span, check_told, into_buckets
from tradepit.ports.series import Buckets, Sample, TimeSeries
from tradepit.trading.model.errors import Unavailable


class MemorySeriesStore:
    """What memory series keep; instances that share a store see the same series."""

    def __init__(self) -> None:
        self.told: dict[str, TimeSeries] = {}
        self.values: dict[str, dict[int, float]] = {}


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
            if not samples:
                continue
            self._store.told[series.key] = series
            values = self._store.values.setdefault(series.key, {})
            values.update((sample.at_ms, sample.value) for sample in samples)
            if series.retention_ms:
                oldest = max(values) - series.retention_ms
                for instant in [instant for instant in values if instant < oldest]:
                    del values[instant]

    async def range(self, key: str, start_ms: int, end_ms: int, *, buckets: Buckets | None = None) -> list[Sample]:
        self._check_connected()
        check_key(key)
        check_span(start_ms, end_ms, buckets)
        return self._range(key, start_ms, end_ms, buckets)

    async def latest(self, key: str) -> Sample | None:
        self._check_connected()
        values = self._store.values.get(check_key(key))
        return Sample(*max(values.items())) if values else None

    async def range_by_label(
        self, labels: Mapping[str, str], start_ms: int, end_ms: int, *, buckets: Buckets | None = None
    ) -> dict[str, list[Sample]]:
        self._check_connected()
        check_labels(labels)
        check_span(start_ms, end_ms, buckets)
        wanted = set(labels.items())
        keys = sorted(key for key, series in self._store.told.items() if wanted <= set(series.labels))
        found = {key: self._range(key, start_ms, end_ms, buckets) for key in keys}
        return {key: samples for key, samples in found.items() if samples}

    async def forget(self, key: str) -> None:
        self._check_connected()
        self._store.told.pop(check_key(key), None)
        self._store.values.pop(key, None)

    async def close(self) -> None:
        self._connected = False

    def _range(self, key: str, start_ms: int, end_ms: int, buckets: Buckets | None) -> list[Sample]:
        held = sorted(self._store.values.get(key, {}).items())
        return into_buckets((Sample(at, value) for at, value in held if start_ms <= at <= end_ms), buckets)

    def _check_connected(self) -> None:
        if not self._connected:
            raise Unavailable("the cache is not connected")
