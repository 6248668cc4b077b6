"""Time series in the cache: a hot window of numbers by instant, read as they are or in buckets. What was never told is not zero."""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Protocol

import msgspec

MOST_MS = 2**53 - 1
"""The latest instant: a whole number that every server and language keeps exactly."""


class Sample(msgspec.Struct, frozen=True, array_like=True):
    """A finite number at an instant (UTC ms, from 0 to ``MOST_MS``)."""

    at_ms: int
    value: float


class TimeSeries(msgspec.Struct, frozen=True, kw_only=True):
    """A series: its key, how far back it reaches from its newest sample (ms; 0: for ever), and labels it is found by.

    Keys are ``[A-Za-z0-9_.:=-]+``, names and values of labels ``[A-Za-z0-9_.-]+``. ``rollups`` are series of its buckets.
    """

    key: str
    retention_ms: int = 0
    labels: tuple[tuple[str, str], ...] = ()
    rollups: tuple["Rollup", ...] = ()


class Aggregate(Enum):
    """What becomes of the samples in a bucket."""

    FIRST = "first"
    LAST = "last"
    MIN = "min"
    MAX = "max"
    SUM = "sum"
    AVG = "avg"
    COUNT = "count"


class Buckets(msgspec.Struct, frozen=True, kw_only=True):
    """Buckets of ``length_ms`` (at least 1), counted from 1970; each is told at its beginning. Empty ones are left out."""

    length_ms: int
    aggregate: Aggregate


class Rollup(msgspec.Struct, frozen=True, kw_only=True):
    """A series that holds the buckets of another, each at its beginning, the newest as far as it has come. It has no rollups itself.

    It is kept while samples are added to the other, and by its own retention: what was there before is not in it, and a bucket that
    reaches further back than the other's samples stays as it was.
    """

    series: TimeSeries
    buckets: Buckets


class SeriesCache(Protocol):
    """Samples of one instant in one series: the last one told counts. Everything may be done again.

    A sample older than its series' retention is passed over. A series that is told with another retention or other labels than
    before has the new ones; what a longer retention would show again is not promised. Raises Unavailable, TimedOut (it may be
    done), IdNotValid for a key or label that is none, BadRequest for a number, an instant or a span out of range, and for a key
    that holds something else.
    """

    async def connect(self) -> None:
        """Connect. Idempotent."""

    async def add(self, told: Mapping[TimeSeries, Sequence[Sample]]) -> None:
        """Add samples to series, which are made where missing. In any order; of one instant the later in the sequence counts."""

    async def range(self, key: str, start_ms: int, end_ms: int, *, buckets: Buckets | None = None, most: int = 0) -> list[Sample]:
        """What a series holds from ``start_ms`` to ``end_ms``, both included, by instant; nothing of one that is not there.

        At most the ``most`` first (0: all).
        """

    async def newest(self, key: str, most: int, *, end_ms: int = MOST_MS) -> list[Sample]:
        """The ``most`` (at least 1) newest samples up to ``end_ms``, it included, by instant."""

    async def latest(self, key: str) -> Sample | None:
        """The newest sample, None where there is none."""

    async def range_by_label(
        self, labels: Mapping[str, str], start_ms: int, end_ms: int, *, buckets: Buckets | None = None
    ) -> dict[str, list[Sample]]:
        """As ``range`` for each series that has all of these labels (at least one), by key; those with nothing to tell are left out."""

    async def forget(self, key: str) -> None:
        """Remove a series. Nothing happens when absent."""

    async def close(self) -> None:
        """Disconnect. Idempotent."""
