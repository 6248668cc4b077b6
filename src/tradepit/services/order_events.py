"""What became of bots' orders, told on the bot platform's topics: a projection of order management's journal, in its order."""

import asyncio
from collections.abc import Iterator

import msgspec
from loguru import logger

from tradepit.ports.bus import Bus
from tradepit.ports.clock import Clock
from tradepit.ports.journal import Entry, Journal
from tradepit.services.order_outcomes import OrderOutcomes
from tradepit.trading.model.errors import BadRequest, JournalCorrupted, TradepitError, Unavailable
from tradepit.trading.orders import events as facts
from tradepit.wire import platform as wire
from tradepit.wire.platform_codec import encode, read_event

_DECODER = msgspec.json.Decoder(facts.Fact)
_AGAIN_S, _MAX_AGAIN_S = 0.05, 1.0
Position = tuple[int, int]


class OrderEvents:
    """Each message names the place in the journal that tells it (``correlation_id``: entry and number), and so where to go on after a
    restart: no event is left out, and none is told twice, as long as one instance tells.

    The journal is read from its beginning at each start: what bots hold is made of all trades.
    """

    def __init__(self, journal: Journal, bus: Bus, clock: Clock) -> None:
        self._journal, self._bus, self._clock = journal, bus, clock
        self.outcomes = OrderOutcomes()
        self._told: Position = (0, 0)
        self._telling = asyncio.Lock()
        self._applied = 0
        self.published = 0
        self.problem = ""

    @property
    def entry(self) -> int:
        """The journal's entry up to which everything has been told."""
        return self._applied

    async def open(self) -> None:
        """Find out what was told before. Raises Unavailable."""
        await self._journal.open()
        last = await self._bus.last(wire.ORDER_EVENTS)
        if last is not None:
            self._told = _position_of(read_event(last.payload).correlation_id)
            written, _ = await self._journal.last()
            if self._told[0] > written:
                # Topics on a server of their own may outlive a house: what they tell is of another journal.
                logger.warning("the bus has order events of another journal, of {} entries: all are told", self._told[0])
                self._told = (0, 0)
        logger.info("order events go on after entry {} number {}", *self._told)

    async def close(self) -> None:
        """Leave the journal."""
        await self._journal.close()

    async def run(self) -> None:
        """Tell until cancelled. Raises JournalCorrupted."""
        wait_s = _AGAIN_S
        while True:
            try:
                async for entry in self._journal.follow(self._applied):
                    await self._tell(entry)
                    wait_s = _AGAIN_S
            except Unavailable as error:
                self.problem = str(error)[:200]
                await self._clock.sleep(wait_s)
                wait_s = min(wait_s * 2, _MAX_AGAIN_S)

    async def refuse(self, account_id: str, bot_id: str, refused: wire.OrderRejection) -> None:
        """Tell a bot of an intent that was refused before anything was journaled. Told twice it is kept once. Raises Unavailable."""
        event = wire.OrderEvent(
            event=refused,
            bot_id=bot_id,
            account_id=account_id,
            published_at_ns=self._clock.now_ns(),
        )
        message_id = f"refused-{account_id}-{bot_id}-{refused.intent_id}"
        headers = _HEADERS | {wire.KEY_HEADER: account_id}
        async with self._telling:
            place = f"{self._told[0]}-{self._told[1]}-refused"
            event = msgspec.structs.replace(event, correlation_id=place)
            await self._bus.publish(wire.event_topic(account_id, bot_id), encode(event), message_id=message_id, headers=headers)
        self.outcomes.count_refusal(refused.reason)

    async def _tell(self, entry: Entry) -> None:
        if entry.sequence != self._applied + 1:
            raise JournalCorrupted("entries are missing", expected=self._applied + 1, found=entry.sequence)
        for number, (topic, message) in enumerate(self.outcomes.of(_facts_of(entry)), start=1):
            place = (entry.sequence, number)
            if place > self._told:
                # The place that a refusal names in between must be the last one told.
                async with self._telling:
                    await self._publish(topic, message, f"{entry.sequence}-{number}")
                    self._told = place
        self._applied = entry.sequence
        self.problem = ""

    async def _publish(self, topic: str, message: wire.OrderEvent | wire.RiskAlert, place: str) -> None:
        told = msgspec.structs.replace(message, correlation_id=place, published_at_ns=self._clock.now_ns())
        if isinstance(told, wire.RiskAlert):
            told = msgspec.structs.replace(told, alert_id=place)
        headers, wait_s = _HEADERS | {wire.KEY_HEADER: told.account_id}, _AGAIN_S
        while True:
            try:
                await self._bus.publish(topic, encode(told), message_id=f"order-event-{place}", headers=headers)
            except TradepitError as error:
                self.problem = str(error)[:200]
                logger.warning("an order event waits for the bus: {}", error)
                await self._clock.sleep(wait_s)
                wait_s = min(wait_s * 2, _MAX_AGAIN_S)
            else:
                self.published += 1
                return


_HEADERS = {wire.CONTENT_TYPE: wire.Encoding.JSON.value}


def _facts_of(entry: Entry) -> Iterator[facts.Fact]:
    for record in entry.records:
        try:
            yield _DECODER.decode(record)
        except msgspec.MsgspecError as error:
            raise JournalCorrupted(f"entry {entry.sequence} cannot be read: {error}") from error


def _position_of(correlation_id: str) -> Position:
    entry, _, rest = correlation_id.partition("-")
    number = rest.partition("-")[0]
    if not (entry.isdecimal() and number.isdecimal()):
        raise BadRequest("the last order event does not say where it comes from", correlation_id=correlation_id[:64])
    return int(entry), int(number)
