"""Market data: published first, then told to the exchange, in order; nothing is lost when the exchange is away."""

from collections.abc import AsyncIterator, Sequence
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec
import pytest
from tests.waiting import settle, until

from tradepit.backends.bus.memory import MemoryBus, MemoryHub
from tradepit.ports.bus import Message
from tradepit.runtime.clock import ManualClock
from tradepit.runtime.exchange_desk import ExchangeDesk
from tradepit.runtime.generated_feed import GeneratedFeed
from tradepit.runtime.tick_sequence import RUN_HEADER, SEQUENCE_HEADER
from tradepit.services.market_data import MarketDataService, MarketDataSettings
from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.calendar.trading_calendar import load_calendar
from tradepit.trading.model.errors import Unavailable
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.terms import Exchange
from tradepit.trading.model.tick import Level, Tick
from tradepit.wire import gateway as wire
from tradepit.wire.simulator import CHANNELS, MARKET_TICK, ErrorReply, TickData

if TYPE_CHECKING:
    from tests.unit.services.conftest import House

BATCH = msgspec.json.Decoder(wire.TicksRequest)


def tick(number: int, symbol: str = "IF2501") -> Tick:
    return Tick(
        symbol=symbol, exchange=Exchange.CFFEX, time_ns=1_736_128_800_000_000_000 + number, trading_day=20250106,
        last_ticks=19_500,
        volume_lots=number, turnover=Decimal(number), open_interest=1, open_ticks=19_500, high_ticks=19_500, low_ticks=19_500,
        upper_limit_ticks=21_450, lower_limit_ticks=17_550, pre_close_ticks=19_500, pre_settlement=Decimal(3900),
        bids=(Level(19_499, 1),), asks=(Level(19_501, 1),),
    )  # fmt: skip


class Feed:
    """Batches given by the test; the first ``failures`` attempts cannot ask for their listing."""

    def __init__(self, *batches: Sequence[Tick], failures: int = 0) -> None:
        self.left, self.failures = list(batches), failures

    @property
    def instruments(self) -> dict[str, Instrument]:
        return {
            name: load_catalog().instrument(name, on=date(2025, 1, 6), listing_price=Decimal(1)) for name in ("IF2501", "IC2501")
        }

    async def batches(self) -> AsyncIterator[Sequence[Tick]]:
        while self.left:
            if self.failures:
                self.failures -= 1
                raise Unavailable
            yield self.left.pop(0)

    def progress(self) -> dict[str, str | int | float | bool]:
        return {"source": "test"}


class Market:
    """A bus with a recorder of what happened, in order, and an exchange whose answers the test gives."""

    def __init__(self) -> None:
        self.bus = MemoryBus(MemoryHub(), channels=CHANNELS)
        self.told: list[int] = []
        self.published: list[Message] = []
        self.answers: list[bytes] = []

    async def open(self) -> None:
        await self.bus.connect()
        await self.bus.subscribe(MARKET_TICK, self._on_tick)
        await self.bus.serve("rpc.trading-gateway.update_prices", self._on_update)

    async def _on_tick(self, message: Message) -> None:
        self.published.append(message)

    async def _on_update(self, message: Message) -> bytes:
        ticks = [msgspec.json.decode(bytes(raw), type=Tick) for raw in BATCH.decode(message.payload).ticks]
        if self.answers:
            return self.answers.pop(0)
        self.told += [each.volume_lots for each in ticks]
        return wire.encode(wire.TicksReply(accepted=len(ticks)))

    async def run(self, feed: Feed, settings: MarketDataSettings | None = None) -> MarketDataService:
        service = MarketDataService(self.bus, ManualClock(), feed, settings or MarketDataSettings(), "md-1", "run")
        await service.start()
        await until(lambda: service.finished or service.health().status != "ACTIVE")
        await settle()
        await service.stop()
        return service


@pytest.fixture
async def market() -> AsyncIterator[Market]:
    made = Market()
    await made.open()
    yield made
    await made.bus.close()


async def test_every_tick_is_published_with_its_number_and_told_in_order(market: Market) -> None:
    batches = [[tick(1), tick(1, "IC2501")], [tick(2)], [tick(3), tick(2, "IC2501")]]
    service = await market.run(Feed(*batches))
    assert market.told == [1, 1, 2, 3, 2]
    assert [(message.subject, message.headers[SEQUENCE_HEADER]) for message in market.published] == [
        ("market.tick.IF2501", "1"),
        ("market.tick.IC2501", "1"),
        ("market.tick.IF2501", "2"),
        ("market.tick.IF2501", "3"),
        ("market.tick.IC2501", "2"),
    ]
    assert {message.headers[RUN_HEADER] for message in market.published} == {"run"}
    assert msgspec.json.decode(market.published[0].payload, type=TickData).last_price == Decimal("3900.0")
    health = service.health()
    assert health.status == "ACTIVE"
    assert (health.figures["published"], health.figures["accepted"], health.figures["published_IC2501"]) == (5, 5, 2)


async def test_large_batches_are_cut(market: Market) -> None:
    service = await market.run(Feed([tick(number) for number in range(1, 300)]))
    assert market.told == list(range(1, 300))
    assert service.health().figures["accepted"] == 299


async def test_refused_ticks_are_counted_by_their_code(market: Market) -> None:
    refused = [wire.TickRefused(index=0, code="TICK_NOT_VALID", message="no")]
    market.answers = [
        wire.encode(wire.TicksReply(accepted=1, refused=refused)),
        wire.encode(ErrorReply(error="INVALID_REQUEST", message="no")),
    ]
    service = await market.run(Feed([tick(1), tick(2)], [tick(3)], [tick(4)]))
    figures = service.health().figures
    assert (figures["accepted"], figures["refused"]) == (2, 2)
    assert (figures["refused_TICK_NOT_VALID"], figures["refused_INVALID_REQUEST"]) == (1, 1)


async def test_a_batch_the_exchange_could_not_take_is_sent_again_and_published_once(market: Market) -> None:
    market.answers = [wire.encode(ErrorReply(error="SERVICE_UNAVAILABLE", message="starting")), b"junk"]
    service = await market.run(Feed([tick(1)], [tick(2)]))
    assert market.told == [1, 2]
    assert len(market.published) == 2
    assert service.health().figures["exchange_unreachable"] == 2


async def test_an_exchange_nobody_serves_is_waited_for(market: Market) -> None:
    service = await market.run(Feed([tick(1)], failures=3))
    assert market.told == [1]
    assert service.health().figures["exchange_unreachable"] == 3


async def test_without_an_exchange_ticks_are_only_published(market: Market) -> None:
    await market.run(Feed([tick(1)]), MarketDataSettings(updates_exchange=False))
    assert market.told == []
    assert len(market.published) == 1


async def test_a_feed_that_breaks_makes_the_service_unhealthy(market: Market) -> None:
    feed = Feed([tick(1, "IC2502")])
    service = await market.run(feed)
    assert service.health().status == "UNHEALTHY"


async def test_a_generated_market_fits_the_exchange(house: "House") -> None:
    await house.start()
    assert isinstance(house.clock, ManualClock)
    feed = GeneratedFeed(("IF2501",), ExchangeDesk(house.bus).listed, load_calendar(), house.clock, seed=1)
    service = MarketDataService(house.bus, house.clock, feed, MarketDataSettings(), "md-1", "run")
    await service.start()
    await house.until(lambda: int(service.health().figures["accepted"]) >= 100)
    await service.stop()
    figures = service.health().figures
    assert (figures["refused"], figures["sent_again"]) == (0, 0)
    assert figures["skipped"] == 18_000  # half an hour since the open, ten a second


async def test_silence_is_not_healthy_while_the_feed_goes_on(market: Market) -> None:
    clock = ManualClock()
    service = MarketDataService(market.bus, clock, Feed(), MarketDataSettings(stale_s=5), "md-1", "run")
    assert service.health().status == "ACTIVE"
    clock.advance_to(6 * 10**9)
    assert service.health().reason == "no tick for too long"
