"""The promises of a broker's market, through an unmodified TqSDK; see ports/market.py. The exchange behind it is ours."""

import asyncio
import os
import signal
from decimal import Decimal
from pathlib import Path

import pytest
from tests.tqsdk_world import TqsdkWorld, until

from tradepit.backends.broker.tqsdk_market import TqsdkMarket
from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.model.terms import Exchange, SessionPhase
from tradepit.trading.model.tick import Level, Tick


class Reader:
    """Reads at its own pace: only while ``reads`` is set."""

    def __init__(self, market: TqsdkMarket) -> None:
        self.ticks: list[Tick] = []
        self.reads = asyncio.Event()
        self.reads.set()
        self._task = asyncio.ensure_future(self._read(market))

    async def _read(self, market: TqsdkMarket) -> None:
        async for tick in market.ticks():
            self.ticks.append(tick)
            await self.reads.wait()

    def bids(self) -> Level | None:
        """The best bid as it was told last."""
        return self.ticks[-1].bids[0] if self.ticks and self.ticks[-1].bids else None

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def _bid(world: TqsdkWorld, number: int, price: float, lots: int = 1) -> None:
    await world.wiring.client(world.wiring.bus()).submit(
        side="BUY", symbol="IF2501", price=Decimal(str(price)), volume=lots, account="B", client_order_id=f"bid-{number}"
    )


async def test_the_market_is_told_as_it_changes_to_slow_and_quick_readers_and_after_a_new_login(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whose login names no contracts: it is watched from the first question on.
    world = TqsdkWorld(tmp_path, "kq")
    for name, value in world.environment.items():
        monkeypatch.setenv(name, value)
    await world.open()
    broker = await world.broker()
    market = TqsdkMarket(world.link, load_catalog(), world.wiring.exchange_clock())
    await market.connect()
    await _bid(world, 1, 3890.0, 3)
    quick, slow = Reader(market), Reader(market)
    try:
        assert await broker.find("IF2501") is not None
        await until(lambda: quick.bids() == Level(19_450, 3) == slow.bids())
        first = quick.ticks[-1]
        assert (first.symbol, first.exchange, first.phase) == ("IF2501", Exchange.CFFEX, SessionPhase.CONTINUOUS)
        assert (first.trading_day, first.pre_settlement) == (20250106, Decimal(3900))
        assert (first.upper_limit_ticks, first.lower_limit_ticks) == (21_450, 17_550)
        slow.reads.clear()
        for number in range(2, 12):
            await _bid(world, number, 3890.0 + 0.2 * number)
            await until(lambda number=number: quick.bids() == Level(19_450 + number, 1))  # type: ignore[misc]  # bound at once
        read = len(slow.ticks)
        slow.reads.set()
        await until(lambda: slow.bids() == quick.bids())
        # One waited in its hands, one for it: what came between is gone.
        assert len(slow.ticks) <= read + 2
        assert world.link.pid is not None
        os.kill(world.link.pid, signal.SIGKILL)
        await until(lambda: not world.link.ready)
        await _bid(world, 20, 3895.0)
        await until(lambda: quick.bids() == Level(19_475, 1))
        assert [tick.time_ns for tick in quick.ticks] == sorted(tick.time_ns for tick in quick.ticks)
    finally:
        await quick.stop()
        await slow.stop()
        await market.close()
        await world.leave()
