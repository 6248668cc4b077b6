"""The memory journal beyond the promises every journal keeps."""

import pytest

from tradepit.backends.journal.memory import MemoryJournal, MemoryJournalStore
from tradepit.ports.journal import Snapshot
from tradepit.trading.model.errors import JournalClosed


async def test_an_older_snapshot_does_not_replace_a_newer_one() -> None:
    store = MemoryJournalStore()
    journal = MemoryJournal(store)
    await journal.open()
    await journal.save_snapshot(Snapshot(sequence=5, state=b"5"))
    await journal.save_snapshot(Snapshot(sequence=3, state=b"3"))
    assert await journal.load_snapshot() == Snapshot(sequence=5, state=b"5")


async def test_a_journal_must_be_opened_first() -> None:
    with pytest.raises(JournalClosed):
        await MemoryJournal().append([b"x"], expected=0, epoch=1)
