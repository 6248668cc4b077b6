"""The recorder writes what was published, exactly, says what it missed, and survives its own death with little lost."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest
from tests.patience import PATIENCE_S
from tests.waiting import settle, until

from tradepit.backends.bus.memory import MemoryBus, MemoryHub
from tradepit.ports.bus import Message
from tradepit.runtime.clock import ManualClock, SystemClock
from tradepit.runtime.replayed_feed import ReplayedFeed
from tradepit.runtime.tick_parquet import tick_files
from tradepit.runtime.tick_sequence import number_headers
from tradepit.services.market_data import MarketDataService, MarketDataSettings
from tradepit.services.market_recorder import MarketRecorder, RecorderSettings
from tradepit.trading.calendar.catalog import load_catalog
from tradepit.wire import gateway as wire
from tradepit.wire.simulator import CHANNELS

REAL = Path(__file__).parents[4] / "shared" / "data" / "cffex_if2101_ticks_20210104_20210105.parquet"
SYNC = "service.market-recorder.mr-1.sync"


def payload(number: int, symbol: str = "IF2501", day: str = "20250106") -> bytes:
    return msgspec.json.encode(
        {
            "symbol": symbol, "exchange": "CFFEX", "datetime": f"2025-01-06T10:00:{number % 60:02}.500000+08:00",
            "trading_day": day, "last_price": 3900.2, "volume": number, "turnover": 1.0, "open_interest": 1, "open_price": 3900.2,
            "high_price": 3900.2, "low_price": 3900.2, "limit_up": 4290.0, "limit_down": 3510.0,
            "pre_close": 3900.0, "pre_settlement": 3900.0, "bid_price_1": 3900.0, "bid_volume_1": 1,
            "ask_price_1": 3900.4, "ask_volume_1": 1,
        }
    )  # fmt: skip


class Station:
    """A bus, and recorders on one directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.bus = MemoryBus(MemoryHub(), channels=CHANNELS)
        self.recorders: list[MarketRecorder] = []

    async def record(self, flush_rows: int = 50_000) -> MarketRecorder:
        recorder = MarketRecorder(
            self.bus, SystemClock(), RecorderSettings(directory=self.directory, flush_s=60, flush_rows=flush_rows), "mr-1"
        )
        await recorder.start()
        self.recorders.append(recorder)
        return recorder

    async def publish(self, number: int, symbol: str = "IF2501", run: str = "r") -> None:
        await self.bus.publish(f"market.tick.{symbol}", payload(number, symbol), headers=number_headers(run, number))

    async def sync(self) -> dict[str, Any]:
        await settle()
        reply: dict[str, Any] = msgspec.json.decode(await self.bus.request(SYNC, b"", timeout_s=PATIENCE_S))
        return reply

    def frame(self) -> pl.DataFrame:
        return pl.concat([pl.read_parquet(path) for path in tick_files(self.directory)])


@pytest.fixture
async def station(tmp_path: Path) -> AsyncIterator[Station]:
    made = Station(tmp_path / "ticks")
    await made.bus.connect()
    yield made
    for recorder in made.recorders:
        await recorder.stop()
    await made.bus.close()


async def test_sync_answers_once_everything_is_on_disk(station: Station) -> None:
    await station.record()
    for number in range(1, 4):
        await station.publish(number)
    reply = await station.sync()
    assert (reply["success"], reply["ticks"], reply["rows_written"], reply["rows_waiting"], reply["missing"]) == (
        True,
        3,
        3,
        0,
        0,
    )
    assert station.frame()["volume"].to_list() == [1, 2, 3]


async def test_stopping_writes_what_is_waiting(station: Station) -> None:
    recorder = await station.record()
    await station.publish(1)
    await station.publish(1, "IC2501")
    await recorder.stop()
    await recorder.stop()
    assert sorted(station.frame()["symbol"].to_list()) == ["IC2501", "IF2501"]


async def test_ticks_that_never_came_are_counted_and_repeated_ones_written_once(station: Station) -> None:
    await station.record()
    for number in (1, 2, 5, 5, 6):
        await station.publish(number)
    reply = await station.sync()
    assert (reply["missing"], reply["repeated"], reply["rows_written"]) == (2, 1, 4)


async def test_a_killed_recorder_loses_what_was_not_flushed_and_its_next_life_says_how_many(station: Station) -> None:
    killed = await station.record()
    for number in range(1, 11):
        await station.publish(number)
    await station.sync()
    for number in range(11, 15):
        await station.publish(number)
    await settle()
    # What SIGKILL leaves: nothing is flushed.
    await killed._tasks.stop()
    for subscription in killed._subscriptions:
        await subscription.stop()
    killed._stopped = True
    await station.record()
    await station.publish(15)
    reply = await station.sync()
    assert (reply["missing_while_away"], reply["missing"]) == (4, 4)
    assert station.frame()["volume"].to_list() == [*range(1, 11), 15]


async def test_bad_messages_go_to_the_refused_file(station: Station) -> None:
    recorder = await station.record()
    for content in (b"junk", b"{}", payload(1, "IC2501"), payload(1).replace(b"3900.2", b"-1")):
        await station.bus.publish("market.tick.IF2501", content)
    await station.publish(1)
    reply = await station.sync()
    assert (reply["refused"], reply["rows_written"]) == (4, 1)
    lines = (station.directory / "refused.jsonl").read_bytes().splitlines()
    assert {msgspec.json.decode(line)["code"] for line in lines} == {"INVALID_REQUEST"}
    assert recorder.health().status == "ACTIVE"


async def test_many_rows_are_flushed_before_their_time(station: Station) -> None:
    recorder = await station.record(flush_rows=10)
    for number in range(1, 26):
        await station.publish(number)
    await until(lambda: recorder.health().figures["rows_written"] == 25)


async def test_silence_is_not_healthy(tmp_path: Path) -> None:
    clock = ManualClock()
    recorder = MarketRecorder(MemoryBus(MemoryHub()), clock, RecorderSettings(directory=tmp_path, stale_s=3), "mr-1")
    clock.advance_to(4 * 10**9)
    assert recorder.health().status == "UNHEALTHY"


async def _accept(message: Message) -> bytes:
    count = message.payload.count(b'"time_ns"')
    return wire.encode(wire.TicksReply(accepted=count))


async def replay(station: Station, source: Path, is_done: Callable[[MarketDataService], Awaitable[None]]) -> MarketDataService:
    await station.bus.serve("rpc.trading-gateway.update_prices", _accept)
    feed = ReplayedFeed(source, load_catalog(), SystemClock(), speed=0)
    service = MarketDataService(station.bus, SystemClock(), feed, MarketDataSettings(), "md-1", "run")
    await service.start()
    await is_done(service)
    await service.stop()
    return service


async def finished(service: MarketDataService) -> None:
    await until(lambda: service.finished)


@pytest.mark.skipif(not REAL.exists(), reason="the recorded days of IF2101 are not on this machine")
async def test_the_copy_of_a_replayed_recording_equals_it_and_replays_identically(station: Station, tmp_path: Path) -> None:
    await station.record(flush_rows=20_000)
    service = await replay(station, REAL, finished)
    reply = await station.sync()
    source = pl.read_parquet(REAL)
    assert (reply["rows_written"], reply["missing"], reply["refused"]) == (source.height, 0, 0)
    assert service.health().figures["accepted"] == source.height
    copy = station.frame()
    assert copy.schema == source.schema
    assert copy.equals(source)
    again = ReplayedFeed(station.directory, load_catalog(), SystemClock(), speed=0)
    first = ReplayedFeed(REAL, load_catalog(), SystemClock(), speed=0)
    assert [tick async for batch in again.batches() for tick in batch] == [
        tick async for batch in first.batches() for tick in batch
    ]
