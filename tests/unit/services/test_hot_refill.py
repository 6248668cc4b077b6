"""A writer that was away fills its window from the market's records, each tick once, and waits for a store that is away."""

from collections.abc import Sequence
from decimal import Decimal

import msgspec
from tests.bot_stage import tick
from tests.market_world import START_MS, MarketWorld

from tradepit.ports.series import MOST_MS
from tradepit.services.hot_contract import HotTick
from tradepit.services.hot_refill import RecordedTicks
from tradepit.services.market_cache_settings import MarketCacheSettings
from tradepit.trading.model.errors import Unavailable
from tradepit.wire.market_series import series_key

PRICE, VOLUME = series_key("IF2501", "price"), series_key("IF2501", "volume")


class Row(msgspec.Struct, frozen=True):
    time_ns: int
    day_volume: int | None = 5
    price: Decimal = Decimal("4500.2")
    bid_price: Decimal | None = Decimal("4500.0")
    bid_volume: int = 3
    ask_price: Decimal | None = None
    ask_volume: int = 0


class Kept:
    """Records of ticks; ``away`` questions fail first."""

    def __init__(self, *rows: Row, away: int = 0) -> None:
        self.rows, self.away, self.open, self.asked = rows, away, False, 0

    async def connect(self) -> None:
        self.open = True

    async def ticks(self, symbol: str, start_ns: int, end_ns: int, *, limit: int = 0) -> Sequence[Row]:
        assert self.open
        self.asked += 1
        if self.away:
            self.away -= 1
            raise Unavailable("the store cannot be reached")
        found = [row for row in self.rows if start_ns <= row.time_ns < end_ns and symbol == "IF2501"]
        return found[:limit] if limit else found

    async def close(self) -> None:
        self.open = False


def rows_before(count: int, step_ms: int = 1_000) -> list[Row]:
    return [Row((START_MS - step_ms * number) * 1_000_000, day_volume=1_000 - number) for number in range(count, 0, -1)]


async def test_recorded_ticks_are_told_as_the_window_keeps_them_in_parts() -> None:
    kept = Kept(*rows_before(7), Row(START_MS * 1_000_000, day_volume=None))
    past = RecordedTicks(kept)
    found = await past.ticks("IF2501", START_MS - 5_000, START_MS + 1, most=3)
    assert [one.at_ms - START_MS for one in found] == [-5_000, -4_000, -3_000]
    assert found[0] == HotTick(START_MS - 5_000, (4500.2, 995.0, 4500.0, 0.0, 3.0, 0.0))
    # One that does not know the day's lots is left out.
    assert len(await past.ticks("IF2501", START_MS - 5_000, START_MS + 1, most=50)) == 5
    assert await past.ticks("IF2501", START_MS, START_MS, most=50) == []
    await past.close()
    assert not kept.open


async def test_the_window_from_before_is_filled_with_its_bars_whoever_is_away_first() -> None:
    kept = Kept(*rows_before(2_500, step_ms=100), Row(START_MS * 1_000_000), away=2)
    world = MarketWorld(MarketCacheSettings(window_min=5, bars_h=1, refill_s=2), tick_past=RecordedTicks(kept))
    await world.open()
    await world.tell(tick(22_499, 22_501, last=22_500, volume=1_000))
    await world.clock.advance(1)
    assert kept.asked == 0
    world.series.down = True
    await world.clock.advance(20)
    world.series.down = False
    await world.clock.advance(20)
    volumes = await world.series.range(VOLUME, 0, MOST_MS)
    assert [sample.at_ms for sample in volumes] == [*(START_MS - 100 * number for number in range(2_500, 0, -1)), START_MS]
    assert world.writer.health().figures["refilled"] == 2_500
    minutes = await world.series.range(f"{PRICE}:1m:last", 0, MOST_MS)
    assert [sample.at_ms for sample in minutes] == [START_MS - 60_000 * number for number in range(5, -1, -1)]
    # It is held like what was heard: a cache that forgets gets it again.
    world.series.store.held.clear()
    await world.clock.advance(3)
    assert len(await world.series.range(VOLUME, 0, MOST_MS)) == 2_501
    await world.close()
    assert not kept.open


async def test_records_that_are_late_are_waited_for_and_those_that_nobody_writes_are_not() -> None:
    kept = Kept(*rows_before(20)[:10])
    world = MarketWorld(MarketCacheSettings(window_min=5, bars_h=1, refill_s=1), tick_past=RecordedTicks(kept))
    await world.open()
    await world.tell(tick(22_499, 22_501, last=22_500, volume=1_000))
    await world.clock.advance(4)
    assert len(await world.series.range(VOLUME, 0, MOST_MS)) == 11
    kept.rows = (*rows_before(20), Row(START_MS * 1_000_000))
    await world.clock.advance(4)
    assert len(await world.series.range(VOLUME, 0, MOST_MS)) == 21
    assert world.writer.health().figures["refilled"] == 20
    asked = kept.asked
    await world.clock.advance(100)
    assert kept.asked == asked
    await world.close()
    silent = Kept(*rows_before(5))
    world = MarketWorld(MarketCacheSettings(window_min=5, bars_h=1, refill_s=1), tick_past=RecordedTicks(silent))
    await world.open()
    await world.tell(tick(22_499, 22_501, last=22_500, volume=1_000))
    await world.clock.advance(300)
    assert (silent.asked < 100, world.writer.health().figures["refilled"]) == (True, 5)
    await world.close()


async def test_what_is_older_than_the_window_or_already_there_is_not_taken() -> None:
    kept = Kept(*rows_before(900), Row((START_MS + 500) * 1_000_000))
    world = MarketWorld(MarketCacheSettings(window_min=5, bars_h=1, refill_s=0), tick_past=RecordedTicks(kept))
    await world.open()
    await world.tell(tick(22_499, 22_501, last=22_500, volume=1_000))
    await world.clock.advance(1)
    await world.tell(tick(22_499, 22_501, last=22_500, volume=1_001, after_s=1))
    await world.clock.advance(1)
    volumes = await world.series.range(VOLUME, 0, MOST_MS)
    assert (volumes[0].at_ms, volumes[-1].at_ms, len(volumes)) == (START_MS - 299_000, START_MS + 1_000, 301)
    await world.close()
