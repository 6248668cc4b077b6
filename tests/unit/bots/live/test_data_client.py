"""The Data API as a bot's runner sees it: ticks that fill a window, the contract now, and what is said when it does not answer."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.bot_house import BotHouse
from tests.bot_stage import instrument, tick
from tests.market_world import START_MS, MarketWorld

from tradepit.bots.live import data_client
from tradepit.bots.live.data_client import DataClient
from tradepit.bots.live.shared_past import SharedPast
from tradepit.runtime.exchange_desk import ExchangeDesk
from tradepit.trading.calendar.trading_calendar import load_calendar
from tradepit.trading.model.errors import ConfigError, Unavailable
from tradepit.trading.model.terms import SessionPhase
from tradepit.trading.model.tick import Level, Tick

IF = instrument("IF2501")


@pytest.fixture
async def world() -> AsyncIterator[MarketWorld]:
    made = MarketWorld()
    await made.open()
    for number in range(3):
        await made.minute(number)
    await made.clock.advance(1)
    yield made
    await made.close()


def client(world: MarketWorld) -> DataClient:
    return DataClient(world.api.url, load_calendar())


async def test_ticks_are_what_the_window_holds_of_them(world: MarketWorld) -> None:
    found = await asyncio.to_thread(client(world).ticks, IF, 5)
    assert [each.time_ns // 1_000_000 for each in found] == [START_MS + 10_000 * number for number in range(13, 18)]
    newest = found[-1]
    assert (newest.last_ticks, newest.volume_lots, newest.trading_day, newest.phase) == (
        22_525, 206, 20250106, SessionPhase.CONTINUOUS,
    )  # fmt: skip
    assert (newest.bids, newest.asks) == ((Level(22_524, 5),), (Level(22_526, 5),))


async def test_a_window_longer_than_an_answer_is_asked_for_in_parts(world: MarketWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_client, "MOST_ROWS", 4)
    for most, count in ((10, 10), (50, 18), (4, 4)):
        found = await asyncio.to_thread(client(world).ticks, IF, most)
        instants = [each.time_ns // 1_000_000 for each in found]
        assert instants == [START_MS + 10_000 * number for number in range(18 - count, 18)]


async def test_the_contract_now_is_the_newest_tick_in_full(world: MarketWorld) -> None:
    await world.tell(tick(22_499, 22_501, last=22_500, after_s=170, volume=300))
    await world.clock.advance(1)
    found = await asyncio.to_thread(client(world).snapshot, IF)
    assert found is not None
    assert (found.last_ticks, found.volume_lots) == (22_500, 300)


async def test_what_nobody_knows_is_nothing_and_an_outage_is_told(world: MarketWorld) -> None:
    other = instrument("IC2501")
    assert await asyncio.to_thread(client(world).ticks, other, 5) == []
    assert await asyncio.to_thread(client(world).snapshot, other) is None
    world.series.down = world.cache.down = True
    for work in (lambda: client(world).ticks(IF, 5), lambda: client(world).snapshot(IF)):
        with pytest.raises(Unavailable):
            await asyncio.to_thread(work)
    url = world.api.url
    await world.api.stop()
    with pytest.raises(Unavailable):
        await asyncio.to_thread(DataClient(url, load_calendar()).ticks, IF, 5)


@pytest.mark.parametrize("url", ["", "127.0.0.1:8080", "file:///etc/passwd", "http://user:secret@127.0.0.1"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigError):
        DataClient(url, load_calendar())


_LOOKS = """
from tradepit.bots import BotBase

class Looks(BotBase):
    def on_start(self):
        pass

    def on_tick(self, market):
        self.ctx.state.setdefault("windows", []).append([market.window("time_ns").tolist(), market.window("last").tolist()])
"""


@pytest.mark.parametrize("away", [False, True])
async def test_a_bot_s_first_tick_finds_its_window_full_or_a_warning(
    house: BotHouse, world: MarketWorld, monkeypatch: pytest.MonkeyPatch, away: bool
) -> None:
    if away:
        world.series.down = world.cache.down = True
    house.data = SharedPast(client(world), house.clock)
    house.shown = 180
    runner = await house.started(house.bot(_LOOKS, "looks"))
    await house.show(count=2)
    seat = runner.seats["looks"]
    assert seat.life is not None
    (first, lasts), (second, _) = seat.life._state["windows"]
    past = [] if away else [START_MS + 10_000 * number for number in range(18)]
    heard = [START_MS + 181_000, START_MS + 182_000]
    assert [time_ns // 1_000_000 for time_ns in first] == [*past, heard[0]]
    assert [time_ns // 1_000_000 for time_ns in second] == [*past, *heard]
    assert lasts[: len(past)] == [4500 + (10 * (number // 6) + number % 6) / 5 for number in range(len(past))]
    await runner.stop()


async def test_what_the_market_does_while_the_past_is_read_is_in_the_window(
    house: BotHouse, world: MarketWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.data = SharedPast(client(world), house.clock)
    house.shown = 180

    async def late(desk: ExchangeDesk, symbol: str) -> Tick | None:
        # The bot has the past by now; the exchange is slow to say how it stands.
        await house.show(count=2)
        house.shown += 1
        return tick(22_500, 22_501, after_s=house.shown)

    monkeypatch.setattr(ExchangeDesk, "market", late)
    runner = await house.started(house.bot(_LOOKS, "looks"))
    await house.show()
    life = runner.seats["looks"].life
    assert life is not None
    first, _ = life._state["windows"][0]
    past = [START_MS + 10_000 * number for number in range(18)]
    assert [time_ns // 1_000_000 for time_ns in first] == [*past, *(START_MS + 1_000 * number for number in range(181, 185))]
    await runner.stop()
