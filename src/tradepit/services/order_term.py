"""The term of an order writer that stands alone: recover from its journal, lead under the next epoch, keep a snapshot at the end."""

import asyncio
from collections.abc import Callable, Sequence

import msgspec
from loguru import logger

from tradepit.ports.broker import Broker
from tradepit.ports.clock import Clock
from tradepit.ports.journal import Journal
from tradepit.runtime.journal_writer import JournalWriter
from tradepit.services.order_leader import OrderLeader
from tradepit.services.order_snapshots import OrderSnapshots
from tradepit.trading.model.errors import JournalCorrupted, TradepitError
from tradepit.trading.orders import events as facts
from tradepit.trading.orders.desk import OrderDesk
from tradepit.trading.risk.rule import Rule

_ENCODER = msgspec.json.Encoder()
_DECODER: msgspec.json.Decoder[facts.Fact] = msgspec.json.Decoder(facts.Fact)
_SETTLE_S = 3.0
OnFact = Callable[[facts.Fact], None]


class TellingLeader(OrderLeader):
    """A leader that tells what it has applied, fact by fact, before anything else can happen."""

    on_fact: OnFact | None = None

    async def _meet_market(self) -> None:
        # There is no other instance, and ending here would begin a login anew that takes its time.
        await self._insist(self._contracts.learn_all)

    def record(self, *news: facts.Fact, lazy: bool = False) -> "asyncio.Future[int]":
        written = super().record(*news, lazy=lazy)
        if self.on_fact is not None:
            for fact in news:
                self.on_fact(fact)
        return written


class OrderTerm:
    """No election: whoever starts last writes, and the journal's epoch fences everybody before it (``on_fenced``)."""

    def __init__(
        self,
        journal: Journal,
        broker: Broker,
        clock: Clock,
        rules: Sequence[Rule],
        *,
        instance: str,
        on_fenced: Callable[[], None],
    ) -> None:
        self._journal, self._broker, self._clock = journal, broker, clock
        self._rules, self._instance, self._on_fenced = tuple(rules), instance, on_fenced
        self._snapshots = OrderSnapshots(journal, self._rules, instance=instance, every=1)
        self._writer: JournalWriter | None = None
        self._leader: TellingLeader | None = None

    async def begin(self, on_leader: Callable[[TellingLeader], None]) -> TellingLeader:
        """Read the journal, take it over, clear up with the broker what was in doubt. ``on_leader`` meets the leader before that.

        Raises JournalConflict when somebody else is writing, JournalCorrupted.
        """
        await self._journal.open()
        desk, applied = await self._snapshots.load() or (OrderDesk(self._rules), 0)
        async for entry in self._journal.read(applied):
            for record in entry.records:
                desk.apply(self._decode(record, entry.sequence), replayed=True)
            applied = entry.sequence
        _, epoch = await self._journal.last()
        began = facts.TermBegan(time_ns=self._clock.now_ns(), epoch=epoch + 1, holder=self._instance)
        applied = await self._journal.append([_ENCODER.encode(began)], expected=applied, epoch=began.epoch)
        desk.apply(began, replayed=True)
        self._writer = JournalWriter(self._journal, last=applied, epoch=began.epoch, on_fenced=self._on_fenced)
        self._writer.start()
        leader = TellingLeader(desk, self._writer, self._broker, self._clock, epoch=began.epoch, on_fenced=self._on_fenced)
        self._leader = leader
        on_leader(leader)
        await leader.start()
        logger.info("{}: leading under epoch {} with {} orders", self._instance, began.epoch, len(desk.register.orders))
        return leader

    async def end(self) -> None:
        """Let what is being sent be answered for a moment, write what is recorded, keep a snapshot. Idempotent."""
        leader, writer = self._leader, self._writer
        self._leader = self._writer = None
        if leader is not None and writer is not None:
            await leader.stop()
            try:
                async with asyncio.timeout(_SETTLE_S):
                    await leader.write()
            except (TradepitError, TimeoutError) as error:
                logger.warning("{}: the journal was not written to its end: {}", self._instance, error)
            settled = not writer.fenced and not writer.backlog
            await writer.stop()
            if settled:
                await self._snapshots.keep(leader.desk, writer.last)
        await self._journal.close()

    @staticmethod
    def _decode(record: bytes, sequence: int) -> facts.Fact:
        try:
            return _DECODER.decode(record)
        except msgspec.MsgspecError as error:
            raise JournalCorrupted(f"entry {sequence} cannot be read: {error}") from error
