"""The driven loop: time is what is done in it, whatever the machine's clock says."""

import asyncio
from collections.abc import Coroutine
from itertools import cycle
from typing import Any

import pytest
from tests.driven_loop import DrivenClock, DrivenLoop, NothingLeft


def _run(work: Coroutine[Any, Any, None], *turns_s: float) -> None:
    turns = cycle(turns_s or (0.0,))
    with asyncio.Runner(loop_factory=lambda: DrivenLoop(lambda: next(turns))) as runner:
        runner.run(work)


def test_a_day_is_slept_through_at_once_and_sleepers_wake_in_order() -> None:
    async def sleepers() -> None:
        clock, woken = DrivenClock(asyncio.get_running_loop(), 1_000), list[int]()

        async def sleeper(hours: int) -> None:
            await clock.sleep(hours * 3600)
            woken.append(hours)

        await asyncio.gather(*(sleeper(hours) for hours in (24, 1, 12)))
        assert woken == [1, 12, 24]
        assert clock.monotonic_ns() == pytest.approx(24 * 3600e9)
        assert clock.now_ns() == clock.monotonic_ns() + 1_000

    _run(sleepers())


def test_a_turn_costs_what_it_is_told_to_cost() -> None:
    async def turns() -> None:
        clock = DrivenClock(asyncio.get_running_loop(), 0)
        began_ns = clock.monotonic_ns()
        for _ in range(10):
            await asyncio.sleep(0)
        assert clock.monotonic_ns() - began_ns == pytest.approx(10 * 0.25e9)

    _run(turns(), 0.2, 0.3)


def test_work_for_threads_is_done_on_the_spot_and_takes_no_time() -> None:
    async def threads() -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        assert await asyncio.to_thread(divmod, 7, 2) == (3, 1)
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(divmod, 7, 0)
        assert loop.time() == began

    _run(threads())


def test_everybody_waiting_for_somebody_else_is_told_instead_of_waited_for() -> None:
    async def deadlock() -> None:
        await asyncio.Event().wait()

    with pytest.raises(NothingLeft):
        _run(deadlock())
