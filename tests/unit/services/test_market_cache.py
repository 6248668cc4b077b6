"""The writer of the hot window: what comes is written, what the cache lost is written again, nonsense is refused."""

from collections.abc import AsyncIterator

import msgspec
import pytest
from tests.bot_stage import tick
from tests.market_world import START_MS, MarketWorld

from tradepit.ports.series import MOST_MS, Sample
from tradepit.services.market_cache import MarketCache
from tradepit.services.market_cache_settings import MarketCacheSettings
from tradepit.wire.data_api import KeptTick
from tradepit.wire.market_series import newest_phase_key, newest_tick_key, series_key
from tradepit.wire.simulator import tick_topic
from tradepit.wire.simulator_codec import encode, tick_data

PRICE = series_key("IF2501", "price")


@pytest.fixture
async def world() -> AsyncIterator[MarketWorld]:
    made = MarketWorld(MarketCacheSettings(window_min=5, bars_h=1))
    await made.open()
    yield made
    await made.close()


async def held(world: MarketWorld, metric: str = "price", symbol: str = "IF2501") -> list[Sample]:
    return await world.series.range(series_key(symbol, metric), 0, MOST_MS)


async def test_a_tick_is_price_volume_and_quotes_of_one_instant(world: MarketWorld) -> None:
    await world.tell(tick(22_499, 22_501, last=22_500, volume=7, lots=3))
    await world.clock.advance(1)
    told = {metric: await held(world, metric) for metric in ("price", "volume", "bid", "ask", "bid_lots", "ask_lots")}
    assert {metric: (sample.at_ms, sample.value) for metric, [sample] in told.items()} == {
        "price": (START_MS, 4500.0), "volume": (START_MS, 7.0), "bid": (START_MS, 4499.8), "ask": (START_MS, 4500.2),
        "bid_lots": (START_MS, 3.0), "ask_lots": (START_MS, 3.0),
    }  # fmt: skip
    # A price that is none is not zero.
    await world.tell(tick(0, 22_501, last=0, volume=7, after_s=1))
    await world.clock.advance(1)
    assert [len(await held(world, metric)) for metric in ("price", "bid", "bid_lots", "volume")] == [1, 1, 2, 2]


async def test_what_is_newest_is_told_with_its_time_of_arrival(world: MarketWorld) -> None:
    await world.tell(tick(22_499, 22_501, last=22_500))
    await world.phase("IF2501", "CONTINUOUS")
    await world.clock.advance(1)
    await world.tell(tick(22_499, 22_501, last=22_502, after_s=1))
    # An older one that comes late belongs to the window, and is not the newest.
    await world.tell(tick(22_499, 22_501, last=22_490, after_s=0.5))
    await world.clock.advance(1)
    value = await world.cache.get(newest_tick_key("IF2501"))
    assert value is not None
    kept = msgspec.json.decode(value, type=KeptTick)
    assert (float(kept.tick.last_price), kept.received_ns // 1_000_000, kept.since_ms) == (4500.4, START_MS + 1_000, START_MS)
    assert [sample.at_ms - START_MS for sample in await held(world)] == [0, 500, 1_000]
    assert await world.cache.get(newest_phase_key("IF2501")) is not None


async def test_ticks_that_come_twice_are_written_once_and_lost_ones_end_what_is_unbroken(world: MarketWorld) -> None:
    first = tick(22_499, 22_501, last=22_500)
    await world.tell(first)
    await world.bus.publish(
        tick_topic("IF2501"), encode(tick_data(first, world.exchange.instrument)), headers={"Tick-Run": "r", "Tick-Seq": "1"}
    )
    await world.tell(tick(22_499, 22_501, last=22_501, after_s=1), skip=2)
    await world.clock.advance(2)
    figures = world.writer.health().figures
    assert (figures["ticks"], figures["repeated"], figures["missing"]) == (2, 1, 2)
    value = await world.cache.get(newest_tick_key("IF2501"))
    assert msgspec.json.decode(value or b"", type=KeptTick).since_ms == START_MS + 1_000


async def test_a_cache_that_is_away_is_waited_for_and_gets_everything(world: MarketWorld) -> None:
    await world.tell(tick(22_499, 22_501, last=22_500))
    world.series.down = world.cache.down = True
    for number in range(1, 4):
        await world.tell(tick(22_499, 22_501, last=22_500 + number, after_s=number))
        await world.clock.advance(1)
    health = world.writer.health()
    assert (health.status, health.ready, health.figures["ticks_waiting"]) == ("UNHEALTHY", False, 3)
    world.series.down = world.cache.down = False
    await world.clock.advance(1)
    assert world.writer.health().status == "ACTIVE"
    assert [sample.value for sample in await held(world)] == [4500.0, 4500.2, 4500.4, 4500.6]


async def test_what_the_cache_forgot_is_written_again(world: MarketWorld) -> None:
    await world.minute(0)
    before = await held(world)
    world.series.store.held.clear()
    world.keys.values.clear()
    world.keys.versions.clear()
    await world.clock.advance(3)
    assert (await held(world), len(before)) == (before, 6)
    assert await world.cache.get(newest_tick_key("IF2501")) is not None
    assert world.writer.health().figures["rewritten"] == 1
    # Only the newest key is gone.
    await world.cache.delete(newest_tick_key("IF2501"))
    await world.clock.advance(3)
    assert await world.cache.get(newest_tick_key("IF2501")) is not None
    # Part of the ticks are gone.
    del world.series.store.held[series_key("IF2501", "volume")]
    await world.clock.advance(3)
    assert len(await held(world, "volume")) == 6


async def test_the_window_reaches_back_as_far_as_it_should(world: MarketWorld) -> None:
    for number in range(8):
        await world.minute(number)
    assert (await held(world))[0].at_ms - START_MS == (7 * 60 + 50 - 5 * 60) * 1_000
    closes = await world.series.range(f"{PRICE}:1m:last", 0, MOST_MS)
    assert [sample.at_ms for sample in closes] == [START_MS + 60_000 * number for number in range(8)]
    assert world.writer._contracts["IF2501"]._held[0].at_ms == START_MS + (7 * 60 + 50 - 5 * 60) * 1_000


async def test_one_contracts_key_that_is_somebody_elses_does_not_hold_up_the_others(world: MarketWorld) -> None:
    world.series.foreign = PRICE
    await world.tell(tick(22_499, 22_501, last=22_500), tick(29_999, 30_001, last=30_000, symbol="IC2501"))
    await world.clock.advance(1)
    await world.tell(tick(29_999, 30_001, last=30_001, symbol="IC2501", after_s=1))
    await world.clock.advance(1)
    assert (await held(world), len(await held(world, symbol="IC2501"))) == ([], 2)
    assert "something else" in world.writer.health().reason


@pytest.mark.parametrize("payload", [b"", b"{}", b"\xff", b"[1]", b'{"symbol":' + b"1" * 20_000, b"[" * 5_000])
async def test_nonsense_is_refused_and_counted(world: MarketWorld, payload: bytes) -> None:
    for topic in ("market.tick.IF2501", "market.depth.IF2501", "market.phase.IF2501"):
        await world.bus.publish(topic, payload)
    await world.clock.advance(1)
    health = world.writer.health()
    assert (health.status, health.figures["refused"], health.figures["ticks"]) == ("ACTIVE", 3, 0)


async def test_a_tick_of_another_symbol_or_of_the_future_is_refused(world: MarketWorld) -> None:
    payload = encode(tick_data(tick(22_499, 22_501), world.exchange.instrument))
    await world.bus.publish("market.tick.IC2501", payload)
    await world.tell(tick(22_499, 22_501, after_s=3_600))
    await world.tell(tick(22_499, 22_501, last=22_500))
    await world.clock.advance(1)
    assert world.writer.health().figures["refused"] == 2
    assert [sample.at_ms for sample in await held(world)] == [START_MS]


async def test_where_ticks_are_the_time_none_is_ahead_of_it(world: MarketWorld) -> None:
    await world.writer.stop()
    replayed = MarketCache(world.bus, world.series, world.cache, world.clock, None, world.settings, "market-cache-2")
    await replayed.start()
    await world.tell(tick(22_499, 22_501, last=22_500), tick(22_499, 22_501, last=22_501, after_s=86_400))
    await world.clock.advance(1)
    assert [sample.at_ms for sample in await held(world)] == [START_MS + 86_400_000]
    assert replayed.health().figures["refused"] == 0
    await replayed.stop()


async def test_stopping_writes_what_waits_and_may_be_done_twice(world: MarketWorld) -> None:
    await world.tell(tick(22_499, 22_501, last=22_500))
    await world.clock.advance(0.2)
    await world.tell(tick(22_499, 22_501, last=22_501, after_s=0.2))
    await world.writer.stop()
    await world.writer.stop()
    await world.series.connect()
    assert len(await held(world)) == 2


async def test_a_second_life_goes_on_and_says_since_when_it_knows(world: MarketWorld) -> None:
    await world.minute(0)
    await world.writer.stop()
    world.writer = world.make_writer()
    await world.writer.start()
    await world.minute(2)
    assert len(await held(world)) == 12
    value = await world.cache.get(newest_tick_key("IF2501"))
    assert msgspec.json.decode(value or b"", type=KeptTick).since_ms == START_MS + 120_000
