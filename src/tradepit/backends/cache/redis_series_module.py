"""Time series as the module RedisTimeSeries keeps them."""

from collections.abc import Mapping, Sequence
from typing import Any

from redis import exceptions

from tradepit.backends.cache.redis_link import RedisLink
from tradepit.ports.series import Buckets, Sample, TimeSeries
from tradepit.trading.model.errors import BadRequest

_BATCH = 1_000
_TOO_OLD, _MISSING = "older than retention", "key does not exist"
_ANOTHER = ("WRONGTYPE", "TSDB: the key is not a TSDB key")


class ModuleSeries:
    """What is told of a series goes with every command that may make it: a server that forgot everything needs no other word."""

    def __init__(self, link: RedisLink) -> None:
        self._link = link

    async def add(self, told: Mapping[TimeSeries, Sequence[Sample]]) -> None:
        commands: list[tuple[str | int, ...]] = []
        for series, samples in told.items():
            labels = [text for label in series.labels for text in label]
            commands.append(("TS.ALTER", series.key, "RETENTION", series.retention_ms, "LABELS", *labels))
            options: tuple[str | int, ...] = (
                "RETENTION",
                series.retention_ms,
                "DUPLICATE_POLICY",
                "LAST",
                "ON_DUPLICATE",
                "LAST",
                "LABELS",
                *labels,
            )
            commands += [("TS.ADD", series.key, sample.at_ms, repr(float(sample.value)), *options) for sample in samples]
        for begin in range(0, len(commands), _BATCH):
            await self._all(commands[begin : begin + _BATCH])

    async def range(self, key: str, start_ms: int, end_ms: int, buckets: Buckets | None) -> list[Sample]:
        found = await self._ask(key, "TS.RANGE", key, start_ms, end_ms, *_aggregation(buckets))
        return _samples(found or ())

    async def latest(self, key: str) -> Sample | None:
        found = await self._ask(key, "TS.GET", key)
        return _samples([found])[0] if found else None

    async def range_by_label(
        self, labels: Mapping[str, str], start_ms: int, end_ms: int, buckets: Buckets | None
    ) -> dict[str, list[Sample]]:
        filters = [f"{name}={value}" for name, value in labels.items()]
        found = await self._ask("", "TS.MRANGE", start_ms, end_ms, *_aggregation(buckets), "FILTER", *filters)
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

    async def _all(self, commands: Sequence[tuple[str | int, ...]]) -> None:
        async def send(client: Any) -> None:  # noqa: ANN401 - as above
            pipeline = client.pipeline(transaction=False)
            for command in commands:
                pipeline.execute_command(*command)
            for command, told in zip(commands, await pipeline.execute(raise_on_error=False), strict=True):
                if isinstance(told, Exception) and not (_TOO_OLD in str(told) or _MISSING in str(told)):
                    _refuse(told, str(command[1]))
                    raise told

        await self._link.run(send)


def _aggregation(buckets: Buckets | None) -> tuple[str | int, ...]:
    return () if buckets is None else ("AGGREGATION", buckets.aggregate.value, buckets.length_ms)


def _samples(found: Sequence[Any]) -> list[Sample]:
    return [Sample(int(at), float(value)) for at, value in found]


def _refuse(error: Exception, key: str) -> None:
    if str(error).startswith(_ANOTHER):
        raise BadRequest("the key holds something else", key=key) from error
