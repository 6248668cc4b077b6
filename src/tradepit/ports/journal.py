"""The journal: an append-only log with one writer at a time, fenced by epoch, that can be replayed and followed."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

import msgspec


class Entry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One append: its position (1, 2, 3 …), the writer's epoch, and the records written together, all or none."""

    sequence: int
    epoch: int
    records: tuple[bytes, ...]


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A state as of ``sequence``: replay continues with the entry after it."""

    sequence: int
    state: bytes


class Journal(Protocol):
    """Errors: JournalConflict, StaleEpoch, JournalCorrupted, JournalClosed, Unavailable."""

    @property
    def durability(self) -> str:
        """What a finished append has survived, in words: for example "fsync", "page cache", "1 replica, fsync"."""

    @property
    def gathers(self) -> bool:
        """An append costs enough that a writer should gather what comes within one turn of the event loop."""

    async def open(self) -> None:
        """Open or create; cut a torn tail (an append that never finished); raise JournalCorrupted on a damaged record."""

    async def append(self, records: Sequence[bytes], *, expected: int, epoch: int) -> int:
        """Append one entry as number ``expected + 1`` and return that number once it is as durable as ``durability`` says.

        Atomically refused: JournalConflict when the last entry is not ``expected``, StaleEpoch when an entry of a higher
        epoch exists. On Unavailable or TimedOut the append may or may not have happened: read the tail to know.
        """

    async def sync(self) -> None:
        """Return once every finished append is as durable as this backend can make it, whatever ``durability`` promises."""

    async def last(self) -> tuple[int, int]:
        """(sequence, epoch) of the last entry, (0, 0) when empty. Reads the truth, not a cache."""

    def read(self, after: int = 0) -> AsyncIterator[Entry]:
        """Entries after ``after`` in order, up to the last one at the time of the call."""

    def follow(self, after: int = 0) -> AsyncIterator[Entry]:
        """Entries after ``after`` in order, for ever: waits for new ones, whoever writes them. Never skips."""

    async def save_snapshot(self, snapshot: Snapshot) -> None:
        """Keep a snapshot; entries at or before it may be dropped by the backend, but need not be."""

    async def load_snapshot(self) -> Snapshot | None:
        """The newest snapshot, if any."""

    async def close(self) -> None:
        """Flush and close. Idempotent. ``follow`` iterators end."""
