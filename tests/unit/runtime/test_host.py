"""The host starts services in order, stops them in reverse, and none that fails keeps the others from stopping."""

import asyncio
import os
import signal

import pytest
from tests.patience import PATIENCE_S
from tests.waiting import settle, until

from tradepit.backends.bus.memory import MemoryBus, MemoryHub
from tradepit.backends.cache.memory import MemoryCache, MemoryCacheStore
from tradepit.runtime.clock import SystemClock
from tradepit.runtime.host import PARENT_VARIABLE, Host
from tradepit.runtime.service import Health
from tradepit.trading.model.errors import Unavailable


class Lodger:
    """A service that tells what happens to it."""

    name = "lodger"

    def __init__(self, instance: str, diary: list[str]) -> None:
        self.instance, self.diary = instance, diary
        self.start_fails: Exception | None = None
        self.waits_for: asyncio.Event | None = None
        self.stop_fails: Exception | None = None

    async def start(self) -> None:
        if self.start_fails is not None:
            raise self.start_fails
        if self.waits_for is not None:
            self.diary.append(f"wait {self.instance}")
            await self.waits_for.wait()
        self.diary.append(f"start {self.instance}")

    async def stop(self) -> None:
        self.diary.append(f"stop {self.instance}")
        if self.stop_fails is not None:
            raise self.stop_fails

    def health(self) -> Health:
        return Health()


class Inn:
    def __init__(self) -> None:
        clock = SystemClock()
        self.diary: list[str] = []
        self.host = Host(MemoryBus(MemoryHub()), MemoryCache(MemoryCacheStore(), clock), clock)
        self.lodgers = [Lodger(name, self.diary) for name in ("a", "b", "c")]
        for lodger in self.lodgers:
            self.host.add(lodger)

    async def until_started(self) -> "asyncio.Task[int]":
        running = asyncio.ensure_future(self.host.run())
        await until(lambda: "start c" in self.diary)
        await settle()
        return running


@pytest.fixture
def inn(monkeypatch: pytest.MonkeyPatch) -> Inn:
    monkeypatch.delenv(PARENT_VARIABLE, raising=False)
    monkeypatch.setattr("tradepit.runtime.host.collect_young", lambda: asyncio.sleep(0))
    return Inn()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_stops_in_reverse_order(inn: Inn, number: signal.Signals) -> None:
    running = await inn.until_started()
    os.kill(os.getpid(), number)
    assert await running == 0
    assert inn.diary == ["start a", "start b", "start c", "stop c", "stop b", "stop a"]


async def test_a_service_that_can_no_longer_work_ends_the_process(inn: Inn) -> None:
    running = await inn.until_started()
    inn.host.fail(ValueError("no"))
    assert await running == 1
    assert inn.diary[-1] == "stop a"


async def test_a_service_that_does_not_stop_well_does_not_keep_the_others(inn: Inn) -> None:
    inn.lodgers[1].stop_fails = RuntimeError("stuck")
    inn.lodgers[2].stop_fails = TimeoutError()
    running = await inn.until_started()
    inn.host.fail(ValueError("no"))
    assert await running == 1
    assert inn.diary[-3:] == ["stop c", "stop b", "stop a"]


async def test_a_service_that_does_not_start_ends_what_was_started(inn: Inn) -> None:
    inn.lodgers[1].start_fails = Unavailable()
    with pytest.raises(Unavailable):
        await inn.host.run()
    assert inn.diary == ["start a", "stop a"]


async def test_a_service_that_waits_in_its_start_can_be_told_to_stop(inn: Inn) -> None:
    inn.lodgers[1].waits_for = asyncio.Event()
    running = asyncio.ensure_future(inn.host.run())
    await until(lambda: "wait b" in inn.diary)
    os.kill(os.getpid(), signal.SIGTERM)
    assert await running == 0
    assert inn.diary == ["start a", "wait b", "stop b", "stop a"]


async def test_what_comes_before_the_start_comes_first(inn: Inn) -> None:
    async def before() -> None:
        inn.diary.append("before")
        inn.host.fail(ValueError("enough"))

    assert await inn.host.run(before) == 1
    assert inn.diary[:2] == ["before", "start a"]


@pytest.mark.parametrize("launcher", ["1234567", "{parent}"])
async def test_orphans_stop_by_themselves(inn: Inn, monkeypatch: pytest.MonkeyPatch, launcher: str) -> None:
    orphan = "{" not in launcher
    monkeypatch.setenv(PARENT_VARIABLE, launcher.format(parent=os.getppid()))
    running = await inn.until_started()
    if orphan:
        assert await running == 0
    else:
        assert not running.done()
        inn.host.fail(ValueError("enough"))
        assert await running == 1


async def test_buses_beside_the_houses_own_are_connected_before_and_closed_after_the_services() -> None:
    inn, diary = Inn(), list[str]()

    class Beside(MemoryBus):
        async def connect(self) -> None:
            diary.append("connect")
            assert not inn.diary
            await super().connect()

        async def close(self) -> None:
            diary.append("close")
            assert inn.diary[-1] == "stop a"
            await super().close()

    inn.host.connect_too([Beside(MemoryHub())])
    running = await inn.until_started()
    inn.host.end()
    assert await running == 0
    assert diary == ["connect", "close"]


async def test_told_to_stop_while_a_bus_is_waited_for_it_starts_nothing() -> None:
    inn, waits = Inn(), asyncio.Event()

    class Away(MemoryBus):
        async def connect(self) -> None:
            waits.set()
            await asyncio.Event().wait()

    inn.host.connect_too([Away(MemoryHub())])
    running = asyncio.ensure_future(inn.host.run())
    await waits.wait()
    os.kill(os.getpid(), signal.SIGTERM)
    async with asyncio.timeout(PATIENCE_S):
        assert await running == 0
    assert inn.diary == []
