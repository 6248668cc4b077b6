"""Rollups made by the writer, where no server makes them: the buckets in which new samples lie are folded anew."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from tradepit.backends.cache.sample_buckets import into_buckets, touched
from tradepit.ports.series import MOST_MS, Buckets, Sample, TimeSeries


class Series(Protocol):
    """What is needed of a kind of series."""

    async def add(self, told: Mapping[TimeSeries, Sequence[Sample]]) -> None:
        """Add samples."""

    async def range(self, key: str, start_ms: int, end_ms: int, buckets: Buckets | None, most: int) -> list[Sample]:
        """What a series holds."""

    async def newest(self, key: str, most: int, end_ms: int) -> list[Sample]:
        """Its newest samples."""


async def roll_up(cache: Series, series: TimeSeries, samples: Sequence[Sample]) -> None:
    """Bring a series' rollups up to date after ``samples`` were added to it; buckets of one length are read once."""
    newest = await cache.newest(series.key, 1, MOST_MS)
    oldest_ms = newest[0].at_ms - series.retention_ms if newest and series.retention_ms else 0
    read: dict[int, list[Sample]] = {}
    told: dict[TimeSeries, list[Sample]] = {}
    for rollup in series.rollups:
        length = rollup.buckets.length_ms
        span = touched(samples, rollup.buckets, oldest_ms)
        if span is None:
            continue
        if length not in read:
            read[length] = await cache.range(series.key, *span, None, 0)
        told[rollup.series] = into_buckets(read[length], rollup.buckets)
    await cache.add(told)
