"""The promises of a broker's market, through an unmodified TqSDK and through SSI; see ports/market.py. The exchange behind each is ours."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Protocol

import msgspec
import pytest
from tests.patience import until
from tests.ssi_world import ACCOUNTS, SYMBOL, TEN, Api, SsiWorld
from tests.tqsdk_world import TqsdkWorld

from tradepit.backends.broker.tqsdk.market import TqsdkMarket
from tradepit.ports.broker import Broker
from tradepit.ports.market import BrokerMarket
from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.model.errors import InstrumentNotFound, VenueRefused
from tradepit.trading.model.terms import Exchange, SessionPhase, Side
from tradepit.trading.model.tick import Level, Tick
from tradepit.trading.records.bars import Bar

_DAY_NS = 86_400_000_000_000


class MarketWorld(Protocol):
    """An exchange with one contract, a broker in front of it, and the way between them that can break.

    ``bid_ticks`` is the price at which bidding begins; the others are how the contract is listed.
    """

    symbol: str
    exchange: Exchange
    limits: tuple[int, int]
    pre_settlement: Decimal
    bid_ticks: int

    async def open(self) -> tuple[Broker, BrokerMarket]:
        """A broker and its market, connected."""

    async def bid(self, number: int, ticks: int, lots: int = 1) -> None:
        """Somebody bids."""

    async def cut(self) -> None:
        """The way to the exchange breaks; it mends by itself."""

    async def leave(self) -> None:
        """All ends."""

    def has_past(self) -> bool:
        """Whether the broker tells bars of days that are over; it gets some now."""


class TqsdkMarketWorld:
    """Through TqSDK; its login names no contracts: they are watched from the first question on."""

    symbol, exchange, limits, pre_settlement, bid_ticks = "IF2501", Exchange.CFFEX, (17_550, 21_450), Decimal(3900), 19_450

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._world = TqsdkWorld(folder, "kq")
        for name, value in self._world.environment.items():
            monkeypatch.setenv(name, value)

    async def open(self) -> tuple[Broker, BrokerMarket]:
        await self._world.open()
        broker = await self._world.broker()
        market = TqsdkMarket(self._world.link, load_catalog(), self._world.wiring.exchange_clock())
        await market.connect()
        return broker, market

    async def bid(self, number: int, ticks: int, lots: int = 1) -> None:
        client, price = self._world.wiring.client(self._world.wiring.bus()), ticks * Decimal("0.2")
        await client.submit(
            side="BUY", symbol=self.symbol, price=price, volume=lots, account="B", client_order_id=f"bid-{number}"
        )

    async def cut(self) -> None:
        assert self._world.link.pid is not None
        os.kill(self._world.link.pid, signal.SIGKILL)
        await until(lambda: not self._world.link.ready)

    async def leave(self) -> None:
        await self._world.leave()

    def has_past(self) -> bool:
        return False


class SsiMarketWorld:
    """Through SSI and its stream."""

    symbol, exchange, limits, pre_settlement, bid_ticks = SYMBOL, Exchange.HNX, (12_462, 14_338), Decimal(1340), 13_300

    api: Api = "v3"

    def __init__(self, folder: Path, _: pytest.MonkeyPatch) -> None:
        self._world = SsiWorld(folder, self.api)

    async def open(self) -> tuple[Broker, BrokerMarket]:
        await self._world.open()
        broker, market = await self._world.broker(), self._world.market()
        await market.connect()
        return broker, market

    async def bid(self, number: int, ticks: int, lots: int = 1) -> None:
        del number
        self._world.server.trade(ACCOUNTS["B"], Side.BUY, ticks, lots)

    async def cut(self) -> None:
        await self._world.server.cut()

    async def leave(self) -> None:
        await self._world.leave()

    def has_past(self) -> bool:
        rows = [("09:00", 1339.0, 1341.0, 1338.9, 1340.5, 12), ("14:45", 1340.0, 1340.0, 1340.0, 1340.0, 30)]
        # The first cannot be so, the last is of a minute that runs.
        self._world.server.history = {
            date(2025, 1, 3): [("08:59", 1.0, 1.0, 2.0, 1.0, 1), *rows],
            date(2025, 1, 6): [rows[0], ("10:00", 1340.0, 1340.0, 1340.0, 1340.0, 1)],
        }
        return True


class SsiV2MarketWorld(SsiMarketWorld):
    """Through SSI V2 and its hub."""

    api = "v2"


class Reader:
    """Reads at its own pace: only while ``reads`` is set."""

    def __init__(self, market: BrokerMarket) -> None:
        self.ticks: list[Tick] = []
        self.reads = asyncio.Event()
        self.reads.set()
        self._task = asyncio.ensure_future(self._read(market))

    async def _read(self, market: BrokerMarket) -> None:
        async for tick in market.ticks():
            self.ticks.append(tick)
            await self.reads.wait()

    def bids(self) -> Level | None:
        """The best bid as it was told last."""
        return self.ticks[-1].bids[0] if self.ticks and self.ticks[-1].bids else None

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


@pytest.fixture(params=[TqsdkMarketWorld, SsiMarketWorld, SsiV2MarketWorld], ids=["tqsdk", "ssi-v3", "ssi-v2"])
async def world(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[MarketWorld]:
    world: MarketWorld = request.param(tmp_path, monkeypatch)
    yield world
    await world.leave()


async def test_the_market_is_told_as_it_changes_to_slow_and_quick_readers_and_after_a_break(world: MarketWorld) -> None:
    broker, market = await world.open()
    await world.bid(1, world.bid_ticks, 3)
    quick, slow = Reader(market), Reader(market)
    try:
        assert await broker.find(world.symbol) is not None
        await until(lambda: quick.bids() == Level(world.bid_ticks, 3) == slow.bids())
        first = quick.ticks[-1]
        assert (first.symbol, first.exchange, first.phase) == (world.symbol, world.exchange, SessionPhase.CONTINUOUS)
        assert (first.trading_day, first.pre_settlement) == (20250106, world.pre_settlement)
        assert (first.lower_limit_ticks, first.upper_limit_ticks) == world.limits
        slow.reads.clear()
        for number in range(2, 12):
            await world.bid(number, world.bid_ticks + number)
            await until(lambda number=number: quick.bids() == Level(world.bid_ticks + number, 1))  # type: ignore[misc]  # bound at once
        read = len(slow.ticks)
        slow.reads.set()
        await until(lambda: slow.bids() == quick.bids())
        # One waited in its hands, one for it: what came between is gone.
        assert len(slow.ticks) <= read + 2
        late = Reader(market)
        # Who comes later is told first how it stands.
        await until(lambda: late.bids() == quick.bids())
        await late.stop()
        await world.cut()
        await world.bid(20, world.bid_ticks + 25)
        await until(lambda: quick.bids() == Level(world.bid_ticks + 25, 1))
        assert [tick.time_ns for tick in quick.ticks] == sorted(tick.time_ns for tick in quick.ticks)
        assert all(count >= 0 for count in market.figures.values())
    finally:
        await quick.stop()
        await slow.stop()
        await market.close()


async def test_bars_of_the_past_are_those_of_minutes_that_are_over(world: MarketWorld) -> None:
    broker, market = await world.open()
    assert await broker.find(world.symbol) is not None
    try:
        if not world.has_past():
            with pytest.raises(VenueRefused):
                await market.bars(world.symbol, 20250103)
            return
        day = [_a_bar("1339.0 1341.0 1338.9 1340.5", 12), _a_bar("1340.0 1340.0 1340.0 1340.0", 30, minutes=345)]
        assert await market.bars(world.symbol, 20250103) == day
        today = [msgspec.structs.replace(day[0], start_ns=day[0].start_ns + 3 * _DAY_NS)]
        assert await market.bars(world.symbol, 20250106) == today
        assert await market.bars(world.symbol, 20241231) == []
        for other in ("IF2501", "nothing"):
            with pytest.raises(InstrumentNotFound):
                await market.bars(other, 20250103)
    finally:
        await market.close()


def _a_bar(prices: str, lots: int, *, minutes: int = 0) -> Bar:
    """A bar of 3 January 2025, so many minutes after nine in Hanoi."""
    first, high, low, last = (Decimal(price) for price in prices.split())
    start_ns = TEN - 3 * _DAY_NS + (minutes - 60) * 60_000_000_000
    return Bar(symbol=SYMBOL, start_ns=start_ns, open=first, high=high, low=low, close=last, volume=lots, count=0)
