"""Turns come at even distances, whoever asks."""

import asyncio

from tradepit.runtime.clock import ManualClock
from tradepit.runtime.pace import Pace


async def test_turns_are_evenly_spaced_and_not_saved_up() -> None:
    clock = ManualClock()
    pace = Pace(clock, 10)
    times = []
    for _ in range(4):
        await pace.turn()
        times.append(clock.monotonic_ns() // 1_000_000)
    assert times == [0, 100, 200, 300]
    clock.advance_to(10 * 10**9)
    await pace.turn()
    await pace.turn()
    assert clock.monotonic_ns() // 1_000_000 == 10_100


async def test_many_at_once_share_the_pace() -> None:
    clock = ManualClock()
    pace = Pace(clock, 100)
    await asyncio.gather(*(pace.turn() for _ in range(11)))
    assert clock.monotonic_ns() >= 100_000_000
