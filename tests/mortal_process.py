"""Processes that live in one event loop and can die like real ones: in the middle of an append, with all they had in hand."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextvars import ContextVar, copy_context
from functools import partial
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from tradepit.backends.bus.memory import MemoryBus, MemoryHub
from tradepit.backends.journal.file import FileJournal
from tradepit.backends.lease.memory import MemoryLease, MemoryLeaseStore
from tradepit.compose.roles import make_service
from tradepit.compose.wiring import Wiring
from tradepit.config import Settings
from tradepit.ports.bus import Bus, Channel, Handler, Message, Outgoing, Responder, Subscription
from tradepit.ports.clock import Clock
from tradepit.ports.journal import Entry, Journal, Snapshot
from tradepit.ports.lease import Lease
from tradepit.runtime import eager
from tradepit.runtime.clock import SystemClock
from tradepit.runtime.service import Service
from tradepit.wire.simulator import CHANNELS

BEFORE, TORN, AFTER = "before", "torn", "after"
_OWNER: ContextVar[str] = ContextVar("owner", default="")
_RESTART_S = 0.005


class Outlet:
    """What processes share because it is not theirs: the bus, the leases, the folder of journals, the time.

    ``late_s`` is drawn for each entry of a journal that is followed: how long it takes to come to a standby.
    """

    def __init__(self, settings: Settings, folder: Path, clock: SystemClock, late_s: Callable[[], float]) -> None:
        self.settings, self.folder, self.clock, self.late_s = settings, folder, clock, late_s
        self.hub, self.leases = MemoryHub(), MemoryLeaseStore()

    def bus(self) -> MemoryBus:
        """A connection that outlives every process."""
        return MemoryBus(self.hub, channels=CHANNELS)


class Death:
    """When a process dies: at its ``countdown``-th append from now (0: never), before, amid or after it was written."""

    def __init__(self, countdown: int = 0, how: str = BEFORE, share: float = 0.5) -> None:
        self._countdown, self.how, self._share = countdown, how, share
        self.struck = asyncio.Event()

    def comes(self) -> bool:
        """Count one append; True when it is the last."""
        self._countdown -= 1
        return self._countdown == 0

    def part_of(self, begin: int, end: int) -> int:
        """Where in an entry from ``begin`` to ``end`` a torn write stopped: something was written, but not all."""
        return min(end - 1, begin + 1 + int((end - begin) * self._share))

    async def rest(self) -> None:
        """What a dead process does."""
        await asyncio.get_running_loop().create_future()


class MortalJournal:
    """A file journal in the hands of a process that dies while it appends."""

    def __init__(self, path: Path, death: Death, late_s: Callable[[], float]) -> None:
        self._path, self._death, self._late_s = path, death, late_s
        self.file = FileJournal(path, sync="os")

    @property
    def durability(self) -> str:
        return self.file.durability

    @property
    def gathers(self) -> bool:
        return self.file.gathers

    async def sync(self) -> None:
        await self.file.sync()

    async def open(self) -> None:
        await self.file.open()

    async def append(self, records: Sequence[bytes], *, expected: int, epoch: int) -> int:
        death = self._death
        if death.struck.is_set():
            await death.rest()
        if not death.comes():
            return await self.file.append(records, expected=expected, epoch=epoch)
        death.struck.set()
        if death.how == AFTER:
            await self.file.append(records, expected=expected, epoch=epoch)
        elif death.how == TORN:
            whole_from = self._path.stat().st_size
            await self.file.append(records, expected=expected, epoch=epoch)
            os.truncate(self._path, death.part_of(whole_from, self._path.stat().st_size))
        await death.rest()
        raise AssertionError("the dead do not append")

    async def last(self) -> tuple[int, int]:
        return await self.file.last()

    def read(self, after: int = 0) -> AsyncIterator[Entry]:
        return self.file.read(after)

    async def follow(self, after: int = 0) -> AsyncIterator[Entry]:
        async for entry in self.file.follow(after):
            # Within one event loop a standby would know everything at once, and nothing would be left to read when it takes over.
            await asyncio.sleep(self._late_s())
            yield entry

    async def save_snapshot(self, snapshot: Snapshot) -> None:
        await self.file.save_snapshot(snapshot)

    async def load_snapshot(self) -> Snapshot | None:
        return await self.file.load_snapshot()

    async def close(self) -> None:
        await self.file.close()


class MortalBus:
    """A process's connection: once it is dead, nothing leaves it and nobody asks it."""

    def __init__(self, bus: MemoryBus, death: Death, owner: str) -> None:
        self.bus, self._death = bus, death
        self._context = copy_context()
        self._context.run(_OWNER.set, owner)

    async def connect(self) -> None:
        await self.bus.connect()

    async def publish(
        self, subject: str, payload: bytes, *, message_id: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        await self._live()
        await self.bus.publish(subject, payload, message_id=message_id, headers=headers)

    async def subscribe(
        self, channel: Channel, handler: Handler, *, group: str = "", replay: bool = False, max_in_flight: int = 1
    ) -> Subscription:
        return await self.bus.subscribe(channel, handler, group=group, replay=replay, max_in_flight=max_in_flight)

    async def publish_all(self, messages: Sequence[Outgoing]) -> None:
        for message in messages:
            await self.publish(message.subject, message.payload, message_id=message.message_id)

    async def last(self, channel: Channel) -> Message | None:
        await self._live()
        return await self.bus.last(channel)

    async def request(self, subject: str, payload: bytes, *, timeout_s: float) -> bytes:
        await self._live()
        return await self.bus.request(subject, payload, timeout_s=timeout_s)

    async def serve(self, subject: str, responder: Responder, *, group: str = "") -> Subscription:
        async def respond(message: Message) -> bytes:
            # What an answer sets going belongs to who answers, not to who asked.
            return await asyncio.get_running_loop().create_task(_answer(responder, message), context=self._context.copy())

        return await self.bus.serve(subject, respond, group=group)

    async def close(self) -> None:
        await self.bus.close()

    async def _live(self) -> None:
        if self._death.struck.is_set():
            await self._death.rest()


class _Wiring(Wiring):
    """One process's backends: its own connection and files, the world's leases and time."""

    def __init__(self, outlet: Outlet, process: str, death: Death, owner: str) -> None:
        super().__init__(outlet.settings, process=process)
        self.clock = outlet.clock
        self._outlet, self._death = outlet, death
        self.connection = MortalBus(outlet.bus(), death, owner)
        self.journals: list[MortalJournal] = []

    def bus(self) -> Bus:
        return self.connection

    def journal(self, name: str, *, synced: bool = True) -> Journal:
        journal = MortalJournal(self._outlet.folder / "journals" / name, self._death, self._outlet.late_s)
        self.journals.append(journal)
        return journal

    def lease(self, name: str) -> Lease:
        return MemoryLease(self._outlet.leases, name)

    def exchange_clock(self) -> Clock:
        return self._outlet.clock


class MortalProcess:
    """One role instance, started again whenever it died. ``deaths`` are those still to come, in order."""

    def __init__(self, outlet: Outlet, instance: str, deaths: Sequence[tuple[int, str, float]]) -> None:
        self._outlet, self.instance = outlet, instance
        self._owner = f"{outlet.folder}:{instance}"
        self.deaths = list(deaths)
        self.died = 0
        self.service: Service | None = None
        self._ending = asyncio.Event()

    async def run(self) -> None:
        """Live, die, live again; until ``end``."""
        while not self._ending.is_set():
            death = Death(*self.deaths.pop(0)) if self.deaths else Death()
            wiring = _Wiring(self._outlet, self.instance, death, self._owner)
            service = make_service(wiring, self.instance, partial(_strike, death))
            life = self._in_my_name(service.start(), death)
            self.service = service
            ending = asyncio.create_task(self._ending.wait())
            struck = asyncio.create_task(death.struck.wait())
            await asyncio.wait({ending, struck}, return_when=asyncio.FIRST_COMPLETED)
            if self._ending.is_set() and not death.struck.is_set():
                stopping = asyncio.create_task(service.stop())
                await asyncio.wait({stopping, struck}, return_when=asyncio.FIRST_COMPLETED)
                stopping.cancel()
            self.died += death.struck.is_set()
            for task in (life, ending, struck):
                task.cancel()
            await self._bury(wiring)
            await asyncio.sleep(_RESTART_S)

    def end(self) -> None:
        """Stop in order and do not come back."""
        self._ending.set()

    def _in_my_name(self, start: Coroutine[Any, Any, None], death: Death) -> "asyncio.Task[None]":
        context = copy_context()
        context.run(_OWNER.set, self._owner)
        task = asyncio.get_running_loop().create_task(start, context=context)
        task.add_done_callback(partial(_started, death))
        return task

    async def _bury(self, wiring: _Wiring) -> None:
        leaving = asyncio.create_task(wiring.connection.bus.abandon())
        while mine := [task for task in asyncio.all_tasks() if _TASKS.get(task) == self._owner and not task.done()]:
            for task in mine:
                task.cancel()
            await asyncio.wait(mine, timeout=0.1)
        # An answer that will not end is no matter: neither the journal nor the bus take anything from the dead.
        await asyncio.wait({leaving}, timeout=_RESTART_S)
        leaving.cancel()
        for journal in wiring.journals:
            await journal.file.close()


async def _answer(responder: Responder, message: Message) -> bytes:
    return await responder(message)


def _strike(death: Death, error: BaseException) -> None:
    del error
    death.struck.set()


def _started(death: Death, start: "asyncio.Task[None]") -> None:
    # A process that cannot start ends, and is started again.
    if not start.cancelled() and start.exception() is not None:
        death.struck.set()


_TASKS: "WeakKeyDictionary[asyncio.Task[Any], str]" = WeakKeyDictionary()


def note_owners(loop: asyncio.AbstractEventLoop) -> Callable[[], None]:
    """Note from now on which process each task of ``loop`` belongs to; call the result to stop noting."""

    def make(loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> "asyncio.Task[Any]":
        task = asyncio.Task(work, loop=loop, **options)
        context = options.get("context")
        # Answers are begun in whatever task is at hand; the connection that serves them ends them.
        if not isinstance(work, eager._Rest):
            _TASKS[task] = context.get(_OWNER, "") if context is not None else _OWNER.get()
        return task

    loop.set_task_factory(make)
    return lambda: loop.set_task_factory(None)
