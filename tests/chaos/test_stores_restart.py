"""PostgreSQL and Valkey killed, frozen and stopped at random moments while several members write: nothing lost, nothing doubled."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from random import Random

import asyncpg
from tests.order_updates import an_event, filled
from tests.patience import at_last, until
from tests.servers.postgres import PostgresServer
from tests.servers.valkey import ValkeyServer

from tradepit.backends.cache.redis import RedisCache
from tradepit.backends.store.sql import SqlStore
from tradepit.trading.model.errors import Unavailable

_SEED = 20250106
_TIMEOUT_S = 1.0
_OUTAGES = ("kill", "pause", "stop") * 2


async def _told(work: Callable[[], Awaitable[object]]) -> None:
    """Tell it until it is told, as a consumer does whose message comes again."""
    while True:
        try:
            await work()
        except Unavailable:
            continue
        return


async def _break(server: PostgresServer | ValkeyServer, random: Random, written: Callable[[], int]) -> None:
    """Break it again and again, once every writer has come on; ``written`` is how far the last of them is."""
    for how in random.sample(_OUTAGES, len(_OUTAGES)):
        before = written()
        await asyncio.sleep(random.uniform(0.1, 0.6))
        await until(lambda before=before: written() >= before + 3)  # type: ignore[misc]  # bound early
        await asyncio.to_thread(getattr(server, how))
        await asyncio.sleep(random.uniform(0.0, 1.5))
        await asyncio.to_thread(server.resume if how == "pause" else server.start)
    before = written()
    await until(lambda: written() >= before + 3)


async def test_the_store_has_every_order_and_event_once() -> None:
    with PostgresServer() as server:
        url = await server.create_database()
        async with AsyncExitStack() as stack:
            stores = [SqlStore(url, timeout_s=_TIMEOUT_S) for _ in range(2)]
            for store in stores:
                stack.push_async_callback(store.close)
                await at_last(store.connect)
            ended = asyncio.Event()

            lists: list[list[str]] = [[] for _ in range(4)]

            async def write(name: str, store: SqlStore, told: list[str]) -> None:
                while not ended.is_set():
                    order_id = f"{name}-{len(told)}"
                    updates = [filled(10, order_id=order_id), filled(len(told) % 10, order_id="shared")]
                    events = [an_event("COMPLETE_FILL", order_id=order_id)]
                    await _told(lambda updates=updates, events=events: store.keep(updates, events))  # type: ignore[misc]  # bound early
                    told.append(order_id)

            writers = [asyncio.create_task(write(name, stores[n % 2], lists[n])) for n, name in enumerate("abcd")]
            await _break(server, Random(_SEED), lambda: min(map(len, lists)))
            ended.set()
            await asyncio.gather(*writers)
            told = sorted(order_id for mine in lists for order_id in mine)
            kept = await at_last(lambda: stores[0].orders("1234567890"))
        assert sorted(order.order_id for order in kept) == sorted([*told, "shared"])
        assert {order.filled_lots for order in kept} == {9, 10}
        program = await asyncpg.connect(url.replace("+asyncpg", ""))
        assert [row[0] for row in await program.fetch('SELECT order_id FROM order_event ORDER BY order_id COLLATE "C"')] == told
        await program.close()


async def test_the_cache_answers_with_the_newest_value_or_says_that_it_cannot() -> None:
    with ValkeyServer() as server:
        async with AsyncExitStack() as stack:
            caches = [RedisCache(server.url, timeout_s=_TIMEOUT_S) for _ in range(2)]
            for cache in caches:
                stack.push_async_callback(cache.close)
                await at_last(cache.connect)
            ended = asyncio.Event()

            written = dict.fromkeys(("k1", "k2", "k3"), 0)

            async def write(key: str) -> None:
                while not ended.is_set():
                    version = written[key] + 1
                    one, other = caches[version % 2], caches[1 - version % 2]
                    value = str(version).encode()
                    await _told(lambda one=one, value=value, at=version: one.put_newer(key, value, version=at, ttl_s=60))  # type: ignore[misc]  # bound early
                    found: list[bytes | None] = []

                    async def look(other: RedisCache = other, found: list[bytes | None] = found) -> None:
                        found.append(await other.get(key))

                    await _told(look)
                    assert found[-1] == value
                    written[key] = version
                    await asyncio.sleep(0.002)

            writers = [asyncio.create_task(write(key)) for key in written]
            await _break(server, Random(_SEED), lambda: min(written.values()))
            ended.set()
            await asyncio.gather(*writers)
            assert await at_last(lambda: caches[0].items("k")) == {key: str(last).encode() for key, last in written.items()}
