"""A bot's journal: what it is about to send, written before it is sent, and what it knew now and then."""

import asyncio
from collections.abc import Callable

import msgspec
from loguru import logger

from tradepit.bots.live.memory import BotMemory
from tradepit.ports.journal import Journal, Snapshot
from tradepit.runtime.journal_writer import JournalWriter
from tradepit.trading.model.errors import JournalConflict, JournalCorrupted, StaleEpoch
from tradepit.trading.model.order import OrderIntent

_TRIES = 100


class LifeBegan(msgspec.Struct, frozen=True, kw_only=True, tag="life_began", tag_field="kind"):
    """A life of the bot began at ``time_ns`` (UTC) in ``instance``; whoever ran it before is fenced."""

    time_ns: int
    instance: str


class OrderWanted(msgspec.Struct, frozen=True, kw_only=True, tag="order_wanted", tag_field="kind"):
    """An order is about to be sent."""

    intent: OrderIntent


Record = LifeBegan | OrderWanted
_ENCODER = msgspec.json.Encoder()
_RECORD = msgspec.json.Decoder(Record)
_MEMORY = msgspec.json.Decoder(BotMemory)


class BotJournal:
    """One life's hold on the journal. Of two runners of one bot the later one has it, and the other's orders stay unsent."""

    def __init__(self, journal: Journal, on_fenced: Callable[[], None]) -> None:
        self._journal, self._on_fenced = journal, on_fenced
        self._writer: JournalWriter | None = None
        self.memory = BotMemory()
        self.wanted: list[OrderIntent] = []
        self.lives = 0

    @property
    def entry(self) -> int:
        """The number of the last entry that is certainly there."""
        return self._writer.last if self._writer is not None else 0

    async def open(self, time_ns: int, instance: str) -> None:
        """Read memory and what was sent since, and take the journal over. Raises JournalCorrupted, JournalConflict, Unavailable."""
        await self._journal.open()
        after = await self._load_memory()
        for _ in range(_TRIES):
            after = await self._read(after)
            _, epoch = await self._journal.last()
            began = _ENCODER.encode(LifeBegan(time_ns=time_ns, instance=instance))
            try:
                last = await self._journal.append([began], expected=after, epoch=epoch + 1)
            except (JournalConflict, StaleEpoch):
                continue  # The former life still writes: what it wrote is read too.
            self.lives = epoch + 1
            self._writer = JournalWriter(self._journal, last=last, epoch=epoch + 1, on_fenced=self._on_fenced)
            self._writer.start()
            return
        raise JournalConflict("another runner of this bot keeps writing")

    def want(self, intent: OrderIntent) -> "asyncio.Future[int]":
        """Write an order down; the future is done once it is durable, with StaleEpoch when another runner took over."""
        if self._writer is None:
            raise JournalConflict("the journal is not open")
        return self._writer.put([_ENCODER.encode(OrderWanted(intent=intent))])

    async def keep(self, memory: BotMemory, entry: int) -> None:
        """Keep ``memory``, in which is whatever was sent up to ``entry``."""
        if self._writer is not None and not self._writer.fenced:
            await self._journal.save_snapshot(Snapshot(sequence=entry, state=_ENCODER.encode(memory)))

    async def close(self) -> None:
        """Write what waits, let go. Idempotent."""
        writer, self._writer = self._writer, None
        if writer is not None:
            await writer.stop()
            await self._journal.close()

    async def _load_memory(self) -> int:
        snapshot = await self._journal.load_snapshot()
        if snapshot is None:
            return 0
        try:
            self.memory = _MEMORY.decode(snapshot.state)
        except (msgspec.MsgspecError, ValueError) as error:
            # All of it can be found again in the exchange's reports, but for the bot's own state.
            logger.warning("a bot's memory cannot be read and is made anew: {}", str(error)[:200])
            return 0
        return snapshot.sequence

    async def _read(self, after: int) -> int:
        async for entry in self._journal.read(after):
            after = entry.sequence
            for record in entry.records:
                try:
                    told = _RECORD.decode(record)
                except (msgspec.MsgspecError, ValueError) as error:
                    raise JournalCorrupted("not a bot's record", entry=entry.sequence) from error
                if isinstance(told, OrderWanted):
                    self.wanted.append(told.intent)
        return after
