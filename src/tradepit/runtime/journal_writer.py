"""Group commit: many callers hand in records, one writer appends what is waiting as a single entry, all are told together."""

import asyncio
from collections.abc import Callable, Sequence

from loguru import logger

from tradepit.ports.journal import Journal
from tradepit.trading.model.errors import JournalConflict, JournalError, StaleEpoch, TradepitError, Unavailable

_RETRY_S = 0.05
_MAX_RECORDS = 512


class JournalWriter:
    """Appends under one epoch. Once another writer has appended it is fenced for good: every put fails with StaleEpoch.

    When the journal cannot be reached the outcome of an append is unknown: the tail is read again until it is certain.
    """

    def __init__(self, journal: Journal, *, last: int, epoch: int, on_fenced: Callable[[], None]) -> None:
        self._journal, self._last, self._epoch, self._on_fenced = journal, last, epoch, on_fenced
        self._waiting: list[tuple[Sequence[bytes], asyncio.Future[int] | None]] = []
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
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

    def put(self, records: Sequence[bytes]) -> "asyncio.Future[int]":
        """Queue records in order; the future gives the entry's number once durable, or StaleEpoch."""
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        # A caller that went away (a disconnected client) must not make the loop complain about an unread exception.
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
        if self.fenced:
            future.set_exception(StaleEpoch(epoch=self._epoch))
            return future
        self._waiting.append((records, future))
        self._wake.set()
        return future

    async def stop(self) -> None:
        """Write what is waiting, then end."""
        while self._waiting and not self.fenced and self._task is not None and not self._task.done():
            await asyncio.sleep(0.001)
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._fail(StaleEpoch(epoch=self._epoch))

    async def _run(self) -> None:
        while not self.fenced:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting and not self.fenced:
                await self._write_batch()

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
            self._fence(error)
            return
        except JournalError as error:
            logger.error("journal refuses for good: {}", error)
            self._fence(error)
            return
        done, self._waiting = self._waiting[: len(batch)], self._waiting[len(batch) :]
        for _, future in done:
            if future is not None and not future.done():
                future.set_result(self._last)

    async def _append(self, records: list[bytes]) -> int:
        while True:
            try:
                return await self._journal.append(records, expected=self._last, epoch=self._epoch)
            except Unavailable as error:
                logger.warning("journal not reachable, outcome of an append unknown: {}", error)
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

    def _fence(self, error: TradepitError) -> None:
        self.fenced = True
        self._fail(StaleEpoch(epoch=self._epoch, cause=error.reason_code))
        self._on_fenced()

    def _fail(self, error: TradepitError) -> None:
        waiting, self._waiting = self._waiting, []
        for _, future in waiting:
            if future is not None and not future.done():
                future.set_exception(error)
