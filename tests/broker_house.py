"""A broker gateway on a memory bus over a broker whose answers go wrong on demand, and whoever asks and hears it."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal

import msgspec
from tests.order_path import DAY, START_NS, FakeBroker, Venue, an_intent
from tests.waiting import until

from tradepit.backends.bus.memory import MemoryBus, MemoryHub
from tradepit.ports.bus import Channel, Message, Outgoing
from tradepit.runtime.clock import ManualClock
from tradepit.runtime.exchange_desk import ExchangeDesk
from tradepit.services.broker_gateway import BrokerGateway
from tradepit.trading.calendar.trading_calendar import load_calendar
from tradepit.trading.model.errors import Unavailable, VenueRefused
from tradepit.trading.model.terms import Exchange
from tradepit.trading.model.tick import Level, Tick
from tradepit.trading.records.bars import Bar
from tradepit.wire.simulator import CHANNELS


def a_tick(last: int = 19_500, symbol: str = "IF2501") -> Tick:
    return Tick(
        symbol=symbol, exchange=Exchange.CFFEX, time_ns=START_NS, trading_day=DAY, last_ticks=last, volume_lots=1, turnover=Decimal(1),
        open_interest=1, open_ticks=last, high_ticks=last, low_ticks=last, upper_limit_ticks=21_450, lower_limit_ticks=17_550,
        pre_close_ticks=19_500, pre_settlement=Decimal(3900), bids=(Level(last - 1, 2),), asks=(Level(last + 1, 3),),
    )  # fmt: skip


class FakeMarket:
    """A market in which happens what is put into ``quotes``; who begins to listen is told first how it is."""

    def __init__(self) -> None:
        self.quotes: asyncio.Queue[Tick] = asyncio.Queue()
        self.newest: dict[str, Tick] = {}
        self.connected = False

    @property
    def figures(self) -> dict[str, int]:
        """Nothing goes wrong here."""
        return {"restarts": 0}

    async def connect(self) -> None:
        self.connected = True

    async def ticks(self) -> AsyncGenerator[Tick]:
        while not self.quotes.empty():
            tick = self.quotes.get_nowait()
            self.newest[tick.symbol] = tick
        for tick in list(self.newest.values()):
            yield tick
        while True:
            tick = await self.quotes.get()
            self.newest[tick.symbol] = tick
            yield tick

    async def bars(self, symbol: str, trading_day: int) -> Sequence[Bar]:
        """None but those of one minute of 6 January 2025."""
        if trading_day != 20250106:
            raise VenueRefused("NOT_SUPPORTED", symbol=symbol)
        one = Decimal(1)
        return [Bar(symbol=symbol, start_ns=60 * 10**9, open=one, high=one, low=one, close=one, volume=1, count=0)]

    async def close(self) -> None:
        self.connected = False


class FickleBus(MemoryBus):
    """Keeps nothing while ``away``."""

    away = False

    async def publish(
        self, subject: str, payload: bytes, *, message_id: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        self._check()
        await super().publish(subject, payload, message_id=message_id, headers=headers)

    async def publish_all(self, messages: Sequence[Outgoing]) -> None:
        self._check()
        await super().publish_all(messages)

    async def last(self, channel: Channel) -> Message | None:
        self._check()
        return await super().last(channel)

    def _check(self) -> None:
        if self.away:
            raise Unavailable("the bus is away")


class BrokerHouse:
    """The broker's venue goes on while gateways come and go."""

    def __init__(self, *, market: bool = True) -> None:
        self.hub = MemoryHub()
        self.bus = MemoryBus(self.hub, channels=CHANNELS)
        self.venue = Venue()
        self.broker = FakeBroker(self.venue)
        self.market = FakeMarket() if market else None
        self.clock = ManualClock(START_NS)
        self.heard: dict[str, list[Message]] = {}
        self.failures: list[BaseException] = []
        self.gateways_bus = FickleBus(self.hub, channels=CHANNELS)

    @property
    def desk(self) -> ExchangeDesk:
        return ExchangeDesk(self.bus)

    def make(self) -> BrokerGateway:
        return BrokerGateway(
            broker=self.broker,
            market=self.market,
            bus=self.gateways_bus,
            clock=self.clock,
            exchange_clock=self.clock,
            calendar=load_calendar(),
            venue="tqsdk",
            instance="trading-gateway-1",
            run_id="R1",
            on_failure=self.failures.append,
        )

    async def start(self) -> BrokerGateway:
        gateway = self.make()
        await gateway.start()
        return gateway

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[BrokerGateway]:
        """A gateway whose doors are open and whose broker has answered, while the block runs."""
        await self.bus.connect()
        gateway = await self.start()
        await until(lambda: gateway.health().ready)
        try:
            yield gateway
        finally:
            await gateway.stop()

    async def listen(self, *channels: Channel) -> None:
        await self.bus.connect()
        for channel in channels:
            heard = self.heard.setdefault(channel.name, [])

            async def hear(message: Message, heard: list[Message] = heard) -> None:
                heard.append(message)

            await self.bus.subscribe(channel, hear, replay=channel.durable)

    def told(self, channel: Channel) -> list[dict[str, object]]:
        """What was heard, as JSON."""
        return [msgspec.json.decode(message.payload) for message in self.heard[channel.name]]

    def trade(self, number: int, lots: int = 5, fill: int = 5) -> None:
        """One order at the venue, and one fill of it."""
        intent = an_intent(number, lots=lots)
        self.venue.arrive(intent)
        if fill:
            self.venue.fill((intent.account, intent.client_order_id), fill)
