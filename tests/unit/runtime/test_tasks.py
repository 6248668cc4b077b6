"""Background tasks fail loudly and stop together."""

import asyncio

from tests.waiting import settle

from tradepit.runtime.tasks import TaskGroup


async def _fail() -> None:
    raise ValueError("no")


async def test_a_failure_is_handed_on_and_the_others_go_on() -> None:
    failures: list[BaseException] = []
    group = TaskGroup("test", failures.append)
    going = group.spawn(asyncio.Event().wait(), "going")
    group.spawn(_fail(), "failing")
    await settle()
    assert [str(failure) for failure in failures] == ["no"]
    assert not going.done()
    await group.stop()
    assert going.cancelled()
    assert len(failures) == 1


async def test_without_anybody_to_tell_a_failure_is_still_no_silence() -> None:
    group = TaskGroup("test")
    failed = group.spawn(_fail(), "failing")
    await settle()
    assert isinstance(failed.exception(), ValueError)
    await group.stop()


async def test_a_task_may_stop_its_own_group() -> None:
    group = TaskGroup("test")
    ended = asyncio.Event()

    async def stop_all() -> None:
        await group.stop()
        ended.set()

    other = group.spawn(asyncio.Event().wait(), "other")
    group.spawn(stop_all(), "stopper")
    await ended.wait()
    assert other.cancelled()
