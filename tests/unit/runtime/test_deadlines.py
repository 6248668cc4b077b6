"""Many waits, few timers: each fails in its own time, and one that was given up is told to its owner."""

import asyncio

import pytest
from tests.driven_loop import DrivenLoop

from tradepit.runtime.deadlines import Deadlines
from tradepit.trading.model.errors import TimedOut


def future() -> "asyncio.Future[int]":
    return asyncio.get_running_loop().create_future()


async def test_a_wait_fails_after_its_own_time_and_not_after_anothers() -> None:
    deadlines, short, long = Deadlines(), future(), future()
    deadlines.watch(long, 60, TimedOut)
    deadlines.watch(short, 0.01, TimedOut)
    with pytest.raises(TimedOut):
        await short
    assert not long.done()


async def test_what_is_done_in_time_stays_as_it_is() -> None:
    deadlines, done, late = Deadlines(), future(), future()
    deadlines.watch(done, 0.01, TimedOut)
    deadlines.watch(late, 0.01, TimedOut)
    done.set_result(7)
    with pytest.raises(TimedOut):
        await late
    assert done.result() == 7


async def test_the_owner_of_a_cancelled_wait_is_told() -> None:
    deadlines, gone, late, told = Deadlines(), future(), future(), list[str]()

    def forget() -> Exception:
        told.append("gone")
        return TimedOut()

    deadlines.watch(gone, 0.01, forget)
    deadlines.watch(late, 0.01, TimedOut)
    gone.cancel()
    with pytest.raises(TimedOut):
        await late
    assert told == ["gone"]


def test_waits_that_begin_later_fall_due_later() -> None:
    async def story() -> None:
        deadlines, first, second = Deadlines(), future(), future()
        deadlines.watch(first, 0.02, TimedOut)
        await asyncio.sleep(0.01)
        deadlines.watch(second, 0.02, TimedOut)
        await asyncio.wait({first})
        assert not second.done()
        with pytest.raises(TimedOut):
            await second

    # On the machine's clock both might fall due in one turn.
    with asyncio.Runner(loop_factory=lambda: DrivenLoop(lambda: 0.0001)) as runner:
        runner.run(story())
