"""The writer of market records: every tick once, what was missed is known and fetched, memory is bounded."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from tests.record_fakes import FakeMarketRecords
from tests.waiting import until

from tradepit.backends.bus.memory import MemoryBus, MemoryHub
from tradepit.runtime.clock import SystemClock
from tradepit.runtime.tick_sequence import number_headers
from tradepit.runtime.tick_to_record import read_tick_record
from tradepit.services.market_records import MarketRecordsWriter
from tradepit.services.record_settings import RecordSettings
from tradepit.trading.model.errors import Unavailable
from tradepit.trading.records.tick_record import TickRecord
from tradepit.wire.simulator import CHANNELS

TEN = datetime(2025, 1, 6, 2, tzinfo=UTC)


def payload(number: int, symbol: str = "IF2501", **more: Any) -> bytes:
    told = {
        "symbol": symbol, "exchange": "CFFEX", "datetime": (TEN + timedelta(milliseconds=100 * number)).isoformat(),
        "trading_day": "20250106", "last_price": 3900.2, "volume": number, "open_interest": 1, "bid_price_1": 3900.0,
        "bid_volume_1": 1, "ask_price_1": 3900.4, "ask_volume_1": 1,
    }  # fmt: skip
    return msgspec.json.encode(told | more)


def record(number: int, symbol: str = "IF2501") -> TickRecord:
    read = read_tick_record(payload(number, symbol), f"market.tick.{symbol}")
    assert read is not None
    return read


class World:
    """A market whose ticks are numbered, recordings of all of them, and writers that come and go."""

    def __init__(self) -> None:
        self.bus = MemoryBus(MemoryHub(), channels=CHANNELS)
        self.records: Any = FakeMarketRecords()
        self.recorded: list[TickRecord] = []
        self.writers: list[MarketRecordsWriter] = []

    async def start(self, **settings: Any) -> MarketRecordsWriter:
        told = RecordSettings(**{"flush_s": 0.001, "look_s": 0.002, **settings})
        writer = MarketRecordsWriter(self.records, self.bus, SystemClock(), told, "market-records-1", self.fetch)
        self.writers.append(writer)
        await writer.start()
        return writer

    async def publish(self, *numbers: int, symbol: str = "IF2501", run: str = "r", **more: Any) -> None:
        for number in numbers:
            self.recorded.append(record(number, symbol))
            await self.bus.publish(f"market.tick.{symbol}", payload(number, symbol, **more), headers=number_headers(run, number))

    def lose(self, *numbers: int) -> None:
        """Ticks that only the recorder hears."""
        self.recorded += [record(number) for number in numbers]

    async def fetch(self, symbol: str, after_ns: int, until_ns: int) -> list[TickRecord]:
        found = {tick.time_ns: tick for tick in self.recorded if tick.symbol == symbol and after_ns < tick.time_ns <= until_ns}
        return [found[time_ns] for time_ns in sorted(found)][:3]

    async def kept(self, *numbers: int, symbol: str = "IF2501") -> None:
        await until(lambda: self.records.volumes(symbol) == list(numbers))


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    await made.bus.connect()
    yield made
    for writer in made.writers:
        await writer.stop()
    await made.bus.close()


async def test_every_tick_is_kept_with_where_the_stream_stands(world: World) -> None:
    writer = await world.start(fetch_past=False)
    await world.publish(1, 2, 3)
    await world.publish(1, symbol="IC2501")
    await world.kept(1, 2, 3)
    await world.kept(1, symbol="IC2501")
    assert {symbol: (place.run, place.sequence) for symbol, place in world.records.stands.items()} == {
        "IF2501": ("r", 3), "IC2501": ("r", 1),
    }  # fmt: skip
    figures = writer.health().figures
    assert (figures["ticks"], figures["rows"], figures["missing"], figures["rows_waiting"]) == (4, 4, 0, 0)
    assert (writer.health().ready, writer.health().status) == (True, "ACTIVE")


async def test_ticks_that_never_came_are_fetched_and_the_stream_is_whole_again(world: World) -> None:
    writer = await world.start(fetch_past=False)
    await world.publish(1, 2)
    await world.kept(1, 2)
    world.lose(3, 4, 5, 6, 7)
    await world.publish(8)
    await world.kept(1, 2, 3, 4, 5, 6, 7, 8)
    await until(lambda: writer.health().figures["gaps_closed"] == 1)
    assert world.records.stands["IF2501"].sequence == 2
    await world.publish(9)
    await until(lambda: world.records.stands["IF2501"].sequence == 9)
    figures = writer.health().figures
    assert (figures["missing"], figures["gaps_open"]) == (5, 0)
    # The tick that showed the gap may have been fetched as well, before it was written.
    assert figures["ticks_fetched"] in (5, 6)


async def test_a_writer_that_was_killed_knows_what_it_has_missed(world: World) -> None:
    first = await world.start(fetch_past=False)
    await world.publish(1, 2)
    await world.kept(1, 2)
    await first.stop()
    world.lose(3, 4)
    await world.start()
    await world.publish(5)
    await world.kept(1, 2, 3, 4, 5)


async def test_a_gap_that_was_open_when_it_was_killed_is_found_again(world: World) -> None:
    first = await world.start(fetch_past=False, look_s=60)
    await world.publish(1)
    await world.kept(1)
    world.lose(2)
    await world.publish(3, 4)
    await world.kept(1, 3, 4)
    await first.stop()
    await world.start()
    await world.publish(5)
    await world.kept(1, 2, 3, 4, 5)


async def test_a_publisher_that_began_anew_while_it_was_away_is_noticed(world: World) -> None:
    first = await world.start(fetch_past=False)
    await world.publish(1, 2)
    await world.kept(1, 2)
    await first.stop()
    world.lose(3, 4)
    await world.start()
    await world.bus.publish("market.tick.IF2501", payload(5), headers=number_headers("another", 1))
    world.lose(5)
    await world.kept(1, 2, 3, 4, 5)


async def test_new_records_begin_with_what_was_recorded(world: World) -> None:
    world.lose(1, 2, 3, 4)
    await world.start()
    await world.publish(5)
    await world.kept(1, 2, 3, 4, 5)


async def test_while_records_are_away_ticks_wait_and_those_beyond_the_limit_are_fetched(world: World) -> None:
    world.records.away = Unavailable("away")
    writer = await world.start(max_ticks=4, flush_rows=2, fetch_past=False)
    await world.publish(*range(1, 11))
    await until(lambda: writer.ticks == 10)
    figures = writer.health().figures
    assert (figures["rows_waiting"], figures["dropped"], writer.health().ready) == (4, 6, False)
    assert "away" in writer.health().reason
    world.records.away = None
    await world.kept(*range(1, 11))
    assert world.records.largest <= 3
    await until(lambda: writer.health().ready)


async def test_an_answer_that_is_lost_loses_and_doubles_nothing(world: World) -> None:
    writer = await world.start(fetch_past=False)
    world.records.lost = True
    await world.publish(1, 2, 3)
    await world.kept(1, 2, 3)
    await until(lambda: writer.rows + writer.known == 3)


async def test_what_no_row_can_be_made_of_is_counted(world: World) -> None:
    writer = await world.start(fetch_past=False)
    for bad in (b"{", payload(1, last_price=-1), payload(1, symbol="other"), payload(1, last_price=1e300), b"x" * 20_000):
        await world.bus.publish("market.tick.IF2501", bad)
    await world.bus.publish("market.tick.IF2501", payload(1, last_price=0))
    await world.publish(2)
    await world.kept(2)
    assert (writer.refused, writer.unpriced) == (5, 1)


async def test_a_stop_writes_what_waits(world: World) -> None:
    writer = await world.start(flush_s=30, fetch_past=False)
    await until(lambda: writer.health().ready)
    await world.publish(1, 2, 3)
    await until(lambda: writer.ticks == 3)
    await writer.stop()
    assert world.records.volumes("IF2501") == [1, 2, 3]


async def test_old_rows_are_dropped_and_ticks_that_are_older_are_not_kept(world: World) -> None:
    world.records.to_drop = {"ticks": 3, "bars_1s": 1}
    await world.records.keep([record(864_000)])
    writer = await world.start(ticks_days=0.5, bars_1s_days=2, fetch_past=False)
    await until(lambda: writer.health().figures["dropped_by_age"] == 4)
    assert {table for table, _ in world.records.dropped} == {"ticks", "bars_1s"}
    newest_ns = record(864_000).time_ns
    assert {instant_ns for table, instant_ns in world.records.dropped if table == "ticks"} == {newest_ns - 43_200_000_000_000}
    await world.publish(1, 863_999)
    await world.kept(863_999, 864_000)
    await until(lambda: writer.too_old == 1)
