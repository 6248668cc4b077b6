"""Work that runs at once up to its first wait, in a task of its own."""

import asyncio

import pytest

from tradepit.runtime.eager import Started


async def test_work_that_never_waits_is_finished_at_once() -> None:
    async def work() -> int:
        return 7

    started = Started(work())
    assert started.finished
    assert started.result() == 7


async def test_work_that_waits_goes_on_in_its_own_task() -> None:
    go, steps = asyncio.Event(), []

    async def work() -> str:
        steps.append("begun")
        await go.wait()
        await asyncio.sleep(0)
        return "done"

    started = Started(work())
    assert steps == ["begun"]
    assert not started.finished
    go.set()
    assert await started.task == "done"
    assert started.result() == "done"


async def test_an_exception_waits_for_whoever_asks() -> None:
    async def at_once() -> None:
        raise KeyError("a")

    async def later() -> None:
        await asyncio.sleep(0)
        raise KeyError("b")

    started = Started(at_once())
    assert started.finished
    with pytest.raises(KeyError):
        started.result()
    with pytest.raises(KeyError):
        await Started(later()).task


async def test_the_work_has_a_current_task_of_its_own_from_its_first_step() -> None:
    tasks = []

    async def work() -> None:
        tasks.append(asyncio.current_task())
        await asyncio.sleep(0)
        tasks.append(asyncio.current_task())

    started = Started(work())
    assert tasks[0] is not asyncio.current_task()
    await started.task
    assert tasks[1] is started.task
    assert asyncio.current_task() is not started.task


async def test_what_the_first_step_was_told_its_task_is_can_cancel_it() -> None:
    tasks = []

    async def work() -> None:
        tasks.append(asyncio.current_task())
        await asyncio.Event().wait()

    started = Started(work())
    first = tasks[0]
    assert first is not None
    assert first.cancelling() == 0
    assert first.get_name() == started.task.get_name()
    first.cancel()
    assert first.cancelling() == 1
    with pytest.raises(asyncio.CancelledError):
        await started.task


async def test_a_task_group_opened_in_the_first_step_ends_the_work_when_a_member_fails() -> None:
    async def fail() -> None:
        raise KeyError("a")

    async def work() -> str:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(fail())
                await asyncio.Event().wait()
        except ExceptionGroup:
            return "a member failed"
        return "never"

    assert await Started(work()).task == "a member failed"


async def test_a_timeout_set_in_the_first_step_ends_the_work_not_its_starter() -> None:
    async def work() -> str:
        try:
            async with asyncio.timeout(0.001):
                await asyncio.Event().wait()
        except TimeoutError:
            return "timed out"
        return "never"

    assert await Started(work()).task == "timed out"


async def test_cancelling_the_task_reaches_the_work() -> None:
    seen = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    started = Started(work())
    await asyncio.sleep(0)
    started.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await started.task
    assert seen == ["cancelled"]


async def test_work_learns_that_its_task_was_cancelled_before_that_had_a_turn() -> None:
    told = []

    async def work() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            told.append("cancelled")
            raise

    started = Started(work())
    started.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await started.task
    assert told == ["cancelled"]
