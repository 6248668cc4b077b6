"""What became of bots' orders, told on the bot platform's topics: a projection of order management's journal, in its order."""

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence

import msgspec
from loguru import logger

from tradepit.ports.bus import Bus, Message, Outgoing
from tradepit.ports.clock import Clock
from tradepit.ports.journal import Entry, Journal
from tradepit.services.order_outcomes import OrderOutcomes
from tradepit.trading.model.errors import BadRequest, ConfigError, JournalCorrupted, TradepitError, Unavailable
from tradepit.trading.orders import events as facts
from tradepit.wire import platform as wire
from tradepit.wire.platform_codec import encode, read_event
from tradepit.wire.queues import header_text
from tradepit.wire.tq import DETAIL_HEADER

_DECODER = msgspec.json.Decoder(facts.Fact)
_AGAIN_S, _MAX_AGAIN_S = 0.05, 1.0
_TOGETHER = 256
_MOST_UNTOLD = 10_000
Position = tuple[int, int]


class _Untold(msgspec.Struct, frozen=True, eq=False):
    """A message that waits to be told; ``told`` is who waits for it, a refusal's executor."""

    place: Position
    message: Outgoing
    alert: bool = False
    told: "asyncio.Future[None] | None" = None


class OrderEvents:
    """Each message names the place in the journal that tells it (``correlation_id``: entry and number), and so where to go on after a
    restart: no event is left out, and none is told twice, as long as one instance tells.

    The journal is read from its beginning at each start: what bots hold is made of all trades. What has piled up while others were
    being told is told together, alerts before events: the last event told is where a restart goes on.
    """

    def __init__(self, journal: Journal, bus: Bus, clock: Clock) -> None:
        self._journal, self._bus, self._clock = journal, bus, clock
        self.outcomes = OrderOutcomes()
        self._told: Position = (0, 0)
        self._last: Position = (0, 0)
        self._untold: deque[_Untold] = deque()
        self._more, self._room = asyncio.Event(), asyncio.Event()
        self._applied = 0
        self.published = 0
        self.problem = ""

    @property
    def entry(self) -> int:
        """The journal's entry up to which everything has been told."""
        return self._untold[0].place[0] - 1 if self._untold else self._applied

    async def open(self) -> None:
        """Find out what was told before. Raises Unavailable."""
        await self._journal.open()
        last = await self._bus.last(wire.ORDER_EVENTS)
        if last is not None:
            self._told = self._last = await self._go_on_after(last)
        logger.info("order events go on after entry {} number {}", *self._told)

    async def _go_on_after(self, last: Message) -> Position:
        """The place that the last event names; the beginning where it names none of this journal: receivers keep one of each."""
        try:
            place = _position_of(read_event(last.payload, headers=last.headers).correlation_id)
        except (BadRequest, ConfigError) as error:
            # Whoever may publish there can say anything: that must not keep intents from being done.
            logger.error("the last order event, on {}, is none of ours: all are told again: {}", last.subject, error)
            return (0, 0)
        written, _ = await self._journal.last()
        if place[0] > written:
            # Topics on a server of their own may outlive a house: what they tell is of another journal.
            logger.warning("the bus has order events of another journal, of {} entries: all are told", place[0])
            return (0, 0)
        return place

    async def close(self) -> None:
        """Leave the journal."""
        await self._journal.close()

    async def refuse(self, account_id: str, bot_id: str, refused: wire.OrderRejection, why: str = "") -> None:
        """Tell a bot of an intent that was refused before anything was journaled; ``why`` is for people. Raises Unavailable.

        Told twice, a bus that knows messages by their ids keeps one.
        """
        # The place it names is that of the event before it: a restart goes on behind that one.
        place, now_ns = self._last, self._clock.now_ns()
        event = wire.OrderEvent(
            event=refused,
            bot_id=bot_id,
            account_id=account_id,
            correlation_id=f"{place[0]}-{place[1]}-refused-{refused.intent_id}",
            published_at_ns=now_ns,
        )
        message_id = f"refused-{account_id}-{bot_id}-{refused.intent_id}"
        told: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        topic = wire.event_topic(account_id, bot_id)
        headers = _headers(account_id) | ({DETAIL_HEADER: header_text(why)} if why else {})
        self._put(_Untold(place, Outgoing(topic, encode(event), message_id, headers), told=told))
        await told
        self.outcomes.count_refusal(refused.reason)

    async def follow(self) -> None:
        """Fold the journal until cancelled. Raises JournalCorrupted."""
        wait_s = _AGAIN_S
        while True:
            try:
                async for entry in self._journal.follow(self._applied):
                    self._fold(entry)
                    wait_s = _AGAIN_S
                    while len(self._untold) >= _MOST_UNTOLD:
                        self._room.clear()
                        await self._room.wait()
            except Unavailable as error:
                self.problem = str(error)[:200]
                await self._clock.sleep(wait_s)
                wait_s = min(wait_s * 2, _MAX_AGAIN_S)

    def _fold(self, entry: Entry) -> None:
        if entry.sequence != self._applied + 1:
            raise JournalCorrupted("entries are missing", expected=self._applied + 1, found=entry.sequence)
        now_ns = self._clock.now_ns()
        for number, (topic, message) in enumerate(self.outcomes.of(_facts_of(entry)), start=1):
            place = (entry.sequence, number)
            if place > self._told:
                self._last = place
                self._put(_untold(place, topic, message, now_ns))
        self._applied = entry.sequence

    def _put(self, untold: _Untold) -> None:
        self._untold.append(untold)
        self._more.set()

    async def tell(self) -> None:
        """Tell what was folded until cancelled."""
        wait_s = _AGAIN_S
        while True:
            await self._more.wait()
            self._more.clear()
            while self._untold:
                group = [self._untold[place] for place in range(min(len(self._untold), _TOGETHER))]
                try:
                    await self._publish(group)
                except TradepitError as error:
                    self.problem = str(error)[:200]
                    logger.warning("{} order events wait for the bus: {}", len(self._untold), error)
                    self._give_up(error)
                    await self._clock.sleep(wait_s)
                    wait_s = min(wait_s * 2, _MAX_AGAIN_S)
                else:
                    self._forget(len(group))
                    wait_s = _AGAIN_S

    async def _publish(self, group: Sequence[_Untold]) -> None:
        for alerts in (True, False):
            messages = [each.message for each in group if each.alert is alerts]
            if messages:
                await self._bus.publish_all(messages)

    def _forget(self, count: int) -> None:
        for _ in range(count):
            told = self._untold.popleft()
            self._told = max(self._told, told.place)
            if told.told is None:
                self.published += 1
            elif not told.told.done():
                told.told.set_result(None)
        self.problem = ""
        self._room.set()

    def _give_up(self, error: TradepitError) -> None:
        """Refusals are their executor's to tell again: it may have been told to stop meanwhile."""
        kept = [each for each in self._untold if each.told is None]
        for each in self._untold:
            if each.told is not None and not each.told.done():
                each.told.set_exception(Unavailable(str(error)[:200]))
        self._untold = deque(kept)


_HEADERS = {wire.CONTENT_TYPE: wire.Encoding.JSON.value}


def _headers(account_id: str) -> dict[str, str]:
    return _HEADERS | {wire.KEY_HEADER: account_id}


def _untold(place: Position, topic: str, message: wire.OrderEvent | wire.RiskAlert, now_ns: int) -> _Untold:
    name = f"{place[0]}-{place[1]}"
    told = msgspec.structs.replace(message, correlation_id=name, published_at_ns=now_ns)
    if isinstance(told, wire.RiskAlert):
        told = msgspec.structs.replace(told, alert_id=name)
    outgoing = Outgoing(topic, encode(told), f"order-event-{name}", _headers(told.account_id))
    return _Untold(place, outgoing, alert=isinstance(told, wire.RiskAlert))


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
