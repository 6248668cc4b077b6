"""Bars of ticks and of shorter bars."""

from decimal import Decimal
from random import Random

from tests.tick_records import TEN_NS, a_tick

from tradepit.trading.records.bars import LENGTHS_NS, bars_of_bars, bars_of_ticks, start_of
from tradepit.trading.records.tick_record import with_volumes


def test_a_bar_has_the_first_the_highest_the_lowest_and_the_last_price() -> None:
    ticks = [a_tick(at, price, volume=2) for at, price in ((0, "5"), (10, "9"), (20, "1"), (999, "4"), (1_000, "7"))]
    first, second = bars_of_ticks(ticks, "1s")
    assert (first.start_ns, first.open, first.high, first.low, first.close) == (TEN_NS, *map(Decimal, "5914"))
    assert (first.volume, first.count, second.volume, second.count) == (8, 4, 2, 1)
    assert second.start_ns - first.start_ns == LENGTHS_NS["1s"]


def test_minutes_of_seconds_are_minutes_of_ticks() -> None:
    random = Random(3)
    times = sorted(random.sample(range(400_000), 500))
    ticks = with_volumes(a_tick(at, str(random.randint(1, 50)), number) for number, at in enumerate(times))
    assert bars_of_bars(bars_of_ticks(ticks, "1s"), "1m") == bars_of_ticks(ticks, "1m")


def test_symbols_have_bars_of_their_own() -> None:
    bars = bars_of_ticks([a_tick(0), a_tick(0, symbol="A1"), a_tick(1)], "1m")
    assert [(bar.symbol, bar.count) for bar in bars] == [("A1", 1), ("IF2501", 2)]


def test_bars_begin_at_whole_seconds_and_minutes() -> None:
    assert start_of(TEN_NS + 61_500_000_000, "1s") == TEN_NS + 61_000_000_000
    assert start_of(TEN_NS + 61_500_000_000, "1m") == TEN_NS + 60_000_000_000
