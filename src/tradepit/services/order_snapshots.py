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
_BEHIND_ENTRIES = 500


class OrderSnapshots:
    """One instance's view of the journal's snapshots. Keeping or reading one never fails anybody: without it more is replayed.

    ``every`` is how many facts lie between two snapshots; ``instance`` moves its own by up to a quarter of that, so that
    standbys take turns. ``kept`` is the entry of the newest snapshot this instance read or wrote, 0 for none.
    """

    def __init__(self, journal: Journal, rules: Sequence[Rule], *, instance: str, every: int) -> None:
        self._journal, self._rules, self._instance = journal, tuple(rules), instance
        self._every = every + zlib.crc32(instance.encode()) % max(1, every // _STAGGER)
        self._facts = self._day = self._not_before = 0
        self._rolled = False
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
        self._begin_anew()
        logger.info("{}: snapshot of entry {} with {} orders", self._instance, snapshot.sequence, len(desk.register.orders))
        return desk, snapshot.sequence

    def is_due(self, desk: OrderDesk, sequence: int, facts: int) -> bool:
        """True when a desk that has just folded the ``facts`` of entry ``sequence`` should be kept: enough of them, or a new day.

        A new trading day forgets the orders of two days ago, and nobody trades at that hour. Told of every entry once.
        """
        day, before = desk.register.trading_day, self._day
        self._facts, self._day = self._facts + facts, day
        self._rolled = self._rolled or before not in (day, 0)
        return sequence >= self._not_before and (self._rolled or self._facts >= self._every)

    async def keep_following(self, desk: OrderDesk, sequence: int) -> None:
        """Keep the desk of a follower, unless it has still so much to read that the snapshot would soon be replaced.

        Others run in between; no fact may be applied meanwhile. Cancelled, nothing is kept.
        """
        try:
            last, _ = await self._journal.last()
        except TradepitError as error:
            logger.warning("{}: no snapshot at entry {}: {}", self._instance, sequence, error)
            self._begin_anew()
            return
        if last - sequence > _BEHIND_ENTRIES:
            self._not_before = last
            return
        await self.keep(desk, sequence)

    async def keep(self, desk: OrderDesk, sequence: int) -> None:
        """Keep a desk that holds exactly what the journal says up to entry ``sequence``; nothing when that is kept already."""
        self._begin_anew()
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

    def _begin_anew(self) -> None:
        self._facts, self._rolled = 0, False

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
