"""Time series as the module RedisTimeSeries keeps them."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from redis import exceptions

from tradepit.backends.cache.redis_link import RedisLink
from tradepit.backends.cache.series_rollups import roll_up
from tradepit.ports.series import Buckets, Sample, TimeSeries
from tradepit.trading.model.errors import BadRequest

Command = tuple[str | int, ...]

_BATCH = 1_000
_TOO_OLD, _MISSING = "older than retention", "key does not exist"
_THERE = ("key already exists", "already has a src rule")
_ANOTHER = ("WRONGTYPE", "TSDB: the key is not a TSDB key")


class ModuleSeries:
    """What is told of a series goes with every command that may make it: a server that forgot everything needs no other word.

    Rollups are the module's compaction rules. A rule sees what comes after it, so it is there before the first sample. In databases
    other than 0 the module loses sight of a rule's series, so rollups are made by the writer there.
    """

    def __init__(self, link: RedisLink) -> None:
        self._link = link
        self._with_rules = link.database == 0
        self._ruled: set[TimeSeries] = set()

    async def add(self, told: Mapping[TimeSeries, Sequence[Sample]]) -> None:
        rolled = [series for series in told if series.rollups and told[series]]
        if self._with_rules:
            await self._rule(rolled)
        commands: list[Command] = []
        for series, samples in told.items():
            labels = _labels(series)
            commands.append(("TS.ALTER", series.key, "RETENTION", series.retention_ms, *labels))
            options: Command = (
                "RETENTION",
                series.retention_ms,
                "DUPLICATE_POLICY",
                "LAST",
                "ON_DUPLICATE",
                "LAST",
                *labels,
            )
            commands += [("TS.ADD", series.key, sample.at_ms, repr(float(sample.value)), *options) for sample in samples]
        for begin in range(0, len(commands), _BATCH):
            await self._all(commands[begin : begin + _BATCH])
        if not self._with_rules:
            await asyncio.gather(*(roll_up(self, series, told[series]) for series in rolled))

    async def _rule(self, told: Sequence[TimeSeries]) -> None:
        """Make series with their rules where they are not known to be there."""
        if not told:
            return
        there: list[Any] = await self._all([("EXISTS", series.key) for series in told])
        self._ruled -= {series for series, found in zip(told, there, strict=True) if not found}
        commands: list[Command] = []
        for series in told:
            if series in self._ruled:
                continue
            commands.append(_creation(series))
            for rollup in series.rollups:
                name, buckets = rollup.series.key, rollup.buckets
                commands += [
                    _creation(rollup.series),
                    ("TS.ALTER", name, "RETENTION", rollup.series.retention_ms, *_labels(rollup.series)),
                    ("TS.CREATERULE", series.key, name, "AGGREGATION", buckets.aggregate.value, buckets.length_ms),
                ]
        for begin in range(0, len(commands), _BATCH):
            await self._all(commands[begin : begin + _BATCH])
        self._ruled.update(told)

    async def range(self, key: str, start_ms: int, end_ms: int, buckets: Buckets | None, most: int) -> list[Sample]:
        limit: Command = ("COUNT", most) if most else ()
        found = await self._ask(key, "TS.RANGE", key, start_ms, end_ms, "LATEST", *limit, *_aggregation(buckets))
        return _samples(found or ())

    async def newest(self, key: str, most: int, end_ms: int) -> list[Sample]:
        found = await self._ask(key, "TS.REVRANGE", key, 0, end_ms, "LATEST", "COUNT", most)
        return _samples(found or ())[::-1]

    async def range_by_label(
        self, labels: Mapping[str, str], start_ms: int, end_ms: int, buckets: Buckets | None
    ) -> dict[str, list[Sample]]:
        filters = [f"{name}={value}" for name, value in labels.items()]
        found = await self._ask("", "TS.MRANGE", start_ms, end_ms, "LATEST", *_aggregation(buckets), "FILTER", *filters)
        return {key.decode(): _samples(samples) for key, _, samples in found}

    async def forget(self, key: str) -> None:
        await self._link.run(lambda client: client.delete(key))

    async def _ask(self, key: str, *command: str | int) -> Any:  # noqa: ANN401 - the vendor's answers have no type
        async def ask(client: Any) -> Any:  # noqa: ANN401 - the vendor's client is not typed to its answers
            try:
                return await client.execute_command(*command)
            except exceptions.ResponseError as error:
                if _MISSING in str(error):
                    return None
                _refuse(error, key)
                raise

        return await self._link.run(ask)

    async def _all(self, commands: Sequence[Command]) -> list[Any]:
        async def send(client: Any) -> list[Any]:  # noqa: ANN401 - as above
            pipeline = client.pipeline(transaction=False)
            for command in commands:
                pipeline.execute_command(*command)
            answers: list[Any] = await pipeline.execute(raise_on_error=False)
            for command, told in zip(commands, answers, strict=True):
                if isinstance(told, Exception) and not any(text in str(told) for text in (_TOO_OLD, _MISSING, *_THERE)):
                    _refuse(told, str(command[1]))
                    raise told
            return answers

        return await self._link.run(send)


def _labels(series: TimeSeries) -> Command:
    return ("LABELS", *(text for label in series.labels for text in label))


def _creation(series: TimeSeries) -> Command:
    return ("TS.CREATE", series.key, "RETENTION", series.retention_ms, "DUPLICATE_POLICY", "LAST", *_labels(series))


def _aggregation(buckets: Buckets | None) -> tuple[str | int, ...]:
    return () if buckets is None else ("AGGREGATION", buckets.aggregate.value, buckets.length_ms)


def _samples(found: Sequence[Any]) -> list[Sample]:
    return [Sample(int(at), float(value)) for at, value in found]


def _refuse(error: Exception, key: str) -> None:
    if str(error).startswith(_ANOTHER):
        raise BadRequest("the key holds something else", key=key) from error
