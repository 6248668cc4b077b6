"""The journal in memory: for tests and for runs whose truth may end with the process."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from tradepit.ports.journal import Entry, Snapshot
from tradepit.trading.model.errors import JournalClosed, JournalConflict, StaleEpoch


class MemoryJournalStore:
    """What a memory journal keeps; instances that share a store are writers and readers of one journal."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.snapshot: Snapshot | None = None
        self.followers: set[asyncio.Event] = set()

    def wake(self) -> None:
        """Tell every follower to look again."""
        for follower in self.followers:
            follower.set()


class MemoryJournal:
    """One writer's or reader's view of a store."""

    def __init__(self, store: MemoryJournalStore | None = None) -> None:
        self._store = store or MemoryJournalStore()
        self._open = False

    @property
    def durability(self) -> str:
        return "memory"

    @property
    def gathers(self) -> bool:
        return False

    async def open(self) -> None:
        self._open = True

    async def append(self, records: Sequence[bytes], *, expected: int, epoch: int) -> int:
        self._check_open()
        sequence, newest = self._tail()
        if epoch < newest:
            raise StaleEpoch(epoch=epoch, found=newest)
        if expected != sequence:
            raise JournalConflict(expected=expected, found=sequence)
        self._store.entries.append(Entry(sequence=sequence + 1, epoch=epoch, records=tuple(records)))
        self._store.wake()
        return sequence + 1

    async def sync(self) -> None:
        self._check_open()

    async def last(self) -> tuple[int, int]:
        self._check_open()
        return self._tail()

    async def read(self, after: int = 0) -> AsyncIterator[Entry]:
        self._check_open()
        for entry in self._store.entries[after:]:
            yield entry

    async def follow(self, after: int = 0) -> AsyncIterator[Entry]:
        self._check_open()
        woken = asyncio.Event()
        self._store.followers.add(woken)
        try:
            while self._open:
                woken.clear()
                entries = self._store.entries[after : after + 1024]
                for entry in entries:
                    yield entry
                after += len(entries)
                if not entries:
                    await woken.wait()
        finally:
            self._store.followers.discard(woken)

    async def save_snapshot(self, snapshot: Snapshot) -> None:
        self._check_open()
        newest = self._store.snapshot
        if newest is None or newest.sequence <= snapshot.sequence:
            self._store.snapshot = snapshot

    async def load_snapshot(self) -> Snapshot | None:
        self._check_open()
        return self._store.snapshot

    async def close(self) -> None:
        self._open = False
        self._store.wake()

    def _tail(self) -> tuple[int, int]:
        entries = self._store.entries
        return (entries[-1].sequence, entries[-1].epoch) if entries else (0, 0)

    def _check_open(self) -> None:
        if not self._open:
            raise JournalClosed
