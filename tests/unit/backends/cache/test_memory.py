"""Keys in memory live exactly as long as the clock says."""

from tradepit.backends.cache.memory import MemoryCache, MemoryCacheStore
from tradepit.runtime.clock import ManualClock

SECOND_NS = 1_000_000_000


async def test_a_key_lives_to_the_end_of_its_time_and_not_longer() -> None:
    clock = ManualClock()
    cache = MemoryCache(MemoryCacheStore(), clock)
    await cache.connect()
    await cache.put("k", b"v", ttl_s=2.0)
    clock.advance_to(2 * SECOND_NS - 1)
    assert await cache.get("k") == b"v"
    assert await cache.items("") == {"k": b"v"}
    clock.advance_to(2 * SECOND_NS)
    assert await cache.get("k") is None
    assert await cache.items("") == {}
