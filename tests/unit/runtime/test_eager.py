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
    assert await started.task == 7


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


async def test_the_work_is_the_current_task_from_its_first_step() -> None:
    tasks = []

    async def work() -> None:
        tasks.append(asyncio.current_task())
        await asyncio.sleep(0)
        tasks.append(asyncio.current_task())

    started = Started(work())
    await started.task
    assert tasks == [started.task, started.task]
    assert asyncio.current_task() is not started.task


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


async def test_cancelling_the_task_before_it_ran_reaches_the_work() -> None:
    seen = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            seen.append("ended")

    for _ in range(2):  # in a new task, and in one that was left unused
        started = Started(work())
        started.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await started.task
        await asyncio.sleep(0)
    assert seen == ["ended", "ended"]


async def test_work_begun_inside_other_work_has_a_task_of_its_own() -> None:
    tasks: list[asyncio.Task[object] | None] = []

    async def inner() -> int:
        tasks.append(asyncio.current_task())
        return 1

    async def outer() -> int:
        tasks.append(asyncio.current_task())
        begun = Started(inner())
        assert begun.finished
        assert asyncio.current_task() is tasks[0]
        await asyncio.sleep(0)
        return begun.result() + 1

    started = Started(outer())
    assert await started.task == 2
    assert len({*tasks, asyncio.current_task()}) == 3


async def test_work_that_never_waits_leaves_no_more_tasks_than_were_nested() -> None:
    async def nested(depth: int) -> int:
        return Started(nested(depth - 1)).result() + 1 if depth else 0

    await asyncio.sleep(0)
    before = len(asyncio.all_tasks())
    for _ in range(100):
        assert Started(nested(3)).result() == 3
    assert len(asyncio.all_tasks()) - before <= 4
