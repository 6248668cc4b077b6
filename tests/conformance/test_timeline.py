"""The promises of timelines, kept by every backend; see ports/timeline.py. What another program sees on the server is looked at too."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from itertools import count
from typing import Any

import pytest
import redis
from tests.servers.valkey import ValkeyServer

from tradepit.backends.cache.memory_timeline import MemoryTimeline, MemoryTimelineStore
from tradepit.backends.cache.redis_timeline import RedisTimeline
from tradepit.ports.timeline import Entry, Timeline
from tradepit.trading.model.errors import BadRequest, IdNotValid, Unavailable

DATABASES = count(1)
KEY, STREAM = "ssi_ps:VCB", "ssi_ps_stream:VCB"
AT_MS = 1_764_644_400_171


def entry(at_ms: int = AT_MS, line: str = "{}") -> Entry:
    return Entry(at_ms=at_ms, line=line.encode(), told={"code": "VCB", "timestamp": str(at_ms), "payload": line.encode()})


class World:
    """A timeline with two members, and what is kept."""

    def __init__(self, members: tuple[Timeline, Timeline], kept: Any) -> None:
        self.one, self.two = members
        self._kept = kept

    def lines(self) -> list[tuple[bytes, float]]:
        if isinstance(self._kept, MemoryTimelineStore):
            return sorted(self._kept.lines.get(KEY, {}).items(), key=lambda each: (each[1], each[0]))
        found: list[tuple[bytes, float]] = self._kept.zrange(KEY, 0, -1, withscores=True)
        return found

    def told(self) -> list[dict[bytes, bytes]]:
        if isinstance(self._kept, MemoryTimelineStore):
            return [{name.encode(): value for name, value in each.items()} for each in self._kept.told.get(STREAM, [])]
        return [fields for _, fields in self._kept.xrange(STREAM)]


@pytest.fixture(params=["memory", "redis"])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        if request.param == "memory":
            store = MemoryTimelineStore()
            made = World((MemoryTimeline(store), MemoryTimeline(store)), store)
        else:
            server: ValkeyServer = request.getfixturevalue("valkey_server")
            url = server.url_of(20 + next(DATABASES))
            client = stack.enter_context(redis.Redis.from_url(url))
            client.flushdb()
            made = World((RedisTimeline(url), RedisTimeline(url)), client)
        for member in (made.one, made.two):
            stack.push_async_callback(member.close)
            await member.connect()
            await member.connect()
        yield made


async def test_a_line_is_kept_by_its_instant_and_told(world: World) -> None:
    assert await world.one.add(KEY, STREAM, entry(AT_MS + 1, "b"))
    assert await world.two.add(KEY, STREAM, entry(AT_MS, "a"))
    assert world.lines() == [(b"a", AT_MS), (b"b", AT_MS + 1)]
    assert world.told() == [
        {b"code": b"VCB", b"timestamp": str(at_ms).encode(), b"payload": line}
        for at_ms, line in ((AT_MS + 1, b"b"), (AT_MS, b"a"))
    ]


async def test_what_comes_again_is_told_once(world: World) -> None:
    assert await world.one.add(KEY, STREAM, entry())
    assert not await world.two.add(KEY, STREAM, entry())
    assert (len(world.lines()), len(world.told())) == (1, 1)


async def test_two_lines_of_one_instant_are_two(world: World) -> None:
    for line in ("a", "b"):
        assert await world.one.add(KEY, STREAM, entry(line=line))
    assert [line for line, _ in world.lines()] == [b"a", b"b"]


async def test_what_is_older_than_the_retention_is_dropped_and_not_taken_again(world: World) -> None:
    for at_ms in (0, 500, 1000):
        assert await world.one.add(KEY, STREAM, entry(AT_MS + at_ms, str(at_ms)), retention_ms=500)
    assert [line for line, _ in world.lines()] == [b"500", b"1000"]
    assert not await world.one.add(KEY, STREAM, entry(AT_MS, "0"), retention_ms=500)
    assert [line for line, _ in world.lines()] == [b"500", b"1000"]
    assert [fields[b"payload"] for fields in world.told()] == [b"0", b"500", b"1000"]


@pytest.mark.parametrize("key", ["", "a b", "a\n", "ключ", "x" * 201])
async def test_a_key_that_is_none(world: World, key: str) -> None:
    for names in ((key, STREAM), (KEY, key)):
        with pytest.raises(IdNotValid):
            await world.one.add(*names, entry())


async def test_a_member_that_is_not_connected(world: World) -> None:
    await world.one.close()
    await world.one.close()
    with pytest.raises(Unavailable):
        await world.one.add(KEY, STREAM, entry())


async def test_a_key_of_another_kind_is_left_alone(valkey_server: ValkeyServer) -> None:
    url = valkey_server.url_of(20 + next(DATABASES))
    with redis.Redis.from_url(url) as client:
        client.flushdb()
        client.set(STREAM, "mine")
        timeline = RedisTimeline(url)
        await timeline.connect()
        with pytest.raises(BadRequest, match="something else"):
            await timeline.add(KEY, STREAM, entry())
        await timeline.close()
        assert (client.get(STREAM), client.exists(KEY)) == (b"mine", 0)
