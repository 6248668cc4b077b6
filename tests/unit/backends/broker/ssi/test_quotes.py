"""Ticks put together of trades, quotes, limits and sessions."""

from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tradepit.backends.broker.ssi.news import News, ToldLimits, ToldQuote, ToldSession, ToldTrade
from tradepit.backends.broker.ssi.phases import ToldPhases
from tradepit.backends.broker.ssi.quotes import SsiQuotes
from tradepit.runtime.clock import ManualClock
from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.model.errors import BadRequest
from tradepit.trading.model.terms import Exchange, SessionPhase
from tradepit.trading.model.tick import Level, Tick

TEN = 1_736_132_400_000_000_000  # 2025-01-06 10:00 in Hanoi
DAY, WIRE, SYMBOL = 20250106, "41I1F1000", "VN30F2501"
LIMITS = ToldLimits(symbol=WIRE, ceiling=Decimal("1433.85"), floor=Decimal("1246.15"), reference=Decimal(1340))
TRADE = ToldTrade(
    symbol=WIRE,
    time="10:00:00",
    last=Decimal("1340.5"),
    volume=12,
    open=Decimal(1339),
    high=Decimal(1341),
    low=Decimal("1338.9"),
    average=Decimal("1340.25"),
)
QUOTE = ToldQuote(
    symbol=WIRE,
    time="10:00:00",
    bids=((Decimal(0), 9), (Decimal("1340.4"), 3), (Decimal(0), 0), (Decimal(1340), 5)),
    asks=((Decimal("1340.6"), 2),),
)


class World:
    """One contract on a Monday morning."""

    def __init__(self) -> None:
        self.clock, catalog = ManualClock(TEN + 5), load_catalog()
        self.instrument = catalog.instrument(SYMBOL, on=date(2025, 1, 6), listing_price=Decimal(1340))
        self.quotes = SsiQuotes(ToldPhases(catalog.calendar, self.clock, "hnx"), self.clock)
        self.begin()

    def begin(self, day: int = DAY) -> None:
        """The contract is listed for a day."""
        self.quotes.begin(day, [(self.instrument, WIRE)])
        self.quotes.take(LIMITS)

    def take(self, news: News, **changes: Any) -> Tick:
        """What has become of it: one tick."""
        (tick,) = self.quotes.take(msgspec.structs.replace(news, **changes))
        return tick


def test_a_tick_is_put_together_of_what_is_told_in_pieces() -> None:
    world = World()
    assert world.quotes.all() == []
    world.take(TRADE)
    tick = world.take(QUOTE)
    assert tick == Tick(
        symbol=SYMBOL,
        exchange=Exchange.HNX,
        time_ns=TEN + 6,
        trading_day=DAY,
        last_ticks=13_405,
        volume_lots=12,
        turnover=Decimal(12 * 134_025_000),
        open_interest=0,
        open_ticks=13_390,
        high_ticks=13_410,
        low_ticks=13_389,
        upper_limit_ticks=14_338,
        lower_limit_ticks=12_462,
        pre_close_ticks=0,
        pre_settlement=Decimal(1340),
        bids=(Level(13_404, 3), Level(13_400, 5)),
        asks=(Level(13_406, 2),),
        phase=SessionPhase.CONTINUOUS,
    )
    assert world.quotes.all() == [tick]


def test_the_average_is_told_in_points_or_in_money_and_turnover_itself_is_better() -> None:
    world = World()
    assert world.take(TRADE, average=Decimal(134_025_000)).turnover == 12 * 134_025_000
    assert world.take(TRADE, volume=13, average=Decimal(5)).turnover == 12 * 134_025_000
    assert world.take(TRADE, volume=14, turnover=Decimal(7)).turnover == 7


def test_times_rise_and_an_overtaken_trade_moves_nothing_back() -> None:
    world = World()
    first = world.take(TRADE)
    assert world.quotes.take(msgspec.structs.replace(TRADE, last=Decimal(1339), volume=11)) == []
    assert world.quotes.take(TRADE) == []
    second = world.take(TRADE, volume=13, last=Decimal(1337), time="10:00:00", low=Decimal(0))
    assert (second.last_ticks, second.low_ticks, second.time_ns) == (13_370, 13_370, first.time_ns + 1)
    world.clock.advance_to(TEN + 3_000_000_000)
    assert world.take(TRADE, volume=14, time="10:00:02").time_ns == TEN + 2_999_999_999
    assert world.take(TRADE, volume=15, time="").time_ns == TEN + 3_000_000_000


def test_a_lost_stream_takes_the_book_and_the_session_and_leaves_what_was_traded() -> None:
    world = World()
    world.take(TRADE)
    world.take(QUOTE)
    assert world.take(ToldSession(word="HALT", time="10:00:00")).phase is SessionPhase.BREAK
    world.quotes.lose()
    (tick,) = world.quotes.all()
    assert (tick.bids, tick.asks, tick.last_ticks, tick.phase) == ((), (), 13_405, SessionPhase.CONTINUOUS)
    world.begin()
    assert world.take(QUOTE).last_ticks == 13_405


def book(tick: Tick) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    return [(each.price_ticks, each.lots) for each in tick.bids], [(each.price_ticks, each.lots) for each in tick.asks]


def side(*levels: tuple[str, int]) -> tuple[tuple[Decimal, int], ...]:
    return tuple((Decimal(price), lots) for price, lots in levels)


def test_a_side_of_which_nothing_is_told_is_as_it_was_and_one_told_empty_is_empty() -> None:
    world = World()
    world.take(QUOTE)
    assert book(world.take(QUOTE, bids=None, asks=side(("1340.7", 4)))) == ([(13_404, 3), (13_400, 5)], [(13_407, 4)])
    assert book(world.take(QUOTE, bids=(), asks=None)) == ([], [(13_407, 4)])
    assert world.quotes.take(msgspec.structs.replace(QUOTE, bids=None, asks=None)) == []


def test_what_was_kept_and_would_have_traded_is_gone_while_the_market_trades() -> None:
    world = World()
    world.take(QUOTE)
    assert book(world.take(QUOTE, bids=side(("1340.6", 1)), asks=None)) == ([(13_406, 1)], [])
    world.take(QUOTE)
    assert book(world.take(QUOTE, bids=None, asks=side(("1340", 1)))) == ([], [(13_400, 1)])
    world.take(QUOTE)
    world.take(ToldSession(word="ATC", time="10:00:00"))
    assert book(world.take(QUOTE, bids=side(("1341", 1)), asks=None)) == ([(13_410, 1)], [(13_406, 2)])


def test_a_book_told_as_changes_is_merged_until_the_stream_begins_anew() -> None:
    world = World()
    world.take(QUOTE, bids=side(("1340.4", 3), ("1340.3", 7), ("1340", 5)))
    asks = [(13_406, 2)]
    tick = world.take(QUOTE, bids=side(("1340.4", 0), ("1340.2", 8)), asks=None)
    assert book(tick) == ([(13_403, 7), (13_402, 8), (13_400, 5)], asks)
    assert book(world.take(QUOTE, bids=side(("1340.3", 9)), asks=None))[0] == [(13_403, 9), (13_402, 8), (13_400, 5)]
    tick = world.take(QUOTE, bids=side(("1340.5", 1)), asks=side(("1340.5", 0), ("1340.9", 6)))
    assert book(tick) == ([(13_405, 1), (13_403, 9), (13_402, 8), (13_400, 5)], [(13_406, 2), (13_409, 6)])
    whole = side(*((str(1330 - each), 1) for each in range(10)))
    assert book(world.take(QUOTE, bids=whole, asks=None))[0] == [(13_300 - 10 * each, 1) for each in range(10)]
    world.quotes.lose()
    assert book(world.take(QUOTE, bids=side(("1340.4", 3)), asks=())) == ([(13_404, 3)], [])
    assert book(world.take(QUOTE, bids=side(("1340.2", 3)))) == ([(13_402, 3)], asks)


def test_a_new_day_begins_with_nothing_and_yesterday_is_not_heard() -> None:
    world = World()
    world.take(TRADE)
    world.clock.advance_to(TEN + 24 * 3_600_000_000_000)
    world.begin(20250107)
    assert world.quotes.all() == []
    for time in ("2025/01/06 14:45:00", "0001/01/02 00:00:00", "1999/01/04 10:00:00", "9999/12/31 23:59:59"):
        assert world.quotes.take(msgspec.structs.replace(TRADE, time=time)) == []
        assert world.quotes.take(ToldSession(word="HALT", time=time)) == []
    tick = world.take(TRADE, time="2025/01/07 10:00:00", volume=1)
    assert (tick.volume_lots, tick.trading_day) == (1, 20250107)


def test_limits_and_sessions_are_news_once_the_market_was_heard_of() -> None:
    world = World()
    assert world.quotes.take(msgspec.structs.replace(LIMITS, reference=Decimal(1341))) == []
    assert world.quotes.take(ToldSession(word="ATC", time="10:00:00")) == []
    assert world.take(TRADE).phase is SessionPhase.CLOSING_AUCTION
    assert world.take(LIMITS, ceiling=Decimal(1430)).upper_limit_ticks == 14_300
    assert world.take(LIMITS, ceiling=Decimal(0), floor=Decimal(0)).upper_limit_ticks == 14_338
    assert world.quotes.take(msgspec.structs.replace(TRADE, symbol="41I1F2000")) == []
    assert world.quotes.take(ToldSession(word="C", symbol="41I1F2000")) == []


def test_two_names_of_one_contract_both_hear_its_market() -> None:
    world = World()
    rolling = msgspec.structs.replace(world.instrument, symbol="VN30F1M")
    world.quotes.begin(DAY, [(world.instrument, WIRE), (rolling, WIRE)])
    one, two = world.quotes.take(TRADE)
    assert (one.symbol, two.symbol, one.last_ticks) == (SYMBOL, "VN30F1M", two.last_ticks)
    told = world.quotes.take(ToldSession(word="LO", symbol=WIRE, status="H", time="10:00:00"))
    assert [tick.phase for tick in told] == [SessionPhase.BREAK] * 2


@pytest.mark.parametrize(
    ("news", "changes"),
    [
        (TRADE, {"last": Decimal("1340.55")}),
        (TRADE, {"last": Decimal(10) ** 12}),
        (TRADE, {"volume": 2**60}),
        (TRADE, {"turnover": Decimal(10) ** 30}),
        (QUOTE, {"bids": ((Decimal(1340), 1), (Decimal(1341), 1))}),
        (QUOTE, {"asks": ((Decimal(1340), 1), (Decimal(1340), 1))}),
        (QUOTE, {"asks": ((Decimal(1340), 2**60),)}),
        (LIMITS, {"reference": Decimal(0)}),
        (LIMITS, {"ceiling": Decimal(1200)}),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(news: News, changes: dict[str, object]) -> None:
    world = World()
    world.take(TRADE)
    before = world.take(QUOTE)
    with pytest.raises(BadRequest):
        world.quotes.take(msgspec.structs.replace(news, **changes))
    assert world.quotes.all() == [before]
