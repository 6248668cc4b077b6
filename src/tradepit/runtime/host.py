"""The host: runs the services of one process from start to SIGTERM."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

from loguru import logger

from tradepit.ports.bus import Bus
from tradepit.ports.cache import Cache
from tradepit.ports.clock import Clock
from tradepit.runtime.collector import collect_young
from tradepit.runtime.heartbeat import Heartbeat
from tradepit.runtime.service import Service
from tradepit.runtime.tasks import TaskGroup

_STOP_S = 10.0
PARENT_VARIABLE = "TRADEPIT_LAUNCHER_PID"


class Host:
    """Starts services in order, beats their hearts, stops them in reverse order on SIGTERM or SIGINT."""

    def __init__(self, bus: Bus, cache: Cache, clock: Clock) -> None:
        self._bus, self._cache, self._clock = bus, cache, clock
        self._beside: list[Bus] = []
        self._services: list[Service] = []
        self._hearts: list[Heartbeat] = []
        self._ended = asyncio.Event()
        self._tasks = TaskGroup("host")
        self.failure: BaseException | None = None

    def add(self, service: Service) -> None:
        """Host one more service; before ``run``."""
        self._services.append(service)
        self._hearts.append(Heartbeat(service, self._bus, self._cache, self._clock))

    def connect_too(self, buses: Sequence[Bus]) -> None:
        """Buses that the services use beside the house's own; before ``run``."""
        self._beside.extend(buses)

    def fail(self, error: BaseException) -> None:
        """A service can no longer work: end the process, so that whoever runs it starts it again."""
        self.failure = error
        logger.error("a service can no longer work: {!r}", error)
        self._ended.set()

    def end(self) -> None:
        """There is nothing left to do: stop as on SIGTERM."""
        self._ended.set()

    async def run(self, before_start: Callable[[], Awaitable[None]] | None = None) -> int:
        """Run until told to stop; the process's exit code (0 stopped, 1 a service failed)."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._ended.set)
        started: list[Service] = []
        try:
            connected = await self._unless_ended(self._connect())
            if connected and before_start is not None:
                await before_start()
            for service in self._services if connected else ():
                await self._begin(service)
                started.append(service)
                if self._ended.is_set():
                    break
            for heart in self._hearts:
                self._tasks.spawn(heart.run(), "heartbeat")
            self._tasks.spawn(self._watch_parent(), "parent")
            self._tasks.spawn(collect_young(), "collector")
            await self._ended.wait()
        finally:
            await self._stop(started)
        return 1 if self.failure is not None else 0

    async def _connect(self) -> None:
        for bus in (self._bus, *self._beside):
            await bus.connect()
        await self._cache.connect()

    async def _begin(self, service: Service) -> None:
        if await self._unless_ended(service.start()):
            logger.info("{} started", service.instance)

    async def _unless_ended(self, work: Coroutine[Any, Any, None]) -> bool:
        """Do something that may have to wait for others; whether it was done before this process was told to stop."""
        loop = asyncio.get_running_loop()
        working, ended = loop.create_task(work), loop.create_task(self._ended.wait())
        try:
            await asyncio.wait({working, ended}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                await working
                return True
            return False
        finally:
            ended.cancel()
            working.cancel()
            await asyncio.wait({working})

    async def _watch_parent(self) -> None:
        """A launcher that was killed cannot stop its processes: they notice that they were orphaned and stop by themselves."""
        launcher = int(os.environ.get(PARENT_VARIABLE, "0"))
        while not launcher or os.getppid() == launcher:  # noqa: ASYNC110 - the kernel has no event for it
            await asyncio.sleep(1.0)
        logger.warning("the launcher {} is gone, stopping", launcher)
        self._ended.set()

    async def _stop(self, started: Sequence[Service]) -> None:
        await self._tasks.stop()
        for service in reversed(started):
            try:
                async with asyncio.timeout(_STOP_S):
                    await service.stop()
                logger.info("{} stopped", service.instance)
            except TimeoutError:
                logger.error("{} did not stop within {} s", service.instance, _STOP_S)
            except Exception as error:  # noqa: BLE001 - the other services must be stopped all the same
                logger.opt(exception=error).error("{} did not stop well", service.instance)
        for heart in self._hearts[: len(started)]:
            await heart.sign_off()
        await self._cache.close()
        for bus in (*self._beside, self._bus):
            await bus.close()
