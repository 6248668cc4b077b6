"""Time series on a server without a module for them: a sorted set each, and sets by label; the buckets are made here.

A series is a sorted set under its own key: the score is the instant in ms, the member ``{instant}:{number}``. Its retention and
labels are the hash ``tradepit:series:{key}``; ``tradepit:label:{name}={value}`` is the set of keys with a label.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from redis import exceptions

from tradepit.backends.cache.redis_link import RedisLink
from tradepit.backends.cache.sample_buckets import into_buckets
from tradepit.backends.cache.series_rollups import roll_up
from tradepit.ports.series import Buckets, Sample, TimeSeries
from tradepit.trading.model.errors import BadRequest

_BATCH = 1_000
_TOGETHER = 16
_UNLABEL = """
local held = redis.call('HGETALL', KEYS[2])
for i = 1, #held, 2 do
  redis.call('SREM', 'tradepit:label:' .. held[i] .. '=' .. held[i + 1], KEYS[1])
end
redis.call('DEL', KEYS[2])
"""
# A sorted set without its hash is another program's. ARGV: retention, how many labels, names and values, instants and numbers.
_ADD = f"""
local kind = redis.call('TYPE', KEYS[1]).ok
if kind ~= 'none' and (kind ~= 'zset' or redis.call('EXISTS', KEYS[2]) == 0) then
  return redis.error_reply('WRONGTYPE another kind of value')
end
{_UNLABEL}
local first = 3 + 2 * tonumber(ARGV[2])
redis.call('HSET', KEYS[2], '', ARGV[1])
for i = 3, first - 1, 2 do
  redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1])
  redis.call('SADD', 'tradepit:label:' .. ARGV[i] .. '=' .. ARGV[i + 1], KEYS[1])
end
for i = first, #ARGV, 2 do
  redis.call('ZREMRANGEBYSCORE', KEYS[1], ARGV[i], ARGV[i])
  redis.call('ZADD', KEYS[1], ARGV[i], ARGV[i] .. ':' .. ARGV[i + 1])
end
if tonumber(ARGV[1]) > 0 then
  local newest = redis.call('ZREVRANGE', KEYS[1], 0, 0)[1]
  local oldest = tonumber(string.match(newest, '^%d+')) - tonumber(ARGV[1])
  redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. string.format('%.0f', oldest))
end
return 1
"""
_FORGET = f"""
{_UNLABEL}
redis.call('DEL', KEYS[1])
return 1
"""


class PlainSeries:
    """Each series is written in steps of their own: nobody sees one between two values of an instant."""

    def __init__(self, link: RedisLink) -> None:
        self._link = link

    async def add(self, told: Mapping[TimeSeries, Sequence[Sample]]) -> None:
        steps: list[tuple[str, tuple[str | int, ...]]] = []
        for series, samples in told.items():
            labels = [text for label in series.labels for text in label]
            for begin in range(0, len(samples), _BATCH):
                words = [word for sample in samples[begin : begin + _BATCH] for word in (sample.at_ms, repr(float(sample.value)))]
                steps.append((series.key, (series.retention_ms, len(series.labels), *labels, *words)))
        for begin in range(0, len(steps), _TOGETHER):
            await self._scripts(_ADD, steps[begin : begin + _TOGETHER])
        rolled = [(series, samples) for series, samples in told.items() if series.rollups and samples]
        await asyncio.gather(*(roll_up(self, series, samples) for series, samples in rolled))

    async def range(self, key: str, start_ms: int, end_ms: int, buckets: Buckets | None, most: int) -> list[Sample]:
        limit = ("LIMIT", 0, most) if most and buckets is None else ()
        found = await self._ask(key, "ZRANGEBYSCORE", key, start_ms, end_ms, *limit)
        return into_buckets((_sample(key, member) for member in found), buckets)[: most or None]

    async def newest(self, key: str, most: int, end_ms: int) -> list[Sample]:
        found = await self._ask(key, "ZREVRANGEBYSCORE", key, end_ms, 0, "LIMIT", 0, most)
        return [_sample(key, member) for member in reversed(found)]

    async def range_by_label(
        self, labels: Mapping[str, str], start_ms: int, end_ms: int, buckets: Buckets | None
    ) -> dict[str, list[Sample]]:
        sets = [f"tradepit:label:{name}={value}" for name, value in labels.items()]
        keys = [key.decode() for key in await self._ask("", "SINTER", *sets)]
        found = await self._ranges(keys, start_ms, end_ms)
        return {key: into_buckets(samples, buckets) for key, samples in zip(keys, found, strict=True)}

    async def forget(self, key: str) -> None:
        await self._scripts(_FORGET, [(key, ())])

    async def _ranges(self, keys: Sequence[str], start_ms: int, end_ms: int) -> list[list[Sample]]:
        return [[_sample(key, member) for member in await self._ask(key, "ZRANGEBYSCORE", key, start_ms, end_ms)] for key in keys]

    async def _scripts(self, script: str, steps: Sequence[tuple[str, tuple[str | int, ...]]]) -> None:
        """One after another, in one going to and fro. The first that is refused is told, the others are done."""

        async def send(client: Any) -> None:  # noqa: ANN401 - the vendor's client is not typed to its answers
            pipeline = client.pipeline(transaction=False)
            for key, words in steps:
                pipeline.execute_command("EVAL", script, 2, key, f"tradepit:series:{key}", *words)
            for (key, _), told in zip(steps, await pipeline.execute(raise_on_error=False), strict=True):
                if isinstance(told, Exception):
                    _refuse(told, key)
                    raise told

        await self._link.run(send)

    async def _ask(self, key: str, *command: str | int) -> Any:  # noqa: ANN401 - the vendor's answers have no type
        async def ask(client: Any) -> Any:  # noqa: ANN401 - the vendor's client is not typed to its answers
            try:
                return await client.execute_command(*command)
            except exceptions.ResponseError as error:
                _refuse(error, key)
                raise

        return await self._link.run(ask)


def _refuse(error: Exception, key: str) -> None:
    if "WRONGTYPE" in str(error):
        raise BadRequest("the key holds something else", key=key) from error


def _sample(key: str, member: bytes) -> Sample:
    instant, _, value = member.partition(b":")
    try:
        return Sample(int(instant), float(value))
    except ValueError as error:
        raise BadRequest("the key holds something else", key=key) from error
