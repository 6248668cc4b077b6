"""Order management's snapshots: when one is kept, by whom, and which ones are believed."""

import asyncio
import zlib
from collections.abc import Sequence

from loguru import logger

from tradepit.ports.journal import Journal, Snapshot
from tradepit.trading.model.errors import JournalCorrupted, TradepitError
from tradepit.trading.orders.desk import OrderDesk
from tradepit.trading.orders.desk_snapshot import DeskBuilder, seal, take, unseal
from tradepit.trading.risk.rule import Rule

_STAGGER = 4


class OrderSnapshots:
    """One instance's view of the journal's snapshots. Keeping or reading one never fails anybody: without it more is replayed.

    ``every`` is how many entries lie between two snapshots; ``instance`` moves its own by up to a quarter of that, so that
    standbys take turns. ``kept`` is the entry of the newest snapshot this instance read or wrote, 0 for none.
    """

    def __init__(self, journal: Journal, rules: Sequence[Rule], *, instance: str, every: int) -> None:
        self._journal, self._rules, self._instance = journal, tuple(rules), instance
        self._every = every + zlib.crc32(instance.encode()) % max(1, every // _STAGGER)
        self._due = self._every
        self._day = 0
        self.kept = 0

    async def load(self) -> tuple[OrderDesk, int] | None:
        """The desk of the newest snapshot and the entry it stands at; None, with a warning, when it is not to be believed.

        A snapshot ahead of the journal, or made from other entries than those that are there, tells of what never happened: a
        power cut may take the journal's end while the snapshot made from it stays. Raises Unavailable.
        """
        try:
            snapshot = await self._journal.load_snapshot()
            if snapshot is None:
                return None
            desk = await self._build(snapshot)
        except (JournalCorrupted, OSError) as error:
            logger.warning("{}: the journal is read in full: {}", self._instance, error)
            return None
        self.kept, self._day = snapshot.sequence, desk.register.trading_day
        self._due = self.kept + self._every
        logger.info("{}: snapshot of entry {} with {} orders", self._instance, snapshot.sequence, len(desk.register.orders))
        return desk, snapshot.sequence

    def is_due(self, desk: OrderDesk, sequence: int) -> bool:
        """True when a desk that stands at entry ``sequence`` should be kept: enough entries, or a new trading day.

        A new day forgets the orders of two days ago, and nobody trades at that hour.
        """
        day, before = desk.register.trading_day, self._day
        self._day = day
        if day != before and before:
            self._due = min(self._due, sequence)
        return sequence >= self._due

    async def keep_following(self, desk: OrderDesk, sequence: int) -> None:
        """Keep the desk of a follower, unless it has still so much to read that the snapshot would soon be replaced.

        Others run in between; no fact may be applied meanwhile. Cancelled, nothing is kept.
        """
        try:
            last, _ = await self._journal.last()
        except TradepitError as error:
            logger.warning("{}: no snapshot at entry {}: {}", self._instance, sequence, error)
            self._due = sequence + self._every
            return
        if last - sequence > self._every:
            self._due = last
            return
        await self.keep(desk, sequence)

    async def keep(self, desk: OrderDesk, sequence: int) -> None:
        """Keep a desk that holds exactly what the journal says up to entry ``sequence``; nothing when that is kept already."""
        self._due = sequence + self._every
        if sequence <= self.kept:
            return
        pieces = []
        for piece in take(desk):
            pieces.append(piece)
            await asyncio.sleep(0)
        try:
            mark = await self._mark(sequence)
            state = await asyncio.to_thread(seal, pieces, mark)
            await self._journal.save_snapshot(Snapshot(sequence=sequence, state=state))
        except TradepitError as error:
            logger.warning("{}: no snapshot at entry {}: {}", self._instance, sequence, error)
            return
        self.kept = sequence
        logger.info("{}: kept a snapshot at entry {}, {} bytes", self._instance, sequence, len(state))

    async def _build(self, snapshot: Snapshot) -> OrderDesk:
        """The desk that was kept; others run in between. Raises JournalCorrupted."""
        sealed = await asyncio.to_thread(unseal, snapshot.state)
        if await self._mark(snapshot.sequence) != sealed.mark:
            raise JournalCorrupted("the snapshot is not of this journal", entry=snapshot.sequence)
        builder = DeskBuilder(self._rules)
        for piece in sealed.pieces:
            builder.put(piece)
            await asyncio.sleep(0)
        return builder.desk

    async def _mark(self, sequence: int) -> int:
        """A checksum of what entry ``sequence`` says. Raises JournalCorrupted when there is no such entry."""
        async for entry in self._journal.read(sequence - 1):
            head = f"{entry.sequence} {entry.epoch} ".encode()
            return zlib.crc32(b"\n".join((head, *entry.records)))
        raise JournalCorrupted("the snapshot is ahead of the journal", entry=sequence)
