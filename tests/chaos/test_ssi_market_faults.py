"""SSI's stream of market data misbehaves: what can be read is told, what cannot is counted, and the market is heard again by itself."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from datetime import date
from pathlib import Path

import pytest
from tests.patience import until
from tests.servers.ssi_exchange import SYMBOL as WIRE
from tests.servers.ssi_server import SsiServer
from tests.servers.ssi_v2_server import SsiV2Server
from tests.ssi_world import ACCOUNTS, SYMBOL, SsiWorld

from tradepit.backends.broker.ssi.broker import SsiBroker
from tradepit.backends.broker.ssi.market import SsiMarket
from tradepit.trading.model.report import DayReport, Report
from tradepit.trading.model.terms import SessionPhase, Side
from tradepit.trading.model.tick import Tick

BID = 13_300
PING = json.dumps({"method": "PING", "channel": "HEARTBEAT"})


class Listener:
    """A world with a market that is heard."""

    def __init__(self, world: SsiWorld, market: SsiMarket) -> None:
        self.world, self.market, self.ticks = world, market, list[Tick]()
        self._bids = BID

    @property
    def figures(self) -> dict[str, int]:
        """What the market says of itself."""
        return dict(self.market.figures)

    async def hear(self) -> None:
        """Hear for ever."""
        async for tick in self.market.ticks():
            self.ticks.append(tick)

    async def bids_are_told(self) -> None:
        """A new best bid reaches whoever listens."""
        self._bids += 1
        self.world.server.trade(ACCOUNTS["B"], Side.BUY, self._bids, 1)
        await self.until_told(lambda tick: bool(tick.bids) and tick.bids[0].price_ticks == self._bids)

    async def until_told(self, what: Callable[[Tick], bool]) -> None:
        """The newest tick is so."""
        await until(lambda: bool(self.ticks) and what(self.ticks[-1]))


@contextlib.asynccontextmanager
async def listening(world: SsiWorld, *, silent_s: float = 60.0) -> AsyncIterator[Listener]:
    """A market that is connected and heard while the block runs."""
    await world.broker()
    market = world.market(silent_s=silent_s)
    await market.connect()
    listener = Listener(world, market)
    hearing = asyncio.ensure_future(listener.hear())
    yield listener
    hearing.cancel()
    await asyncio.gather(hearing, return_exceptions=True)
    await market.close()


class Voice:
    """What SSI says beside the market's own moves, in V3's words."""

    def __init__(self, world: SsiWorld) -> None:
        self._feed = world.server.market

    async def talk_rubbish(self) -> int:
        """How many pieces nobody can read were said."""
        rubbish = ("{", "[]", '{"channel": "DATA", "topic": "trade.X", "data": 7}', "\x00" * 5_000)
        for frame in rubbish:
            self._feed.send_raw(frame)
        self._feed.send(f"trade.{WIRE}", {"s": WIRE, "p": "dear", "v": 1})
        return len(rubbish) + 1

    def talk_nonsense(self) -> int:
        """How many pieces were said that cannot be so: off the tick, upside down."""
        self._feed.send(f"trade.{WIRE}", {"s": WIRE, "p": 1340.55, "v": 7})
        self._feed.send(f"quote.{WIRE}", {"s": WIRE, "bids": [[1339, 1], [1340, 1]], "asks": []})
        return 2

    def talk_of_others(self) -> None:
        """Of nobody's contract, of the day before, of a board that is not ours, in a word that is not known."""
        self._feed.send(f"trade.{WIRE}", {"s": "41I1F2000", "p": 1340, "v": 7})
        self._feed.send(f"trade.{WIRE}", {"t": "2025/01/03 10:00:00", "s": WIRE, "p": 1400, "v": 7_000})
        self._feed.send("market.FLAG", {"b": "HOSE", "t": "", "f": "ATC"})
        self._feed.tell_session("SIESTA")


class V2Voice(Voice):
    """The same in V2's words."""

    def __init__(self, world: SsiWorld) -> None:
        assert isinstance(world.server, SsiV2Server)
        super().__init__(world)
        self._hub = world.server.data_hub

    async def talk_rubbish(self) -> int:
        await self._hub.say("nonsense")
        await self._hub.call("Error", "nothing in particular")
        for text in ("{", "[]", json.dumps({"DataType": "X-TRADE", "Content": "{"}), json.dumps({"DataType": 7})):
            self._feed.send_raw(text)
        self._feed.send("X-TRADE", {"Symbol": WIRE, "LastPrice": "dear"})
        return 6

    def talk_nonsense(self) -> int:
        self._feed.send("X-TRADE", {"Symbol": WIRE, "LastPrice": 1340.55, "TotalVol": 7.0})
        self._feed.send("X-QUOTE", {"Symbol": WIRE, "BidPrice1": 1339.0, "BidVol1": 1.0, "BidPrice2": 1340.0, "BidVol2": 1.0})
        return 2

    def talk_of_others(self) -> None:
        yesterday = {"TradingDate": "03/01/2025", "Time": "10:00:00", "Symbol": WIRE}
        self._feed.send("X-TRADE", {"Symbol": "41I1F2000", "LastPrice": 1340.0, "TotalVol": 7.0})
        self._feed.send("X-TRADE", yesterday | {"LastPrice": 1400.0, "TotalVol": 7_000.0})
        self._feed.send("F", yesterday | {"TradingSession": "C"})
        self._feed.send_raw(json.dumps({"DataType": "MI", "Content": json.dumps({"IndexId": "VN30", "IndexValue": 1.0})}))
        self._feed.tell_session("SIESTA")


def voice_of(world: SsiWorld) -> Voice:
    """How a world's server talks."""
    return Voice(world) if world.api == "v3" else V2Voice(world)


@pytest.fixture(params=["v3", "v2"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SsiWorld]:
    world = SsiWorld(tmp_path, request.param)
    await world.open()
    yield world
    await world.leave()


async def test_rubbish_and_nonsense_are_counted_and_what_follows_is_told(world: SsiWorld) -> None:
    async with listening(world) as heard:
        await heard.bids_are_told()
        voice = voice_of(world)
        unreadable, impossible = await voice.talk_rubbish(), voice.talk_nonsense()
        voice.talk_of_others()
        await heard.bids_are_told()
        assert (heard.figures["unreadable"], heard.figures["impossible"], heard.figures["breaks"]) == (unreadable, impossible, 0)
        assert (heard.ticks[-1].last_ticks, heard.ticks[-1].volume_lots) == (0, 0)
        assert heard.ticks[-1].phase is SessionPhase.CONTINUOUS


async def test_a_stream_that_refuses_breaks_or_forgets_its_token_is_joined_again(world: SsiWorld) -> None:
    async with listening(world) as heard:
        await heard.bids_are_told()
        world.server.market.refuses = True
        await world.server.cut()
        await until(lambda: heard.figures["breaks"] >= 3)
        world.server.market.refuses = False
        await heard.bids_are_told()
        for in_words in (False, True):
            if isinstance(world.server, SsiV2Server):
                world.server.data_hub.refuses_in_words = in_words
            logins = len(world.server.handed_out)
            world.server.expire_tokens()
            await world.server.cut()
            await heard.bids_are_told()
            assert len(world.server.handed_out) > logins


async def test_between_two_lives_there_is_no_book_and_no_session_but_the_calendars(world: SsiWorld) -> None:
    async with listening(world) as heard:
        await heard.bids_are_told()
        world.server.market.tell_session("ATC")
        await heard.until_told(lambda tick: tick.phase is SessionPhase.CLOSING_AUCTION)
        broker = await world.broker()
        listed = await broker.find(SYMBOL)
        assert listed is not None
        assert listed.phase is SessionPhase.CLOSING_AUCTION
        world.server.market.refuses = True
        await world.server.cut()
        await until(lambda: heard.figures["breaks"] > 0)
        late = Listener(world, heard.market)
        hearing = asyncio.ensure_future(late.hear())
        await late.until_told(lambda tick: tick.bids == () and tick.phase is SessionPhase.CONTINUOUS)
        hearing.cancel()
        await asyncio.gather(hearing, return_exceptions=True)


async def test_a_server_that_has_forgotten_who_asked_is_asked_again(world: SsiWorld) -> None:
    async with listening(world, silent_s=3.0) as heard:
        await heard.bids_are_told()
        pinging = asyncio.ensure_future(_keep_pinging(world))
        world.server.market.forget()
        asked = world.server.market.asked
        await until(lambda: heard.figures["asked_again"] > 0)
        await until(lambda: world.server.market.asked > asked)
        await heard.bids_are_told()
        assert heard.figures["breaks"] == 0
        pinging.cancel()
        await asyncio.gather(pinging, return_exceptions=True)


async def test_a_stream_without_a_sign_of_life_is_given_up(world: SsiWorld) -> None:
    if isinstance(world.server, SsiV2Server):
        world.server.data_hub.promises_s = 1.0
    async with listening(world, silent_s=1.0) as heard:
        await heard.bids_are_told()
        world.server.market.deaf = True
        if isinstance(world.server, SsiV2Server):
            world.server.data_hub.silent = True
        await until(lambda: heard.figures["breaks"] > 0)
        world.server.market.deaf = False
        if isinstance(world.server, SsiV2Server):
            world.server.data_hub.silent = False
        await heard.bids_are_told()


async def test_on_the_next_day_the_market_begins_anew(world: SsiWorld) -> None:
    async with listening(world) as heard:
        world.server.trade(ACCOUNTS["B"], Side.BUY, BID, 1)
        world.server.trade(ACCOUNTS["A"], Side.SELL, BID, 1)
        await heard.until_told(lambda tick: tick.volume_lots == 1)
        world.clock.pass_hours(24)
        await heard.until_told(lambda tick: tick.trading_day == 20250107 and tick.volume_lots == 0)
        await heard.bids_are_told()


async def test_a_contract_that_is_listed_late_is_asked_for_until_it_is(world: SsiWorld) -> None:
    world.server.bare_days.add(date(2025, 1, 7))
    async with listening(world) as heard:
        await heard.bids_are_told()
        assert not world.link.listed.awaits
        world.clock.pass_hours(24)
        await until(lambda: world.link.listed.awaits == {SYMBOL})
        world.server.bare_days.clear()
        await until(lambda: not world.link.listed.awaits)
        assert world.link.listed.market[SYMBOL].ceiling > 0
        await heard.bids_are_told()


async def test_a_day_is_settled_at_the_prices_of_the_next_when_they_are_there(tmp_path: Path) -> None:
    world = SsiWorld(tmp_path)
    await world.open()
    broker = await world.broker()
    world.server.trade(ACCOUNTS["B"], Side.BUY, BID, 1)
    world.server.trade(ACCOUNTS["A"], Side.SELL, BID, 1)
    await until(lambda: world.link.book.last_report > 0)
    world.server.bare_days.add(date(2025, 1, 7))
    # In the evening the next day begins, and SSI does not list it before its morning.
    world.clock.pass_hours(9)
    await until(lambda: bool(world.link.listed.unlisted))
    assert (world.link.trading_day, world.link.book.trading_day) == (20250107, 20250106)
    world.server.bare_days.clear()
    await until(lambda: world.link.book.trading_day == 20250107)
    reports = [report async for report in _until_the_last(broker, world.link.book.last_report)]
    (day,) = [report for report in reports if isinstance(report, DayReport)]
    assert day.settlement_prices == {SYMBOL: format(world.server.venue.reference(WIRE).normalize(), "f")}
    assert day.settlement_prices != {SYMBOL: "1340"}
    await world.leave()


async def _until_the_last(broker: SsiBroker, last: int) -> AsyncIterator[Report]:
    async for report in broker.reports(0):
        yield report
        if report.sequence >= last:
            return


@pytest.mark.parametrize(("code", "renews"), [(401, True), (503, False)])
async def test_a_connection_that_v3_refuses_afterwards_is_made_again(tmp_path: Path, code: int, renews: bool) -> None:
    world = SsiWorld(tmp_path)
    await world.open()
    async with listening(world) as heard:
        await heard.bids_are_told()
        refreshes = world.server.refreshes
        world.server.market.send_raw(json.dumps({"code": code, "msg": "no more"}))
        await until(lambda: heard.figures["breaks"] == 1)
        await heard.bids_are_told()
        assert (world.server.refreshes > refreshes) is renews
    await world.leave()


async def test_books_of_v3_that_are_told_as_changes_are_whole(tmp_path: Path) -> None:
    world = SsiWorld(tmp_path)
    await world.open()
    assert isinstance(world.server, SsiServer)
    world.server.market.tells_changes = True
    async with listening(world) as heard:
        for _ in range(3):
            await heard.bids_are_told()
        for ticks in (13_410, 13_409):
            world.server.trade(ACCOUNTS["A"], Side.SELL, ticks, 2)
        # The best ask goes: from here on it is known how books are told, and they are asked for once more.
        world.server.trade(ACCOUNTS["B"], Side.BUY, 13_409, 2)
        await until(lambda: heard.figures["asked_again"] == 1)
        for ticks in (13_411, 13_412):
            world.server.trade(ACCOUNTS["A"], Side.SELL, ticks, 1)
        truth = world.server.venue.tick(WIRE)
        await heard.until_told(lambda tick: (tick.bids, tick.asks) == (truth.bids, truth.asks))
        assert (len(truth.bids), len(truth.asks), heard.figures["breaks"]) == (3, 3, 0)
    await world.leave()


async def _keep_pinging(world: SsiWorld) -> None:
    """V3's server asks for signs of life, as it does every half minute, and gets them; V2's hub sends its own."""
    while isinstance(world.server, SsiServer):
        for _, frames in list(world.server.streams):
            frames.put_nowait(PING)
        await asyncio.sleep(0.2)
