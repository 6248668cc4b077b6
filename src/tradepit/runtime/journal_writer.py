"""Group commit: many callers hand in records, one writer appends what is waiting as a single entry, all are told together.

What comes within one turn of the event loop shares an entry, and what need not be durable soon (``lazy``) waits for company.
Whoever has a group on its way to somebody else may ``hold`` the next one back for a moment: under load that makes few large
groups of many small ones, and costs a single order nothing.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from loguru import logger

from tradepit.ports.journal import Journal
from tradepit.runtime.eager import Started
from tradepit.trading.model.errors import JournalConflict, NotActive, StaleEpoch, TradepitError, Unavailable

_RETRY_S = 0.05
_DRAIN_S = 5.0
_MAX_RECORDS = 512
_LAZY_S = 0.005
_HOLD_S = 0.002
# From an answer's coming to its leaving: who waits for it, who asked for that, and what the connection lingers.
_ANSWERING_TURNS = 5


class JournalWriter:
    """Appends under one epoch. Once another writer has appended it is fenced for good: every put fails with StaleEpoch.

    When the journal cannot be reached the outcome of an append is unknown: the tail is read again until it is certain.
    A journal that gathers nothing is written to inside ``put``, unless it had to wait after all.
    """

    def __init__(self, journal: Journal, *, last: int, epoch: int, on_fenced: Callable[[], None]) -> None:
        self._journal, self._last, self._epoch, self._on_fenced = journal, last, epoch, on_fenced
        self._waiting: list[tuple[Sequence[bytes], asyncio.Future[int]]] = []
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._at_once = not journal.gathers
        self._first: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._free = asyncio.Event()
        self._free.set()
        self.fenced = False

    @property
    def last(self) -> int:
        """The number of the last entry known to be in the journal."""
        return self._last

    @property
    def backlog(self) -> int:
        """Puts not yet appended."""
        return len(self._waiting)

    def start(self) -> None:
        """Begin to write."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="journal-writer")

    def put(self, records: Sequence[bytes], *, lazy: bool = False) -> "asyncio.Future[int]":
        """Queue records in order; the future gives the entry's number once durable, or StaleEpoch.

        ``lazy``: nobody waits for these; they are written with the next ones that somebody waits for, or after 5 ms.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[int] = loop.create_future()
        if self.fenced:
            _refuse(future, StaleEpoch(epoch=self._epoch))
            return future
        self._waiting.append((records, future))
        if self._at_once and len(self._waiting) == 1 and self._task is not None:
            self._write_at_once()
        elif not lazy:
            self._wake.set()
        elif self._timer is None:
            self._timer = loop.call_later(_LAZY_S, self._lazy_due)
        return future

    def hold(self) -> None:
        """The next group waits until ``release``, 2 ms at most: a former one is on its way, and what comes meanwhile joins it."""
        self._free.clear()

    def release(self) -> None:
        """The former group's answers have come."""
        self._free.set()

    def hurry(self) -> None:
        """Somebody waits for what was put lazily."""
        self._wake.set()

    async def stop(self) -> None:
        """Write what is waiting (for a moment only, should the journal be out of reach), then end. Then puts raise StaleEpoch."""
        if self._task is not None:
            if self._waiting and not self.fenced:
                self.hurry()
                ends: set[asyncio.Future[Any]] = {self._task, self._waiting[-1][1]}
                await asyncio.wait(ends, timeout=_DRAIN_S, return_when=asyncio.FIRST_COMPLETED)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._timer is not None:
            self._timer.cancel()
        self.fenced = True
        self._fail(StaleEpoch(epoch=self._epoch))

    def _lazy_due(self) -> None:
        self._timer = None
        self._wake.set()

    def _write_at_once(self) -> None:
        written = Started(self._write_batch())
        if not written.finished:
            # This journal has to wait: from now on what comes meanwhile forms the next group.
            self._at_once, self._first = False, written.task
            self._wake.set()

    async def _run(self) -> None:
        while not self.fenced:
            await self._wake.wait()
            self._wake.clear()
            if self._first is not None:
                await self._first
                self._first = None
            while self._waiting and not self.fenced:
                if not self._free.is_set():
                    await self._until_free()
                    await self._after_the_answers()
                await self._write_batch()

    async def _until_free(self) -> None:
        try:
            async with asyncio.timeout(_HOLD_S):
                await self._free.wait()
        except TimeoutError:
            return

    @staticmethod
    async def _after_the_answers() -> None:
        """The disk stops everything for a moment: what the former group's answers set off leaves before that."""
        for _ in range(_ANSWERING_TURNS):
            await asyncio.sleep(0)

    async def _write_batch(self) -> None:
        batch, count = [], 0
        for records, _ in self._waiting:
            batch.append(records)
            count += len(records)
            if count >= _MAX_RECORDS:
                break
        flat = [record for records in batch for record in records]
        try:
            self._last = await self._append(flat)
        except (JournalConflict, StaleEpoch) as error:
            self._fence(error.reason_code)
            return
        except Exception as error:  # noqa: BLE001 - whoever waits must be told, whatever the journal failed with
            logger.opt(exception=error).error("journal refuses for good")
            self._fence(error.reason_code if isinstance(error, TradepitError) else TradepitError.code)
            return
        done, self._waiting = self._waiting[: len(batch)], self._waiting[len(batch) :]
        for _, future in done:
            if not future.done():
                future.set_result(self._last)

    async def _append(self, records: list[bytes]) -> int:
        in_doubt = False
        while True:
            try:
                return await self._journal.append(records, expected=self._last, epoch=self._epoch)
            except (JournalConflict, StaleEpoch):
                # The entry in our place may be our own: an attempt whose answer was lost can be kept late.
                if in_doubt and await self._is_written(records):
                    return self._last + 1
                raise
            except Unavailable as error:
                logger.warning("journal not reachable, outcome of an append unknown: {}", error)
                in_doubt = True
                if await self._is_written(records):
                    return self._last + 1

    async def _is_written(self, records: list[bytes]) -> bool:
        while True:
            await asyncio.sleep(_RETRY_S)
            try:
                sequence, _ = await self._journal.last()
                if sequence <= self._last:
                    return False
                async for entry in self._journal.read(self._last):
                    if entry.epoch == self._epoch and list(entry.records) == records:
                        return True
                    raise JournalConflict(expected=self._last, found=entry.sequence)
            except Unavailable:
                continue

    def _fence(self, cause: str) -> None:
        self.fenced = True
        self._fail(StaleEpoch(epoch=self._epoch, cause=cause))
        self._on_fenced()

    def _fail(self, error: TradepitError) -> None:
        waiting, self._waiting = self._waiting, []
        for _, future in waiting:
            if not future.done():
                _refuse(future, error)


def _refuse(future: "asyncio.Future[int]", error: TradepitError) -> None:
    future.set_exception(error)
    future.exception()  # a caller that went away must not make the loop complain about an unread exception


async def durable(written: "asyncio.Future[int]") -> None:
    """Wait for a put; a waiter that goes away does not undo it. Raises NotActive when another writer has taken over."""
    try:
        if written.done():
            written.result()
        else:
            await asyncio.shield(written)
    except StaleEpoch as error:
        raise NotActive from error
