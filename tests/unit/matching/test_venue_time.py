from collections.abc import Callable
from typing import Any

import msgspec

from tradepit.trading.matching.commands import AdvanceTime, ListInstrument
from tradepit.trading.model.report import DayReport
from tradepit.trading.model.terms import Offset, SessionPhase, Side

BUY, SELL = Side.BUY, Side.SELL
Pits = Callable[..., Any]


def test_a_jump_over_a_day_tells_every_phase_at_its_own_instant(pit: Pits) -> None:
    market = pit("IF2501")
    market.at("2025-01-06 23:00")
    assert market.phases() == [
        ("06 08:00", "CLOSED"),
        ("06 09:25", "AUCTION_ORDERING"),
        ("06 09:29", "AUCTION_MATCHING"),
        ("06 09:30", "CONTINUOUS"),
        ("06 11:30", "BREAK"),
        ("06 13:00", "CONTINUOUS"),
        ("06 15:00", "CLOSED"),
    ]
    (day,) = (event for event in market.events if isinstance(event, DayReport))
    assert (market.clock(day.time_ns), day.settled_day, day.trading_day) == ("06 16:00", 20250106, 20250107)


def test_fridays_night_session_belongs_to_monday_and_its_orders_live_until_mondays_close(pit: Pits) -> None:
    market = pit("rb2505", "au2502", start="2025-01-03 20:50")
    assert market.venue.trading_day == 20250106
    market.at("21:00")
    market.order("ann", "a1", BUY, 3300, 2)
    market.order("ann", "a2", BUY, 31_000, 1, symbol="au2502")
    market.at("23:00")
    assert market.venue.phase("rb2505") is SessionPhase.BREAK
    assert market.venue.phase("au2502") is SessionPhase.CONTINUOUS, "gold trades until 02:30"
    market.at("2025-01-04 02:30")
    assert market.venue.phase("au2502") is SessionPhase.BREAK
    market.at("2025-01-06 09:00")
    market.order("bob", "b1", SELL, 3300, 1)
    assert market.state("ann", "a1") == ("PARTIAL", 1, 1, "")
    assert market.venue.trading_day == 20250106
    market.at("15:00")
    assert market.state("ann", "a1") == ("EXPIRED", 1, 0, "DAY_ENDED")
    market.at("16:00")
    assert market.venue.trading_day == 20250107
    assert [event.settled_day for event in market.events if isinstance(event, DayReport)] == [20250106]


def test_time_never_goes_backwards(pit: Pits) -> None:
    market = pit("IF2501", start="2025-01-06 10:00")
    before = market.venue.now_ns
    market.now_ns -= 3_600_000_000_000
    (report,) = market.order("ann", "a1", BUY, 19_000, 1)
    assert report.time_ns == before == market.venue.now_ns


def test_an_instant_out_of_range_is_refused(pit: Pits) -> None:
    market = pit("IF2501")
    for instant in (-1, 2**63, 10**30):
        (refused,) = market.venue.apply(AdvanceTime(), instant)
        assert refused.code == "INVALID_REQUEST"


def test_the_next_wakeup_is_the_next_phase_or_settlement(pit: Pits) -> None:
    market = pit("IF2501")
    seen = []
    for _ in range(8):
        market.now_ns = market.venue.next_wakeup_ns()
        seen.append(market.clock(market.now_ns))
        market.do(AdvanceTime())
    assert seen == ["06 09:25", "06 09:29", "06 09:30", "06 11:30", "06 13:00", "06 15:00", "06 16:00", "07 09:25"]


def test_a_venue_founded_after_the_settlement_hour_begins_with_the_next_day(pit: Pits) -> None:
    assert pit(start="2025-01-06 15:59").venue.trading_day == 20250106
    assert pit(start="2025-01-06 16:00").venue.trading_day == 20250107
    assert pit(start="2025-01-03 16:00").venue.trading_day == 20250106
    assert pit(start="2025-01-27 16:00").venue.trading_day == 20250205, "the spring festival"


def test_an_empty_venue_still_turns_its_days(pit: Pits) -> None:
    market = pit(start="2025-01-06 10:00")
    market.at("2025-01-08 10:00")
    assert [event.trading_day for event in market.events if isinstance(event, DayReport)] == [20250107, 20250108]


def test_a_year_the_calendar_does_not_know_is_refused_and_nothing_begins(pit: Pits) -> None:
    market = pit()
    venue = type(market.venue)(calendar=market.calendar)
    far = 4_102_444_800_000_000_000
    (refused,) = venue.apply(AdvanceTime(), far)
    assert (refused.code, venue.trading_day, venue.now_ns) == ("CALENDAR_UNKNOWN", 0, 0)


def test_at_the_calendars_end_the_venue_closes_and_says_so_once(pit: Pits) -> None:
    market = pit("IF2501", start="2025-01-06 10:00")
    listed = market.instruments["IF2501"]
    late = msgspec.structs.replace(listed, symbol="IFLAST", expiry=listed.expiry.replace(year=2027))
    market.do(ListInstrument(instrument=late, reference=market.venue.reference("IF2501")))
    events = market.at("2027-06-01 10:00")
    assert [word for word in market.told(events) if word.startswith("refused")] == ["refused CALENDAR_UNKNOWN"]
    assert market.venue.phase("IFLAST") is SessionPhase.CLOSED
    assert market.venue.next_wakeup_ns() == 2**63 - 1
    assert market.at("2027-07-01 10:00") == []


def test_vietnams_closing_auction_is_matched_at_the_close_and_takes_no_cancels(pit: Pits) -> None:
    market = pit("VN30F2501", start="2025-01-06 14:00", settle_minute=15 * 60 + 30)
    market.order("ann", "a1", BUY, 13_400, 2, Offset.NET)
    market.at("15:30")  # 14:30 in Hanoi
    assert market.venue.phase("VN30F2501") is SessionPhase.CLOSING_AUCTION
    assert market.told(market.cancel("ann", "a1")) == ["refused NOT_TRADING_PERIOD"]
    market.order("bob", "b1", SELL, 13_390, 1, Offset.NET)
    assert market.told(market.at("15:45")) == [
        "PhaseChanged",
        "b1 trades 1@13400",
        "b1 FILLED",
        "a1 trades 1@13400",
        "a1 PARTIAL",
        "a1 EXPIRED",
    ]
    market.at("16:30")
    assert market.venue.trading_day == 20250107
