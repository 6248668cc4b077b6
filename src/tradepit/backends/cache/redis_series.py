"""Time series on a Redis or Valkey server: with its module RedisTimeSeries where it has it, else in sorted sets."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from tradepit.backends.cache.redis_link import RedisLink
from tradepit.backends.cache.redis_series_module import ModuleSeries
from tradepit.backends.cache.redis_series_plain import PlainSeries
from tradepit.backends.cache.sample_buckets import check_key, check_labels, check_most, check_span, check_told
from tradepit.ports.series import MOST_MS, Buckets, Sample, TimeSeries
from tradepit.trading.model.errors import Unavailable


class _Dialect(Protocol):
    async def add(self, told: Mapping[TimeSeries, Sequence[Sample]]) -> None: ...

    async def range(self, key: str, start_ms: int, end_ms: int, buckets: Buckets | None, most: int) -> list[Sample]: ...

    async def newest(self, key: str, most: int, end_ms: int) -> list[Sample]: ...

    async def range_by_label(
        self, labels: Mapping[str, str], start_ms: int, end_ms: int, buckets: Buckets | None
    ) -> dict[str, list[Sample]]: ...

    async def forget(self, key: str) -> None: ...


class RedisSeries:
    """One member's view of a numbered database, ``redis://user:password@host:port/1`` (``rediss://`` with TLS).

    The server is asked at ``connect`` whether it knows ``TS.ADD``. If so, series are the module's own, as any program that speaks
    ``TS.*`` reads and writes them; else they are sorted sets under the same keys (see ``redis_series_plain.py``). Series of one
    kind are not turned into the other.
    """

    def __init__(self, url: str, *, timeout_s: float = 2.0) -> None:
        self._link = RedisLink(url, timeout_s=timeout_s)
        self._chosen: _Dialect | None = None

    @property
    def with_module(self) -> bool:
        """Whether the server has the module; after ``connect``."""
        return isinstance(self._chosen, ModuleSeries)

    async def connect(self) -> None:
        if self._chosen is not None:
            return
        await self._link.connect()
        known: Any = await self._link.run(lambda client: client.execute_command("COMMAND INFO", "TS.ADD"))
        self._chosen = ModuleSeries(self._link) if any(known) else PlainSeries(self._link)

    async def add(self, told: Mapping[TimeSeries, Sequence[Sample]]) -> None:
        check_told(told)
        await self._dialect().add({series: samples for series, samples in told.items() if samples})

    async def range(self, key: str, start_ms: int, end_ms: int, *, buckets: Buckets | None = None, most: int = 0) -> list[Sample]:
        check_span(start_ms, end_ms, buckets)
        check_most(most, 0)
        return await self._dialect().range(check_key(key), start_ms, end_ms, buckets, most)

    async def newest(self, key: str, most: int, *, end_ms: int = MOST_MS) -> list[Sample]:
        check_most(most, 1)
        check_span(0, end_ms, None)
        return await self._dialect().newest(check_key(key), most, end_ms)

    async def latest(self, key: str) -> Sample | None:
        found = await self.newest(key, 1)
        return found[0] if found else None

    async def range_by_label(
        self, labels: Mapping[str, str], start_ms: int, end_ms: int, *, buckets: Buckets | None = None
    ) -> dict[str, list[Sample]]:
        check_labels(labels)
        check_span(start_ms, end_ms, buckets)
        found = await self._dialect().range_by_label(labels, start_ms, end_ms, buckets)
        return {key: found[key] for key in sorted(found) if found[key]}

    async def forget(self, key: str) -> None:
        await self._dialect().forget(check_key(key))

    async def close(self) -> None:
        self._chosen = None
        await self._link.close()

    def _dialect(self) -> _Dialect:
        if self._chosen is None:
            raise Unavailable("the cache is not connected")
        return self._chosen
