"""The clocks agree with the machine, with an offset, or only with who moves them."""

import time

from tradepit.runtime.clock import ManualClock, ShiftedClock, SystemClock


async def test_a_manual_clock_moves_forward_only_and_when_told() -> None:
    clock = ManualClock(1_000)
    clock.advance_to(5_000)
    clock.advance_to(2_000)
    assert (clock.now_ns(), clock.monotonic_ns()) == (5_000, 4_000)
    await clock.sleep(1.5)
    assert (clock.now_ns(), clock.monotonic_ns()) == (1_500_005_000, 1_500_004_000)
    await clock.sleep(-1)
    assert clock.monotonic_ns() == 1_500_004_000


async def test_the_machines_clock_is_the_machines() -> None:
    clock = SystemClock()
    before, mono = time.time_ns(), time.monotonic_ns()
    assert before <= clock.now_ns()
    assert mono <= clock.monotonic_ns()
    await clock.sleep(0)


def test_a_shifted_clock_keeps_its_distance() -> None:
    hour_ns = 3_600_000_000_000
    ahead, behind = ShiftedClock(hour_ns), ShiftedClock(-hour_ns)
    assert 2 * hour_ns <= ahead.now_ns() - behind.now_ns() + 1_000_000_000
    assert behind.now_ns() < SystemClock().now_ns() < ahead.now_ns()
