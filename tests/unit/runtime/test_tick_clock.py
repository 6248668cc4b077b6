"""The exchange's time as ticks tell it."""

from tests.waiting import settle

from tradepit.backends.bus.memory import MemoryBus, MemoryHub
from tradepit.runtime.tick_clock import TickClock


async def test_the_newest_tick_is_now_and_garbage_has_no_time() -> None:
    bus, clock = MemoryBus(MemoryHub()), TickClock()
    await bus.connect()
    await clock.follow(bus)
    assert clock.now_ns() == 0
    told = [
        b'{"datetime":"2025-01-06T10:00:01+08:00"}',
        b'{"datetime":"2025-01-06T10:00:00+08:00"}',
        b'{"datetime":"2025-01-06T10:00:02"}',
        b'{"datetime":5}',
        b'{"datetime":"\xff"}',
        b"",
        b"[" * 100_000,
    ]
    for payload in told:
        await bus.publish("market.tick.IF2501", payload)
    await settle()
    assert clock.now_ns() == 1_736_128_801_000_000_000
    await bus.close()
