"""A follower is complete after any join: replay, repetition, disorder, gaps, settlements, an absent exchange."""

from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from tradepit.backends.bus.memory import MemoryBus
from tradepit.runtime.clock import ManualClock
from tradepit.runtime.position_follower import PositionFollower
from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.model.terms import Offset, Side
from tradepit.trading.model.trade import Trade
from tradepit.wire.simulator import TRADES_EXECUTED

if TYPE_CHECKING:
    from tests.unit.conftest import StubExchange

Turns = Callable[[], Awaitable[None]]


class Followed:
    """Followers of one exchange that are stopped at the end of the test."""

    def __init__(self, bus: MemoryBus, turns: Turns) -> None:
        self.bus, self.turns = bus, turns
        self.clock = ManualClock(1_736_130_000_000_000_000)
        self.made: list[PositionFollower] = []

    async def join(self, on_trade: Callable[[Trade], None] | None = None) -> PositionFollower:
        follower = PositionFollower(self.bus, self.clock, load_catalog(), "test", on_trade=on_trade)
        self.made.append(follower)
        await follower.start()
        await self.turns()
        return follower


@pytest.fixture
async def followed(bus: MemoryBus, turns: Turns) -> AsyncIterator[Followed]:
    made = Followed(bus, turns)
    yield made
    for follower in made.made:
        await follower.stop()


async def test_early_and_late_followers_are_equal(followed: Followed, exchange: "StubExchange", turns: Turns) -> None:
    told: list[Trade] = []
    early = await followed.join(told.append)
    await exchange.trade(Side.BUY, 5)
    await exchange.trade(Side.SELL, 2, offset=Offset.CLOSE, skip=4)
    await exchange.trade(Side.SELL, 1, account="B")
    late = await followed.join()
    await turns()
    assert early.book.digest() == late.book.digest()
    assert [held.lots for held in late.book.positions()] == [3, 1]
    assert late.ready
    assert (late.book.sequence, late.book.trades, len(told)) == (7 - 1, 3, 3)


async def test_a_follower_of_a_silent_exchange_gets_ready(followed: Followed, exchange: "StubExchange") -> None:
    follower = await followed.join()
    assert follower.ready
    assert follower.book.positions() == []


async def test_repeated_and_late_trades_count_once(followed: Followed, exchange: "StubExchange", turns: Turns) -> None:
    follower = await followed.join()
    await exchange.trade(Side.BUY, 1)
    await exchange.trade(Side.BUY, 2, tell=False)
    await exchange.trade(Side.BUY, 4)
    await exchange.tell(exchange.reports[1])
    await exchange.tell(exchange.reports[0])
    await turns()
    assert follower.book.net_lots("A1", "IF2501") == 7
    assert (follower.repeated, follower.rebuilds) == (1, 0)


async def test_a_stream_that_lost_its_beginning_is_completed_from_the_reports(
    followed: Followed, exchange: "StubExchange", turns: Turns
) -> None:
    for _ in range(5):
        await exchange.trade(Side.BUY, 1, tell=False)
    await exchange.trade(Side.SELL, 2, offset=Offset.CLOSE)
    follower = await followed.join()
    await turns()
    assert follower.book.net_lots("A1", "IF2501") == 3
    assert follower.book.trades == 6


async def test_a_stream_that_lost_everything_is_completed_too(followed: Followed, exchange: "StubExchange", turns: Turns) -> None:
    for _ in range(5):
        await exchange.trade(Side.BUY, 1, tell=False)
    follower = await followed.join()
    await turns()
    assert follower.book.net_lots("A1", "IF2501") == 5
    assert follower.ready


async def test_a_close_of_lots_never_seen_makes_the_book_anew(followed: Followed, exchange: "StubExchange", turns: Turns) -> None:
    follower = await followed.join()
    await exchange.trade(Side.BUY, 1)
    await exchange.trade(Side.BUY, 4, tell=False)
    await exchange.trade(Side.SELL, 3, offset=Offset.CLOSE)
    await turns()
    assert follower.rebuilds == 1
    assert follower.book.net_lots("A1", "IF2501") == 2


async def test_a_settlement_told_live(followed: Followed, exchange: "StubExchange", turns: Turns) -> None:
    follower = await followed.join()
    await exchange.trade(Side.BUY, 2)
    await exchange.settle(20250107, "3905.4")
    await turns()
    assert follower.book.trading_day == 20250107
    (held,) = follower.book.positions()
    assert (held.today_lots, held.yesterday_lots) == (0, 2)


@pytest.mark.parametrize("traded_after", [True, False])
async def test_a_settlement_slept_over(followed: Followed, exchange: "StubExchange", turns: Turns, traded_after: bool) -> None:
    await exchange.trade(Side.BUY, 2)
    await exchange.settle(20250107, "3905.4", tell=False)
    if traded_after:
        await exchange.trade(Side.BUY, 1)
    follower = await followed.join()
    await turns()
    (held,) = follower.book.positions()
    assert (held.today_lots, held.yesterday_lots) == (int(traded_after), 2)
    # History lots are valued against the settlement the follower never saw.
    follower.book.mark("IF2501", 19_527)
    assert follower.book.account("A1").position_profit == (300 * Decimal("5.4") if traded_after else 0)


async def test_a_trade_of_a_day_already_settled_here_makes_the_book_anew(
    followed: Followed, exchange: "StubExchange", turns: Turns
) -> None:
    follower = await followed.join()
    await exchange.trade(Side.BUY, 2)
    await exchange.trade(Side.BUY, 3, tell=False)
    await exchange.settle(20250107, "3905.4")
    await turns()
    await exchange.tell(exchange.reports[1])
    await turns()
    assert follower.rebuilds == 1
    (held,) = follower.book.positions()
    assert (held.today_lots, held.yesterday_lots) == (0, 5)


async def test_an_exchange_that_is_away_is_waited_for(followed: Followed, exchange: "StubExchange", turns: Turns) -> None:
    exchange.down = True
    await exchange.trade(Side.BUY, 2)
    follower = await followed.join()
    assert not follower.ready
    exchange.down = False
    await turns()
    assert follower.ready
    assert follower.book.net_lots("A1", "IF2501") == 2
    assert follower.money_known("A1")
    assert follower.book.account("A1").pre_balance == 1_000_000


async def test_what_is_no_trade_is_counted_and_passed_over(
    followed: Followed, exchange: "StubExchange", bus: MemoryBus, turns: Turns
) -> None:
    follower = await followed.join()
    await bus.publish(TRADES_EXECUTED.subject, b"junk")
    await exchange.trade(Side.BUY, 1)
    await turns()
    assert follower.refused == 1
    assert follower.book.trades == 1
    assert follower.figures()["refused"] == 1
