from decimal import Decimal

from tradepit.trading.matching.venue_statistics import MarketStatistics
from tradepit.trading.model.terms import Exchange
from tradepit.trading.model.tick import Tick


def outside(last: int, volume: int, turnover: int, high: int = 0, low: int = 0, interest: int = 0) -> Tick:
    return Tick(
        symbol="IF2501",
        exchange=Exchange.CFFEX,
        time_ns=1,
        trading_day=20250106,
        last_ticks=last,
        volume_lots=volume,
        turnover=Decimal(turnover),
        open_interest=interest,
        open_ticks=last,
        high_ticks=high,
        low_ticks=low,
        upper_limit_ticks=0,
        lower_limit_ticks=0,
        pre_close_ticks=0,
        pre_settlement=Decimal(0),
    )


def test_own_trades_make_open_high_low_and_last() -> None:
    seen = MarketStatistics()
    for price in (100, 90, 120, 110):
        seen.trade(price, 2)
    assert (seen.open_ticks, seen.high_ticks, seen.low_ticks, seen.last_ticks) == (100, 120, 90, 110)
    assert (seen.own_lots, seen.own_value, seen.volume_lots()) == (8, 840, 8)


def test_outside_figures_are_added_and_tell_what_was_traded_since() -> None:
    seen = MarketStatistics()
    seen.trade(100, 3)
    assert seen.show(outside(105, 50, 5000, high=106, low=95, interest=900)) == (50, Decimal(5000), True)
    assert seen.show(outside(107, 60, 6070, high=107, low=95, interest=910)) == (10, Decimal(1070), True)
    again = outside(107, 60, 6070, high=107, low=95, interest=910)
    assert seen.show(again) == (0, Decimal(0), False), "a snapshot would show nothing new"
    assert seen.show(outside(107, 60, 6070, high=107, low=94, interest=910))[2]
    assert (seen.open_ticks, seen.high_ticks, seen.low_ticks, seen.last_ticks) == (100, 107, 94, 107)
    assert (seen.volume_lots(), seen.open_interest()) == (63, 910)


def test_an_outside_tick_without_new_trades_does_not_overrule_the_venues_last_price() -> None:
    seen = MarketStatistics()
    seen.show(outside(105, 50, 5000))
    seen.trade(103, 1)
    seen.show(outside(105, 50, 5000))
    assert seen.last_ticks == 103


def test_the_next_day_keeps_positions_and_the_close() -> None:
    seen = MarketStatistics(own_gross_lots=8, outside_interest=5)
    seen.trade(100, 4)
    following = seen.next_day()
    assert following == MarketStatistics(pre_close_ticks=100, own_gross_lots=8, outside_interest=5)
    assert following.open_interest() == 9
    assert following.next_day().pre_close_ticks == 100
