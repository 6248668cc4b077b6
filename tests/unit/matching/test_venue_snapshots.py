from collections.abc import Callable
from decimal import Decimal
from typing import Any

from tradepit.trading.matching.commands import AdvanceTime
from tradepit.trading.matching.events import TickPublished
from tradepit.trading.model.terms import SessionPhase, Side
from tradepit.trading.model.tick import Level

BUY, SELL = Side.BUY, Side.SELL
BEAT = 500_000_000
Pits = Callable[..., Any]


def ticks(events: list[Any]) -> list[Any]:
    return [event.tick for event in events if isinstance(event, TickPublished)]


def test_changes_are_published_once_per_beat_and_nothing_when_nothing_changed(pit: Pits) -> None:
    market = pit("IF2501", start="2025-01-06 09:31", snapshot_ns=BEAT)
    assert len(ticks(market.order("ann", "a1", BUY, 19_000, 1))) == 1, "the first change after a silence"
    market.now_ns += 100
    assert ticks(market.order("ann", "a2", BUY, 19_000, 1)) == []
    assert ticks(market.order("bob", "b1", SELL, 19_000, 1)) == []
    market.now_ns = market.venue.next_wakeup_ns()
    assert market.now_ns % BEAT == 0
    (tick,) = ticks(market.do(AdvanceTime()))
    assert (tick.bids, tick.volume_lots, tick.time_ns) == ((Level(19_000, 1),), 1, market.now_ns)
    market.now_ns += 10 * BEAT
    assert ticks(market.do(AdvanceTime())) == []


def test_a_snapshot_tells_the_whole_day(pit: Pits) -> None:
    market = pit("IF2501", start="2025-01-06 09:31", snapshot_ns=BEAT)
    market.show(
        {18_999: 3, 18_990: 1},
        {19_000: 2},
        last_ticks=18_995,
        volume_lots=10,
        turnover=Decimal(11_400_000),
        open_interest=50,
        high_ticks=18_998,
        low_ticks=18_990,
        open_ticks=18_991,
    )
    market.order("ann", "a1", BUY, 19_000, 1)
    tick = market.venue.tick("IF2501")
    assert (tick.bids, tick.asks) == ((Level(18_999, 3), Level(18_990, 1)), (Level(19_000, 1),))
    assert (tick.open_ticks, tick.high_ticks, tick.low_ticks, tick.last_ticks) == (18_991, 19_000, 18_990, 19_000)
    assert (tick.volume_lots, tick.turnover, tick.open_interest) == (11, Decimal(12_540_000), 51)
    assert (tick.lower_limit_ticks, tick.upper_limit_ticks, tick.pre_settlement) == (17_100, 20_900, 3800)
    assert (tick.trading_day, tick.phase) == (20250106, SessionPhase.CONTINUOUS)


def test_no_more_levels_are_shown_than_the_product_publishes(pit: Pits) -> None:
    market = pit("IF2501", start="2025-01-06 09:31", snapshot_ns=BEAT)
    for number in range(8):
        market.order("ann", f"a{number}", BUY, 19_000 - number, 1)
    tick = market.venue.tick("IF2501")
    assert [level.price_ticks for level in tick.bids] == [19_000, 18_999, 18_998, 18_997, 18_996]


def test_a_phase_change_is_published_at_its_own_instant(pit: Pits) -> None:
    market = pit("IF2501", start="2025-01-06 09:31", snapshot_ns=BEAT)
    published = ticks(market.at("13:00"))
    assert [(market.clock(tick.time_ns), tick.phase.value) for tick in published] == [
        ("06 11:30", "BREAK"),
        ("06 13:00", "CONTINUOUS"),
    ]


def test_snapshots_may_be_off(pit: Pits) -> None:
    market = pit("IF2501", start="2025-01-06 09:31", snapshot_ns=0)
    market.order("ann", "a1", BUY, 19_000, 1)
    market.at("2025-01-07 10:00")
    assert ticks(market.events) == []
