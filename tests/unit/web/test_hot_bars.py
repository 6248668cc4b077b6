"""Bars of the hot window: what traded in them over breaks, nights and gaps, as far as somebody knows."""

from tradepit.backends.cache.memory_series import MemorySeries, MemorySeriesStore
from tradepit.ports.series import Sample
from tradepit.web.data_question import Part
from tradepit.web.hot_bars import HotBars
from tradepit.wire.market_series import hot_series

MINUTE, DAY = 60_000, 86_400_000
SERIES = hot_series("IF2501", window_ms=DAY * 3, bars_ms=DAY * 3)


async def bars_of(
    *ticks: tuple[int, float, int], since_ms: int = -1, part: Part | None = None
) -> list[tuple[int, float, int | None]]:
    """Bars of a minute of ticks (ms, price, day's lots): beginning, close, lots. A day begins anew at each multiple of a day."""
    series = MemorySeries(MemorySeriesStore())
    await series.connect()
    await series.add({SERIES["price"]: [Sample(at, price) for at, price, _ in ticks if price]})
    await series.add({SERIES["volume"]: [Sample(at, float(lots)) for at, _, lots in ticks]})
    told = await HotBars(series).bars(
        "IF2501", "1m", part or Part(newest=100), since_ms, lambda one, other: one // DAY == other // DAY
    )
    return [(bar.time_ms, bar.close, bar.volume) for bar in told]


async def test_what_traded_is_the_difference_and_the_first_is_not_known() -> None:
    assert await bars_of((0, 5.0, 10), (30_000, 6.0, 12), (MINUTE, 7.0, 15), (3 * MINUTE, 8.0, 15)) == [
        (0, 6.0, None), (MINUTE, 7.0, 3), (3 * MINUTE, 8.0, 0),
    ]  # fmt: skip


async def test_a_new_day_counts_from_nothing_even_where_it_has_more_already() -> None:
    assert await bars_of((0, 5.0, 10), (DAY, 6.0, 4), (2 * DAY, 7.0, 9)) == [(0, 5.0, None), (DAY, 6.0, 4), (2 * DAY, 7.0, 9)]
    # A fall says it without a calendar, too.
    assert await bars_of((0, 5.0, 10), (MINUTE, 6.0, 4)) == [(0, 5.0, None), (MINUTE, 6.0, 4)]


async def test_of_the_bar_in_which_ticks_were_missed_nobody_knows_the_lots() -> None:
    ticks = ((0, 5.0, 10), (10 * MINUTE + 9_000, 6.0, 900), (11 * MINUTE, 7.0, 905))
    assert await bars_of(*ticks, since_ms=10 * MINUTE + 9_000) == [
        (0, 5.0, None),
        (10 * MINUTE, 6.0, None),
        (11 * MINUTE, 7.0, 5),
    ]


async def test_a_part_of_them_knows_what_was_before() -> None:
    ticks = [(MINUTE * number, float(number + 1), 10 * number) for number in range(9)]
    assert await bars_of(*ticks, part=Part(newest=2)) == [(7 * MINUTE, 8.0, 10), (8 * MINUTE, 9.0, 10)]
    part = Part(start_ms=2 * MINUTE, end_ms=8 * MINUTE, limit=2)
    # One more than the limit, so that whoever asks knows that there are more.
    assert [row[0] for row in await bars_of(*ticks, part=part)] == [2 * MINUTE, 3 * MINUTE, 4 * MINUTE]


async def test_a_minute_without_a_price_is_no_bar_and_its_lots_are_in_no_other() -> None:
    assert await bars_of((0, 5.0, 10), (MINUTE, 0.0, 12), (2 * MINUTE, 6.0, 13)) == [(0, 5.0, None), (2 * MINUTE, 6.0, 1)]
