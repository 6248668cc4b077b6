"""SSI's stream of market data misbehaves: what can be read is told, what cannot is counted, and the market is heard again by itself."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from tests.servers.ssi_exchange import SYMBOL as WIRE
from tests.servers.ssi_server import SsiServer
from tests.ssi_world import ACCOUNTS, SYMBOL, SsiWorld
from tests.tqsdk_world import until

from tradepit.backends.broker.ssi_market import SsiMarket
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


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[SsiWorld]:
    world = SsiWorld(tmp_path)
    await world.open()
    yield world
    await world.leave()


async def test_rubbish_and_impossible_news_are_counted_and_what_follows_is_told(world: SsiWorld) -> None:
    async with listening(world) as heard:
        await heard.bids_are_told()
        feed, trade, quote = world.server.market, f"trade.{WIRE}", f"quote.{WIRE}"
        rubbish = ("{", "[]", '{"channel": "DATA", "topic": "trade.X", "data": 7}', "\x00" * 5_000)
        for frame in rubbish:
            feed.send_raw(frame)
        feed.send(trade, {"s": WIRE, "p": "dear", "v": 1})
        # Off the tick, upside down, of nobody's contract, of yesterday, of a board that is not ours.
        feed.send(trade, {"s": WIRE, "p": 1340.55, "v": 7})
        feed.send(quote, {"s": WIRE, "bids": [[1339, 1], [1340, 1]], "asks": []})
        feed.send(trade, {"s": "41I1F2000", "p": 1340, "v": 7})
        feed.send(trade, {"t": "2025/01/03 10:00:00", "s": WIRE, "p": 1400, "v": 7_000})
        feed.send("market.FLAG", {"b": "HOSE", "t": "", "f": "ATC"})
        feed.send("market.FLAG", {"b": "DER", "t": "", "f": "SIESTA"})
        await heard.bids_are_told()
        assert (heard.figures["unreadable"], heard.figures["impossible"], heard.figures["rejoined"]) == (len(rubbish) + 1, 2, 0)
        assert (heard.ticks[-1].last_ticks, heard.ticks[-1].volume_lots) == (0, 0)
        assert heard.ticks[-1].phase is SessionPhase.CONTINUOUS


async def test_a_stream_that_refuses_breaks_or_forgets_its_token_is_joined_again(world: SsiWorld) -> None:
    async with listening(world) as heard:
        await heard.bids_are_told()
        world.server.market.refuses = True
        await world.server.cut()
        await until(lambda: heard.figures["rejoined"] >= 3)
        world.server.market.refuses = False
        await heard.bids_are_told()
        world.server.expire_tokens()
        await world.server.cut()
        await heard.bids_are_told()
        assert world.server.refreshes
        world.server.market.send_raw(json.dumps({"code": 503, "msg": "going down"}))
        await until(lambda: heard.figures["rejoined"] >= 5)
        await heard.bids_are_told()


async def test_between_two_lives_there_is_no_book_and_no_session_but_the_calendars(world: SsiWorld) -> None:
    async with listening(world) as heard:
        await heard.bids_are_told()
        world.server.market.send("market.FLAG", {"b": "DER", "t": "10:00:00", "f": "ATC"})
        await heard.until_told(lambda tick: tick.phase is SessionPhase.CLOSING_AUCTION)
        broker = await world.broker()
        listed = await broker.find(SYMBOL)
        assert listed is not None
        assert listed.phase is SessionPhase.CLOSING_AUCTION
        world.server.market.refuses = True
        await world.server.cut()
        await until(lambda: heard.figures["rejoined"] > 0)
        late = Listener(world, heard.market)
        hearing = asyncio.ensure_future(late.hear())
        await late.until_told(lambda tick: tick.bids == () and tick.phase is SessionPhase.CONTINUOUS)
        hearing.cancel()
        await asyncio.gather(hearing, return_exceptions=True)


async def test_a_server_that_has_forgotten_who_asked_is_asked_again(world: SsiWorld) -> None:
    async with listening(world, silent_s=1.0) as heard:
        await heard.bids_are_told()
        socket_alive = asyncio.ensure_future(_keep_pinging(world))
        world.server.market.forget()
        asked = world.server.market.asked
        await until(lambda: heard.figures["asked_again"] > 0)
        await until(lambda: world.server.market.asked > asked)
        await heard.bids_are_told()
        assert heard.figures["rejoined"] == 0
        socket_alive.cancel()
        await asyncio.gather(socket_alive, return_exceptions=True)


async def test_a_stream_without_a_sign_of_life_is_given_up(world: SsiWorld) -> None:
    async with listening(world, silent_s=1.0) as heard:
        await heard.bids_are_told()
        world.server.market.deaf = True
        await until(lambda: heard.figures["rejoined"] > 0)
        world.server.market.deaf = False
        await heard.bids_are_told()


async def test_on_the_next_day_the_market_begins_anew(world: SsiWorld) -> None:
    async with listening(world) as heard:
        world.server.trade(ACCOUNTS["B"], Side.BUY, BID, 1)
        world.server.trade(ACCOUNTS["A"], Side.SELL, BID, 1)
        await heard.until_told(lambda tick: tick.volume_lots == 1)
        world.clock.pass_hours(24)
        await heard.until_told(lambda tick: tick.trading_day == 20250107 and tick.volume_lots == 0)
        await heard.bids_are_told()


async def _keep_pinging(world: SsiWorld) -> None:
    """The server asks for signs of life, as it does every half minute, and gets them."""
    assert isinstance(world.server, SsiServer)
    while True:
        for _, frames in list(world.server.streams):
            frames.put_nowait(PING)
        await asyncio.sleep(0.2)
