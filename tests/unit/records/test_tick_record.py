"""Ticks of one instant, and the volumes between ticks."""

from tests.tick_records import a_tick

from tradepit.trading.records.tick_record import one_of_each, with_volumes


def test_of_one_instant_the_tick_by_which_most_has_traded_stays() -> None:
    first, second, equal = a_tick(traded=5), a_tick(traded=7), a_tick(price="1", traded=7)
    assert list(one_of_each([second, first, equal]).values()) == [second]
    assert list(one_of_each([a_tick(2), a_tick(1), a_tick(1, symbol="A1")])) == sorted(
        tick.key for tick in (a_tick(2), a_tick(1), a_tick(1, symbol="A1"))
    )


def test_volumes_are_what_traded_between_ticks() -> None:
    told = [a_tick(0, traded=10), a_tick(1, traded=10), a_tick(2, traded=25)]
    assert [tick.volume for tick in with_volumes(told)] == [10, 0, 15]
    assert [tick.volume for tick in with_volumes(told, a_tick(-1, traded=4))] == [6, 0, 15]


def test_a_new_day_begins_at_nothing() -> None:
    told = [a_tick(0, traded=30, trading_day=20250107), a_tick(1, traded=31, trading_day=20250107)]
    assert [tick.volume for tick in with_volumes(told, a_tick(-1, traded=500))] == [30, 1]


def test_a_volume_that_falls_is_no_trade_and_one_that_is_not_told_stands() -> None:
    told = [a_tick(0, traded=10), a_tick(1, traded=8), a_tick(2, traded=None, volume=3), a_tick(3, traded=12)]
    assert [tick.volume for tick in with_volumes(told)] == [10, 0, 3, 2]
