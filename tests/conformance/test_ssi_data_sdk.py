"""SSI's own clients, unmodified, hear at the servers that stand for SSI the market that the house hears there."""

from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from tests.patience import until
from tests.saying_program import SayingProgram
from tests.servers.ssi_server import SsiServer
from tests.servers.ssi_v2_server import SsiV2Server
from tests.ssi_data_program import v2_program, v3_program
from tests.ssi_world import ACCOUNTS, SYMBOL, SsiWorld

from tradepit.trading.model.terms import Side
from tradepit.trading.model.tick import Tick

_TEN_YEARS_S = 315_360_000
PRICE = 13_400


@pytest.fixture(params=["v3", "v2"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SsiWorld]:
    world = SsiWorld(tmp_path / "world", request.param)
    # The clients compare a token's end with the machine's time, and the exchange's day is long ago.
    world.server.token_life_s = _TEN_YEARS_S
    world.server.history[date(2025, 1, 3)] = [("09:00", 1339.0, 1341.0, 1338.9, 1340.5, 12)]
    if isinstance(world.server, SsiV2Server):
        # The protocol in which a client that has its WebSocket has joined: that is all that this one does.
        world.server.data_hub.protocol = "1.3"
    await world.open()
    yield world
    await world.leave()


def newest(program: SayingProgram, kind: str) -> dict[str, Any]:
    """What it said last of a kind."""
    return next((said for said in reversed(program.so_far()) if said["kind"] == kind), {})


async def test_both_hear_the_same_market(tmp_path: Path, world: SsiWorld) -> None:
    await world.broker()
    market = world.market()
    await market.connect()
    v3 = isinstance(world.server, SsiServer)
    program = (
        v3_program(tmp_path / "program", world.server)
        if isinstance(world.server, SsiServer)
        else v2_program(tmp_path / "program", world.server)
    )
    try:
        quote = "QuoteMessage" if v3 else "X-QUOTE"
        await until(lambda: bool(newest(program, quote)) or program.process.poll() is not None)
        world.server.trade(ACCOUNTS["B"], Side.BUY, PRICE, 5)
        world.server.trade(ACCOUNTS["A"], Side.SELL, PRICE, 2)
        world.server.trade(ACCOUNTS["A"], Side.SELL, PRICE + 10, 3)
        check = _check_v3 if v3 else _check_v2
        ticks = market.ticks()
        async for tick in ticks:
            if tick.volume_lots == 2 and tick.asks:
                break
        await until(lambda: check(program, tick) or program.process.poll() is not None)
        assert check(program, tick), program.trouble() or program.so_far()[-8:]
        (bar,) = await market.bars(SYMBOL, 20250103)
        told = newest(program, "bar")
        prices = (
            ("open_price", "high_price", "low_price", "close_price", "volume")
            if v3
            else ("Open", "High", "Low", "Close", "Volume")
        )
        assert [float(told[name]) for name in prices] == [
            float(bar.open),
            float(bar.high),
            float(bar.low),
            float(bar.close),
            bar.volume,
        ]
        await ticks.aclose()
    finally:
        program.kill()
        await market.close()


def _check_v3(program: SayingProgram, tick: Tick) -> bool:
    """Whether SSI's client says what the house's tick is."""
    trade, quote = newest(program, "TradeMessage"), newest(program, "QuoteMessage")
    limits, flag = newest(program, "MarketDataMessage"), newest(program, "MarketFlagMessage")
    if not (trade and quote and limits and flag and newest(program, "beat")):
        return False
    return (
        (trade["price"], trade["total_volume"], trade["high"]) == (tick.last_ticks / 10, tick.volume_lots, tick.high_ticks / 10)
        and (quote["bid_prices"], quote["bid_volumes"]) == _book(tick.bids)
        and (quote["ask_prices"], quote["ask_volumes"]) == _book(tick.asks)
        and (limits["ceiling"], limits["floor"]) == (tick.upper_limit_ticks / 10, tick.lower_limit_ticks / 10)
        and (flag["board"], flag["flag"]) == ("DER", "LO")
    )


def _check_v2(program: SayingProgram, tick: Tick) -> bool:
    """The same of the older one."""
    trade, quote, status = newest(program, "X-TRADE"), newest(program, "X-QUOTE"), newest(program, "F")
    if not (trade and quote and status and newest(program, "X")):
        return False
    bid, ask = tick.bids[0], tick.asks[0]
    return (
        (trade["LastPrice"], trade["TotalVol"], trade["TotalVal"])
        == (tick.last_ticks / 10, tick.volume_lots, float(tick.turnover))
        and (quote["BidPrice1"], quote["BidVol1"], quote["AskPrice1"], quote["AskVol1"])
        == (bid.price_ticks / 10, bid.lots, ask.price_ticks / 10, ask.lots)
        and (trade["Ceiling"], trade["Floor"]) == (tick.upper_limit_ticks / 10, tick.lower_limit_ticks / 10)
        and status["TradingSession"] == "LO"
    )


def _book(levels: tuple[Any, ...]) -> tuple[list[float], list[int]]:
    return [level.price_ticks / 10 for level in levels], [level.lots for level in levels]
