"""A broker's journal of what it took and what it told: written under the leader's epoch, read by whoever follows."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Generic, TypeVar

import msgspec

from tradepit.backends.broker.broker_book import BookFact, BrokerBook, TermBegan, Told
from tradepit.ports.journal import Journal
from tradepit.trading.model.errors import JournalConflict, StaleEpoch, Unavailable
from tradepit.trading.model.report import Report

BookT = TypeVar("BookT", bound=BrokerBook)
_ENCODER = msgspec.json.Encoder()


class ReportJournal(Generic[BookT]):
    """Facts are journaled, then known to ``book``. ``writing`` is held while what is new is found and written.

    ``fenced_by`` is the epoch of another leader who was seen to write here, 0 for none.
    """

    def __init__(self, journal: Journal, book: BookT, facts: object) -> None:
        self._journal, self.book = journal, book
        self._decoder: msgspec.json.Decoder[BookFact] = msgspec.json.Decoder(facts)
        self.writing = asyncio.Lock()
        self.epoch = self.fenced_by = 0
        self._last = 0

    async def open(self) -> None:
        """Open and read it. Raises JournalError."""
        await self._journal.open()
        async with self.writing:
            await self.read()

    async def close(self) -> None:
        """Close it. Idempotent."""
        await self._journal.close()

    async def begin_term(self, epoch: int) -> None:
        """From here on lower epochs are refused. Raises StaleEpoch."""
        async with self.writing:
            await self.read()
            if epoch < self.epoch:
                raise StaleEpoch(epoch=epoch, highest=self.epoch)
            if epoch > self.epoch:
                await self.append([TermBegan()], epoch)

    async def superseded(self) -> bool:
        """True when a leader of a higher epoch writes here by now."""
        highest = (await self._journal.last())[1]
        if highest > self.epoch:
            self.fenced_by = highest
        return highest > self.epoch

    async def follow(self, after: int) -> AsyncIterator[Report]:
        """Reports above ``after``, for ever."""
        async for entry in self._journal.follow(self.book.entry_before(after)):
            for record in entry.records:
                fact = self._decoder.decode(record)
                if isinstance(fact, Told) and fact.report.sequence > after:
                    yield fact.report

    async def append(self, facts: Sequence[BookFact], epoch: int | None = None) -> None:
        """Write and know, with ``writing`` held. Raises StaleEpoch, Unavailable; then they did not happen."""
        if not facts:
            return
        epoch = self.epoch if epoch is None else epoch
        try:
            entry = await self._journal.append([_ENCODER.encode(fact) for fact in facts], expected=self._last, epoch=epoch)
        except StaleEpoch:
            self.fenced_by = (await self._journal.last())[1]
            raise
        except JournalConflict as error:
            await self.read()
            raise Unavailable("the journal was written by another; nothing was done") from error
        self._last, self.epoch = entry, max(self.epoch, epoch)
        for fact in facts:
            self.book.apply(fact, entry)

    async def read(self) -> None:
        """Take over what others wrote, with ``writing`` held."""
        async for entry in self._journal.read(self._last):
            for record in entry.records:
                self.book.apply(self._decoder.decode(record), entry.sequence)
            self._last, self.epoch = entry.sequence, max(self.epoch, entry.epoch)
