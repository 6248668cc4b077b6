"""A journal's entries in groups: whole, in order, no more of them in memory than asked for."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tradepit.backends.journal.memory import MemoryJournal, MemoryJournalStore
from tradepit.ports.journal import Entry
from tradepit.runtime.clock import SystemClock
from tradepit.runtime.gathered_journal import GatheredJournal
from tradepit.trading.model.errors import JournalClosed, JournalCorrupted, Unavailable


async def filled(count: int) -> MemoryJournal:
    journal = MemoryJournal(MemoryJournalStore())
    await journal.open()
    for number in range(count):
        await journal.append([b"%d" % number], expected=number, epoch=1)
    return journal


class Troubled(MemoryJournal):
    """Breaks after every second entry, and leaves out number seven if it ``skips``."""

    def __init__(self, store: MemoryJournalStore, *, skips: bool = False) -> None:
        super().__init__(store)
        self._skips = skips
        self.reads = 0

    async def follow(self, after: int = 0) -> AsyncIterator[Entry]:
        self.reads += 1
        for count, entry in enumerate(self._store.entries[after:]):
            if count == 2:
                raise Unavailable("broken")
            if not (self._skips and entry.sequence == 7):
                yield entry
        await asyncio.Event().wait()


async def take_all(gathered: GatheredJournal, found: list[int]) -> None:
    while True:
        found += [entry.sequence for entry in await gathered.next(100)]


async def test_entries_come_in_order_in_groups_of_at_most_so_many() -> None:
    journal = await filled(10)
    async with GatheredJournal(journal, SystemClock(), ahead=4) as gathered:
        groups = [await gathered.next(3) for _ in range(4)]
        assert [entry.sequence for group in groups for entry in group] == list(range(1, sum(map(len, groups)) + 1))
        assert max(map(len, groups)) <= 3
        rest = 10 - sum(map(len, groups))
        while rest:
            rest -= len(await gathered.next(3))
        waiting = asyncio.ensure_future(gathered.next(5, 0.01))
        await asyncio.sleep(0)
        for number in (10, 11):
            await journal.append([b"late"], expected=number, epoch=1)
        assert [entry.sequence for entry in await waiting] == [11, 12]


async def test_a_journal_that_breaks_is_followed_again_where_it_was() -> None:
    store = (await filled(8))._store
    journal = Troubled(store)
    async with GatheredJournal(journal, SystemClock()) as gathered:
        found: list[int] = []
        while len(found) < 8:
            found += [entry.sequence for entry in await gathered.next(100)]
    assert (found, journal.reads) == (list(range(1, 9)), 4)


async def test_what_came_before_a_missing_entry_is_given_first() -> None:
    journal = Troubled((await filled(8))._store, skips=True)
    async with GatheredJournal(journal, SystemClock()) as gathered:
        found: list[int] = []
        with pytest.raises(JournalCorrupted, match="missing"):
            await take_all(gathered, found)
    assert found == list(range(1, 7))


async def test_a_journal_that_is_closed_ends_it() -> None:
    journal = await filled(1)
    async with GatheredJournal(journal, SystemClock()) as gathered:
        assert len(await gathered.next(5)) == 1
        await journal.close()
        with pytest.raises(JournalClosed):
            await gathered.next(5)
