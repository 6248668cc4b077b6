"""Phases, boundaries, trading time and settlement hours at instants."""

from datetime import UTC, date, datetime

import pytest

from tradepit.trading.calendar.trading_calendar import TradingCalendar, load_calendar
from tradepit.trading.model.errors import BadRequest, CalendarUnknown, ConfigError
from tradepit.trading.model.terms import SessionPhase

CALENDAR = load_calendar()
MINUTE = 60 * 10**9


def cn(text: str) -> int:
    return int(datetime.fromisoformat(text + "+08:00").timestamp() * 1000) * 10**6


def at(ns: int) -> str:
    return (datetime.fromtimestamp(ns / 1e9, UTC).astimezone(datetime.fromisoformat("2025-01-01T00:00+08:00").tzinfo)).strftime(
        "%m-%d %H:%M"
    )


@pytest.mark.parametrize(
    ("instant", "group", "phase"),
    [
        ("2025-03-11T09:25:00", "cffex_index", SessionPhase.AUCTION_ORDERING),
        ("2025-03-11T09:24:59.999", "cffex_index", SessionPhase.CLOSED),
        ("2021-01-04T09:29:00.400", "cffex_index", SessionPhase.AUCTION_MATCHING),
        ("2021-01-04T09:30:00.400", "cffex_index", SessionPhase.CONTINUOUS),
        ("2021-01-05T15:31:09.700", "cffex_index", SessionPhase.CLOSED),
        ("2025-03-11T15:10:00", "cffex_bond", SessionPhase.CONTINUOUS),
        ("2025-03-11T10:20:00", "cn_day", SessionPhase.BREAK),
        ("2025-03-08T02:29:59.999", "cn_night_0230", SessionPhase.CONTINUOUS),
        ("2025-03-08T02:29:59.999", "cn_night_0100", SessionPhase.BREAK),
        ("2025-03-09T12:00:00", "cn_night_0100", SessionPhase.BREAK),
        ("2025-03-09T12:00:00", "cn_day", SessionPhase.CLOSED),
        ("2025-09-30T21:30:00", "cn_night_2300", SessionPhase.CLOSED),
        ("2025-03-11T15:44:59.999", "hnx", SessionPhase.CLOSING_AUCTION),
        ("2025-03-11T15:45:00", "hnx", SessionPhase.CLOSED),
    ],
)
def test_the_phase_at_an_instant(instant: str, group: str, phase: SessionPhase) -> None:
    assert CALENDAR.phase_at(cn(instant), group) is phase


def test_trading_days_by_group() -> None:
    assert CALENDAR.trading_day_of(cn("2025-03-07T22:00:00"), "cn_night_2300") == date(2025, 3, 10)
    assert CALENDAR.trading_day_of(cn("2021-01-05T15:31:09.700"), "cffex_index") == date(2021, 1, 5)
    assert CALENDAR.has_night(date(2025, 3, 10), "cn_night_2300")
    assert not CALENDAR.has_night(date(2025, 3, 10), "cn_day")
    assert not CALENDAR.has_night(date(2026, 5, 6), "cn_night_2300")


@pytest.mark.parametrize(
    ("instant", "group", "boundary", "phase"),
    [
        ("2025-03-11T14:59:59", "cffex_index", "03-11 15:00", SessionPhase.CLOSED),
        ("2025-03-11T15:00:00", "cffex_index", "03-12 09:25", SessionPhase.AUCTION_ORDERING),
        ("2025-09-30T15:00:00", "cn_night_0230", "10-09 08:55", SessionPhase.AUCTION_ORDERING),
        ("2025-03-08T12:00:00", "cn_night_2300", "03-10 09:00", SessionPhase.CONTINUOUS),
        ("2025-03-10T15:00:00", "cn_night_2300", "03-10 20:55", SessionPhase.AUCTION_ORDERING),
    ],
)
def test_the_next_boundary(instant: str, group: str, boundary: str, phase: SessionPhase) -> None:
    when, following = CALENDAR.next_boundary(cn(instant), group)
    assert (at(when), following) == (boundary, phase)


def test_only_continuous_time_counts_as_trading_time() -> None:
    day = (cn("2025-03-11T00:00:00"), cn("2025-03-11T18:00:00"))
    assert CALENDAR.trading_ns_between(*day, "cn_day") == 225 * MINUTE
    assert CALENDAR.trading_seconds_between(*day, "cffex_index") == 240 * 60
    assert (
        CALENDAR.trading_ns_between(cn("2025-03-07T15:00:00"), cn("2025-03-10T18:00:00"), "cn_night_0230") == (330 + 225) * MINUTE
    )
    assert CALENDAR.trading_ns_between(cn("2025-03-11T10:14:00"), cn("2025-03-11T10:31:00"), "cn_day") == 2 * MINUTE
    assert CALENDAR.trading_ns_between(cn("2025-03-11T11:00:00"), cn("2025-03-11T10:00:00"), "cn_day") == 0
    assert CALENDAR.trading_ns_between(cn("2025-09-30T15:00:00"), cn("2025-10-09T08:59:00"), "cn_night_2300") == 0


def hours(group: str) -> list[tuple[str, str]]:
    return [(at(a)[6:], at(b)[6:]) for a, b in CALENDAR.settlement_hours(date(2025, 3, 11), group)]


def test_settlement_hours_go_back_from_the_close() -> None:
    assert hours("cffex_index") == [("14:00", "15:00"), ("13:00", "14:00"), ("10:30", "13:00"), ("09:25", "10:30")]
    assert hours("cffex_bond") == [
        ("14:15", "15:15"),
        ("13:15", "14:15"),
        ("10:45", "13:15"),
        ("09:45", "10:45"),
        ("09:25", "09:45"),
    ]
    assert hours("hnx")[0] == ("14:30", "15:45")  # 13:30 in Hanoi, with the closing auction


def test_the_close_of_a_day() -> None:
    assert CALENDAR.session_close_ns(date(2025, 3, 11), "cffex_bond") == cn("2025-03-11T15:15:00")
    with pytest.raises(BadRequest):
        CALENDAR.session_close_ns(date(2025, 3, 8), "cffex_bond")
    with pytest.raises(BadRequest):
        CALENDAR.settlement_hours(date(2025, 10, 1), "cn_day")


def test_unknown_years_and_groups_are_refused() -> None:
    with pytest.raises(CalendarUnknown) as caught:
        CALENDAR.phase_at(cn("2027-03-01T10:00:00"), "cn_day")
    assert caught.value.reason_code == "CALENDAR_UNKNOWN"
    with pytest.raises(CalendarUnknown):
        CALENDAR.phases(date(2024, 3, 1), "hnx")
    with pytest.raises(CalendarUnknown):
        CALENDAR.next_boundary(cn("2026-12-31T16:00:00"), "cn_day")
    with pytest.raises(ConfigError):
        CALENDAR.phase_at(cn("2025-03-11T10:00:00"), "moon")
    with pytest.raises(ConfigError):
        TradingCalendar({}, CALENDAR.groups).days("cn_day")
