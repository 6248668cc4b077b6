"""The promises of the cache, kept by every backend; see ports/cache.py."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from itertools import count

import pytest
from tests.patience import PATIENCE_S
from tests.servers.valkey import ValkeyServer

from tradepit.backends.cache.memory import MemoryCache, MemoryCacheStore
from tradepit.backends.cache.nats import NatsCache
from tradepit.backends.cache.redis import RedisCache
from tradepit.ports.cache import Cache
from tradepit.runtime.clock import SystemClock
from tradepit.runtime.nats_server import NatsServer
from tradepit.trading.model.errors import IdNotValid, Unavailable

DATABASES = count(1)


class World:
    """One cache that several members use."""

    def __init__(self, make: Callable[[], Cache]) -> None:
        self._make = make
        self.members: list[Cache] = []

    async def join(self) -> Cache:
        cache = self._make()
        await cache.connect()
        self.members.append(cache)
        return cache


@pytest.fixture(params=["memory", "nats", "redis"])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    if request.param == "memory":
        store = MemoryCacheStore()
        made = World(lambda: MemoryCache(store, SystemClock()))
    elif request.param == "redis":
        valkey: ValkeyServer = request.getfixturevalue("valkey_server")
        url = valkey.url_of(next(DATABASES))
        made = World(lambda: RedisCache(url))
    else:
        server: NatsServer = request.getfixturevalue("nats_server")
        bucket = f"CACHE_{secrets.token_hex(4)}"
        made = World(lambda: NatsCache(server.url, bucket=bucket))
    async with AsyncExitStack() as stack:
        yield made
        for cache in made.members:
            stack.push_async_callback(cache.close)


async def test_what_one_member_puts_another_gets(world: World) -> None:
    one, two = await world.join(), await world.join()
    await one.put("tick.IF2501", b"3500", ttl_s=60)
    assert await two.get("tick.IF2501") == b"3500"


async def test_a_missing_key_is_none(world: World) -> None:
    assert await (await world.join()).get("nothing") is None


async def test_the_last_value_put_counts(world: World) -> None:
    cache = await world.join()
    await cache.put("k", b"1", ttl_s=60)
    await cache.put("k", b"", ttl_s=60)
    assert await cache.get("k") == b""


async def test_a_key_disappears_after_its_time_and_not_when_put_again(world: World) -> None:
    cache = await world.join()
    await cache.put("gone", b"x", ttl_s=0.5)
    await cache.put("again", b"x", ttl_s=0.5)
    await cache.put("again", b"y", ttl_s=60)
    await cache.put("stays", b"x", ttl_s=60)

    async def gone() -> bool:
        return await cache.get("gone") is None

    async with asyncio.timeout(PATIENCE_S):
        while not await gone():  # noqa: ASYNC110 - the server tells nobody when a key expires
            await asyncio.sleep(0.02)
    assert await cache.items("") == {"again": b"y", "stays": b"x"}


async def test_a_deleted_key_is_gone_and_deleting_is_idempotent(world: World) -> None:
    cache = await world.join()
    await cache.put("k", b"1", ttl_s=60)
    await cache.delete("k")
    await cache.delete("k")
    assert await cache.get("k") is None
    assert await cache.items("k") == {}


async def test_items_are_those_whose_key_begins_with_the_prefix(world: World) -> None:
    cache = await world.join()
    keys = ["tick.IF2501", "tick.IF2502", "tick.rb2505", "tickets", "bar.IF2501"]
    for key in keys:
        await cache.put(key, key.encode(), ttl_s=60)
    for prefix in ("", "t", "tick.", "tick.IF", "tick.IF2501", "bar.", "nothing"):
        assert await cache.items(prefix) == {key: key.encode() for key in keys if key.startswith(prefix)}


async def test_a_closed_cache_is_unavailable(world: World) -> None:
    cache = await world.join()
    await cache.close()
    await cache.close()
    with pytest.raises(Unavailable):
        await cache.get("k")


async def test_an_older_value_does_not_replace_a_newer_one(world: World) -> None:
    one, two = await world.join(), await world.join()
    key = "TQ_Position_PortfolioId_7_Symbol_SHFE.rb2505"
    big = 2**62
    assert await one.put_newer(key, b"5", version=big, ttl_s=60)
    assert not await two.put_newer(key, b"4", version=big - 1, ttl_s=60)
    assert await two.get(key) == b"5"
    assert await two.put_newer(key, b"6", version=big, ttl_s=60)
    assert await one.put_newer(key, b"7", version=big + 1, ttl_s=60)
    assert await one.items("TQ_Position_") == {key: b"7"}
    assert await one.items("") == {key: b"7"}


async def test_of_many_writers_the_newest_wins(world: World) -> None:
    members = [await world.join() for _ in range(3)]
    versions = [(7 * number) % 40 for number in range(40)]
    await asyncio.gather(
        *(members[version % 3].put_newer("k", str(version).encode(), version=version, ttl_s=60) for version in versions)
    )
    assert await members[0].get("k") == b"39"


async def test_a_deleted_or_expired_key_takes_any_version(world: World) -> None:
    cache = await world.join()
    await cache.put_newer("deleted", b"9", version=9, ttl_s=60)
    await cache.delete("deleted")
    assert await cache.put_newer("deleted", b"1", version=1, ttl_s=60)
    await cache.put_newer("expired", b"9", version=9, ttl_s=0.2)
    async with asyncio.timeout(PATIENCE_S):
        while not await cache.put_newer("expired", b"1", version=1, ttl_s=60):  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.02)
    assert await cache.items("") == {"deleted": b"1", "expired": b"1"}


@pytest.mark.parametrize("key", ["", "a b", "a*", "clé", "a\n", "\ud800"])
async def test_a_key_that_is_none_is_refused(world: World, key: str) -> None:
    cache = await world.join()
    for work in (
        cache.put(key, b"1", ttl_s=1),
        cache.put_newer(key, b"1", version=1, ttl_s=1),
        cache.get(key),
        cache.delete(key),
    ):
        with pytest.raises(IdNotValid):
            await work
    with pytest.raises(IdNotValid):
        await cache.items(f"{key} ")
