"""The gateway's one loop: what waits is stamped, journaled as one entry, applied and answered, in the order of arrival.

Where the journal keeps an entry without waiting, a request that finds nothing before it is worked off as it comes: handing it
over to the loop would cost more than the work.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from loguru import logger

from tradepit.runtime.journal_writer import JournalWriter
from tradepit.services.gateway_machine import Events, GatewayMachine, write_record
from tradepit.services.gateway_meters import Meters
from tradepit.services.gateway_time import ExchangeTime
from tradepit.trading.matching.commands import Command
from tradepit.trading.matching.events import CommandRefused, Event
from tradepit.trading.model.errors import BadRequest, InternalError, OutcomeUnknown, StaleEpoch, TradepitError, Unavailable

Results = list[Events]

# The causes of fencing that prove that nothing of the entry was written: somebody else's entry is in its place.
_NOT_WRITTEN = frozenset({"JOURNAL_CONFLICT", "STALE_EPOCH"})


# A message of the NATS server holds 1 MiB; the last request taken may add as much as one request may carry.
_ENTRY_BYTES = 384 * 1024

# So many requests in one turn of the event loop are worked off as they come, and those after them together.
_AT_ONCE = 4


class Work:
    """Commands of one request, applied one after another; ``answer`` makes the reply from what each of them did."""

    __slots__ = ("answer", "at_ns", "commands", "future")

    def __init__(self, commands: Sequence[Command], answer: Callable[[Results], bytes], *, at_ns: int = 0) -> None:
        self.commands, self.answer, self.at_ns = commands, answer, at_ns
        self.future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()


_Stamped = tuple[Work, list[int]]
_Begun = tuple[list[_Stamped], "asyncio.Future[int]"]


class CommandLoop:
    """Owns the machine: nothing else changes it. ``tell`` gets every event.

    Before each batch ``room`` is awaited unless ``has_room``; after a batch ``pause`` is, when ``pause_due``.
    """

    def __init__(
        self,
        *,
        machine: GatewayMachine,
        writer: JournalWriter,
        time: ExchangeTime,
        meters: Meters,
        tell: Callable[[Event], None],
        has_room: Callable[[], bool],
        room: Callable[[], Awaitable[None]],
        pause_due: Callable[[], bool],
        pause: Callable[[], Awaitable[None]],
        batch_commands: int,
        queue_commands: int,
    ) -> None:
        self._machine, self._writer, self._time, self._meters = machine, writer, time, meters
        self._tell, self._has_room, self._room, self._pause_due, self._pause = tell, has_room, room, pause_due, pause
        self._batch_commands, self._queue_commands = batch_commands, queue_commands
        self._queue: deque[Work] = deque()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._journal_waits = True
        self._done_at_once = 0
        self._begun: _Begun | None = None
        self._failure: BaseException | None = None
        self.waiting = 0
        self.closed = False

    def submit(
        self, commands: Sequence[Command], answer: Callable[[Results], bytes], *, at_ns: int = 0
    ) -> "asyncio.Future[bytes]":
        """Queue a request. Raises Unavailable when the gateway is stopping or too much is waiting: nothing was done."""
        if self.closed:
            raise Unavailable("the gateway is stopping")
        if self.waiting + len(commands) > self._queue_commands:
            raise Unavailable("too many commands are waiting", waiting=self.waiting)
        work = Work(commands, answer, at_ns=at_ns)
        self._queue.append(work)
        self.waiting += len(commands)
        if self._journal_waits or not self._idle.is_set() or not self._has_turn() or self._pause_due() or not self._has_room():
            self._idle.clear()
            self._wake.set()
        else:
            self._work_at_once()
        # A client that went away must not make the loop complain about an exception nobody reads.
        if work.future.done():
            work.future.exception()
        else:
            work.future.add_done_callback(lambda done: done.cancelled() or done.exception())
        return work.future

    def _has_turn(self) -> bool:
        # A client that asks and asks must not keep the event loop from everything else, and a crowd is cheaper as one batch.
        if self._done_at_once == 0:
            asyncio.get_running_loop().call_soon(self._next_turn)
        self._done_at_once += 1
        return self._done_at_once <= _AT_ONCE

    def _next_turn(self) -> None:
        self._done_at_once = 0

    async def run(self) -> None:
        """Work for ever. Raises StaleEpoch when another gateway has taken over the journal, and whatever the venue fails with."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                if self._failure is not None:
                    raise self._failure
                while self._queue or self._begun or self._pause_due():
                    if not self._has_room():
                        await self._room()
                    await self._work_off()
                    if self._pause_due():
                        await self._pause()
                self._idle.set()
        finally:
            self.closed = True
            _fail(self._queue, Unavailable("the gateway has stopped"))
            self._queue.clear()
            self._idle.set()

    async def finish(self) -> None:
        """Take nothing new and wait until everything queued is answered."""
        self.closed = True
        await self._idle.wait()

    def _take(self, records: list[bytes]) -> list[_Stamped]:
        """What is worked off together: stamped and written into ``records``, as much as one journal entry may carry."""
        taken: list[_Stamped] = []
        size = 0
        while self._queue and len(records) < self._batch_commands and size < _ENTRY_BYTES:
            work = self._queue.popleft()
            self.waiting -= len(work.commands)
            before = len(records)
            instants = self._stamp(work, records)
            if instants:
                taken.append((work, instants))
                size += sum(map(len, records[before:]))
        return taken

    def _work_at_once(self) -> None:
        todo, written = begun = self._write()
        if todo and not written.done():
            self._begun = begun  # this journal waits after all, and so does the loop
        elif todo:
            try:
                self._finish(todo, written.exception())
            except BaseException as error:  # noqa: BLE001 - ends the loop, not whoever made this request
                self.closed, self._failure = True, error
                self._wake.set()
        if self._begun or self._pause_due():
            self._idle.clear()
            self._wake.set()

    async def _work_off(self) -> None:
        todo, written = self._begun or self._write()
        self._begun = None
        if not todo:
            return
        error: BaseException | None = None
        try:
            await written
        except BaseException as raised:  # noqa: BLE001 - raised again once those who wait are told
            error = raised
        self._finish(todo, error)

    def _write(self) -> _Begun:
        records: list[bytes] = []
        todo = self._take(records)
        written = self._writer.put(records) if records else asyncio.get_running_loop().create_future()
        self._journal_waits = not written.done()
        return todo, written

    def _finish(self, todo: list[_Stamped], error: BaseException | None) -> None:
        if error is not None:
            _fail([work for work, _ in todo], _fenced(error) if isinstance(error, StaleEpoch) else OutcomeUnknown())
            raise error
        self._meters.batches += 1
        for number, (work, instants) in enumerate(todo):
            try:
                self._apply(work, instants)
            except BaseException:
                # Journaled, but what it did is not known: the next start replays it.
                _fail([left for left, _ in todo[number:]], OutcomeUnknown())
                raise

    def _stamp(self, work: Work, records: list[bytes]) -> list[int]:
        before = len(records)
        try:
            if work.at_ns:
                self._time.advance_to(work.at_ns)
            instants = []
            for command in work.commands:
                instants.append(self._time.stamp(command))
                records.append(write_record(command, instants[-1]))
        except (TradepitError, ValueError, OverflowError) as error:
            del records[before:]
            refusal = error if isinstance(error, TradepitError) else BadRequest(str(error)[:200])
            _fail([work], refusal)
            return []
        return instants

    def _apply(self, work: Work, instants: list[int]) -> None:
        results: Results = []
        for command, now_ns in zip(work.commands, instants, strict=True):
            began_ns = self._meters.stopwatch()
            passed, done = self._machine.apply(command, now_ns)
            self._meters.applied(began_ns)
            for event in passed:
                self._announce(event)
            for event in done:
                self._announce(event)
            results.append(done)
        try:
            answer = work.answer(results)
        except Exception as error:  # noqa: BLE001 - what was done is done; only its telling failed
            logger.opt(exception=error).error("a request was done and cannot be answered")
            _fail([work], InternalError())
            return
        if not work.future.done():
            work.future.set_result(answer)

    def _announce(self, event: Event) -> None:
        if isinstance(event, CommandRefused):
            self._meters.refused += 1
        self._tell(event)


def _fenced(error: StaleEpoch) -> TradepitError:
    if error.details.get("cause", "STALE_EPOCH") in _NOT_WRITTEN:
        return Unavailable("another gateway has taken over")
    logger.error("the journal failed, the fate of the last commands is not known: {}", error)
    return OutcomeUnknown()


def _fail(works: "Sequence[Work] | deque[Work]", error: TradepitError) -> None:
    for work in works:
        if not work.future.done():
            work.future.set_exception(error)
