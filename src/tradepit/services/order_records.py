"""Order records: order management's journal as rows of orders, fills, positions, results and risk, told with their entry."""

import asyncio
from collections.abc import Callable, Sequence
from hashlib import sha256

import msgspec
from loguru import logger

from tradepit.ports.clock import Clock
from tradepit.ports.journal import Entry, Journal
from tradepit.ports.trading_records import KeptFold, Told, TradingRecords
from tradepit.runtime.gathered_journal import GatheredJournal
from tradepit.runtime.service import Health
from tradepit.runtime.tasks import TaskGroup
from tradepit.services.record_settings import RecordSettings
from tradepit.services.record_sidelines import Sideline
from tradepit.trading.model.errors import ConfigError, JournalConflict, JournalCorrupted, TradepitError, Unavailable
from tradepit.trading.orders import events as facts
from tradepit.trading.records.fold_snapshot import restore, seal, take
from tradepit.trading.records.record_fold import RecordFold
from tradepit.trading.records.rows import RecordBatch
from tradepit.wire.record_tables import ORDER_RECORDS

_DECODER = msgspec.json.Decoder(facts.Fact)
_AGAIN_S, _MAX_AGAIN_S = 0.1, 2.0
_SHOWN = 200
_GROUP = 500


class OrderRecords:
    """What is held is made of all trades: at its start it reads the journal from where it last kept what it knew of it; what was told
    is not told again.

    Rows are written in one transaction with the place in the journal that tells them. Whoever empties them, or puts back an older
    copy of the database, has them told again; a journal that is not theirs is refused. While the database is away, entries wait in
    the journal. Any number of instances may tell the same journal: the same entries give the same rows. ``sidelines`` work beside it.
    """

    def __init__(
        self,
        journal: Journal,
        records: TradingRecords,
        clock: Clock,
        settings: RecordSettings,
        instance: str,
        sidelines: Sequence[Sideline] = (),
        *,
        on_failure: Callable[[BaseException], None] | None = None,
    ) -> None:
        self._journal, self._records, self._clock, self._settings, self._instance = journal, records, clock, settings, instance
        self._sidelines = tuple(sidelines)
        self._tasks, self._on_failure = TaskGroup(instance, self._failed), on_failure
        self._told = Told()
        self._newest = self._kept = self._days = 0
        self._waits_s = _AGAIN_S
        self.fold = RecordFold()
        self.rows = self.batches = self.rebuilds = 0
        self.problem = "nothing has been told yet"

    @property
    def name(self) -> str:
        return ORDER_RECORDS

    @property
    def instance(self) -> str:
        return self._instance

    async def start(self) -> None:
        self._tasks.spawn(self._tell_forever(), "tell")
        for sideline in self._sidelines:
            await sideline.start(lambda: self.fold)
            self._tasks.spawn(sideline.run(), sideline.name)

    async def stop(self) -> None:
        await self._tasks.stop()
        for sideline in self._sidelines:
            await sideline.stop()
        await self._journal.close()
        await self._records.close()

    def health(self) -> Health:
        figures: dict[str, str | int | float | bool] = {
            "journal_entry": self._told.entry,
            "behind": max(0, self._newest - self._told.entry),
            "rows": self.rows,
            "batches": self.batches,
            "rebuilds": self.rebuilds,
            "trades_waiting": self.fold.waiting,
        }
        for sideline in self._sidelines:
            figures |= sideline.figures()
        ready = not self.problem
        return Health(status="ACTIVE" if ready else "UNHEALTHY", ready=ready, reason=self.problem, figures=figures)

    def _failed(self, error: BaseException) -> None:
        self.problem = f"not all is told any more: {error}"[:_SHOWN]
        if self._on_failure is not None:
            self._on_failure(error)

    async def _tell_forever(self) -> None:
        while True:
            try:
                await self._tell()
            except JournalConflict as error:
                self.rebuilds += 1
                logger.warning("{}: the journal is told from where the records are: {}", self._instance, error)
                await self._clock.sleep(_AGAIN_S)
            except TradepitError as error:
                await self._wait(error)

    async def _wait(self, error: TradepitError) -> None:
        self.problem = str(error)[:_SHOWN]
        logger.warning("{}: not now: {}", self._instance, error)
        await self._clock.sleep(self._waits_s)
        self._waits_s = min(self._waits_s * 2, _MAX_AGAIN_S)

    async def _tell(self) -> None:
        await self._journal.open()
        await self._records.connect()
        told = await self._records.told()
        self._newest = (await self._journal.last())[0]
        if self._newest < told.entry:
            await self._begin_anew("the journal has lost entries that were told", told)
        self.fold, self._told = await self._begin(told)
        async with GatheredJournal(self._journal, self._clock, after=self._told.entry) as journal:
            while self._told.entry < told.entry:
                await self._fold_again(await journal.next(min(_GROUP, told.entry - self._told.entry)), told)
            logger.info("{}: told up to entry {} of {}", self._instance, told.entry, self._newest)
            self.problem, self._waits_s = journal.problem, _AGAIN_S
            while True:
                entries = await journal.next(self._settings.flush_rows, self._settings.flush_s, self._settings.look_s)
                if entries:
                    self._newest = max(self._newest, entries[-1].sequence)
                    await self._keep(self._fold(entries))
                    await self._keep_fold()
                self.problem = journal.problem or ("" if entries else await self._look())

    async def _look(self) -> str:
        """Nothing has come for a while: why the rows cannot be reached, if so. Raises JournalConflict when they are gone."""
        try:
            there = await self._records.told()
        except Unavailable as error:
            return str(error)[:_SHOWN]
        if there.entry < self._told.entry:
            raise JournalConflict("somebody has taken rows away", told=self._told.entry, found=there.entry)
        return ""

    async def _begin(self, told: Told) -> tuple[RecordFold, Told]:
        """The fold to go on from: the one that was kept, if it is of the journal that is there, else an empty one."""
        kept = await self._records.fold()
        self._kept, self._days = 0, 0
        if kept is None or kept.told.origin != told.origin or not 0 < kept.told.entry <= told.entry:
            return RecordFold(), Told()
        if not await self._has(kept.told):
            logger.warning("{}: what was kept is of other entries than those that are there", self._instance)
            return RecordFold(), Told()
        try:
            fold = await asyncio.to_thread(restore, kept.body)
        except JournalCorrupted as error:
            logger.warning("{}: the journal is read in full: {}", self._instance, error)
            return RecordFold(), Told()
        self._kept, self._days = fold.entry, len(fold.settled_days)
        return fold, kept.told

    async def _has(self, told: Told) -> bool:
        """True when the journal's entry is the one that was told."""
        async for entry in self._journal.read(told.entry - 1):
            return entry.sequence == told.entry and _mark_of(entry) == told.mark
        return False

    async def _keep_fold(self) -> None:
        """Keep what is known, at each new trading day and whenever as much has come as it is long. Failing that, more is read again."""
        fold = self.fold
        due = fold.entry - self._kept >= max(self._settings.fold_entries, len(fold.register.orders))
        if not due and len(fold.settled_days) == self._days:
            return
        self._kept, self._days = fold.entry, len(fold.settled_days)
        pieces = []
        for piece in take(fold):
            pieces.append(piece)
            await asyncio.sleep(0)
        body = await asyncio.to_thread(seal, pieces)
        try:
            await self._records.keep_fold(KeptFold(told=self._told, body=body))
        except TradepitError as error:
            logger.warning("{}: what is known at entry {} is not kept: {}", self._instance, fold.entry, error)

    async def _begin_anew(self, why: str, told: Told) -> None:
        await self._records.forget()
        raise JournalConflict(why, told=told.entry)

    async def _fold_again(self, entries: Sequence[Entry], told: Told) -> None:
        """Fold what was told before, and see that it is what is there now."""
        self._fold(entries, quietly=True)
        if self._told.origin != told.origin:
            raise ConfigError(
                "the records are of another journal: give this one a database of its own, or `tradepit store rebuild`"
            )
        if self._told.entry == told.entry and self._told.mark != told.mark:
            await self._begin_anew("the records tell of an entry that is not the journal's", told)
        await asyncio.sleep(0)

    def _fold(self, entries: Sequence[Entry], *, quietly: bool = False) -> RecordBatch:
        news = RecordBatch(after=self._told.entry, through=entries[-1].sequence)
        for entry in entries:
            self.fold.fold(entry.sequence, _facts_of(entry), None if quietly else news)
        mark = _mark_of(entries[-1])
        self._told = Told(entry=news.through, mark=mark, origin=self._told.origin or _mark_of(entries[0]))
        return news

    async def _keep(self, news: RecordBatch) -> None:
        while True:
            try:
                await self._records.keep(news, self._told)
            except JournalConflict:
                raise
            except TradepitError as error:
                await self._wait(error)
            else:
                self._waits_s = _AGAIN_S
                self.rows += news.rows
                self.batches += 1
                return


def _facts_of(entry: Entry) -> list[facts.Fact]:
    try:
        return [_DECODER.decode(record) for record in entry.records]
    except msgspec.MsgspecError as error:
        raise JournalCorrupted(f"entry {entry.sequence} cannot be read: {error}") from error


def _mark_of(entry: Entry) -> str:
    """What tells an entry from another in its place."""
    digest = sha256(entry.epoch.to_bytes(8, "big"))
    for record in entry.records:
        digest.update(len(record).to_bytes(8, "big") + record)
    return digest.hexdigest()[:32]
