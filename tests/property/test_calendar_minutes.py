"""Every minute around the holidays of 2025 and 2026, and of random weeks, against a slow oracle written from the rule texts."""

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache

import pytest

from tradepit.trading.calendar.trading_calendar import load_calendar
from tradepit.trading.model.terms import SessionPhase as Phase

DAY = timedelta(days=1)
ORDERING, MATCHING, TRADING, BREAK, CLOSED = (
    Phase.AUCTION_ORDERING, Phase.AUCTION_MATCHING, Phase.CONTINUOUS, Phase.BREAK, Phase.CLOSED,
)  # fmt: skip
# First and last day of each public holiday, weekends between them included.
CHINA = """2025-01-01 2025-01-01  2025-01-28 2025-02-04  2025-04-04 2025-04-06  2025-05-01 2025-05-05  2025-05-31 2025-06-02
2025-10-01 2025-10-08  2026-01-01 2026-01-03  2026-02-15 2026-02-23  2026-04-04 2026-04-06  2026-05-01 2026-05-05
2026-06-19 2026-06-21  2026-09-25 2026-09-27  2026-10-01 2026-10-07"""
VIETNAM = """2025-01-01 2025-01-01  2025-01-25 2025-02-02  2025-04-07 2025-04-07  2025-04-30 2025-05-04  2025-08-30 2025-09-02
2026-01-01 2026-01-01  2026-02-14 2026-02-22  2026-04-27 2026-04-27  2026-04-30 2026-05-03  2026-08-29 2026-09-02"""
# Minutes after which night trading ends, counted from the evening's midnight; None: no night session.
NIGHT_END = {"cn_day": None, "cn_night_2300": 23 * 60, "cn_night_0100": 25 * 60, "cn_night_0230": 26 * 60 + 30,
             "cffex_index": None, "cffex_bond": None, "hnx": None}  # fmt: skip


def at(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])


@cache
def closures(group: str) -> frozenset[date]:
    ends = [date.fromisoformat(text) for text in (VIETNAM if group == "hnx" else CHINA).split()]
    return frozenset(
        first + n * DAY for first, last in zip(ends[::2], ends[1::2], strict=True) for n in range((last - first).days + 1)
    )


@cache
def trades(group: str, day: date) -> bool:
    return day.isoweekday() <= 5 and day not in closures(group)


@cache
def evening(group: str, day: date) -> bool:
    """Is there a night session on the evening of ``day``? Yes if the very next weekday trades as well."""
    if NIGHT_END[group] is None or not trades(group, day):
        return False
    return trades(group, day + (3 if day.isoweekday() == 5 else 1) * DAY)


@cache
def open_since_night(group: str, day: date) -> bool:
    """Did the trading day that is current on the morning of ``day`` begin with a night session?"""
    before = day - DAY
    return evening(group, before) or (before.isoweekday() > 5 and open_since_night(group, before))


def day_phase(group: str, minute: int) -> Phase:
    table: tuple[tuple[int, Phase], ...]
    if group == "hnx":
        table = ((at("08:45"), CLOSED), (at("09:00"), ORDERING), (at("11:30"), TRADING), (at("13:00"), BREAK),
                 (at("14:30"), TRADING), (at("14:45"), Phase.CLOSING_AUCTION))  # fmt: skip
    elif group.startswith("cffex"):
        close = at("15:15") if group == "cffex_bond" else at("15:00")
        table = ((at("09:25"), CLOSED), (at("09:29"), ORDERING), (at("09:30"), MATCHING), (at("11:30"), TRADING),
                 (at("13:00"), BREAK), (close, TRADING))  # fmt: skip
    else:
        table = ((at("08:55"), CLOSED), (at("08:59"), ORDERING), (at("09:00"), MATCHING), (at("10:15"), TRADING),
                 (at("10:30"), BREAK), (at("11:30"), TRADING), (at("13:30"), BREAK), (at("15:00"), TRADING))  # fmt: skip
    return next((phase for end, phase in table if minute < end), CLOSED)


def oracle(group: str, day: date, minute: int) -> Phase:
    night_end = NIGHT_END[group]
    if night_end is not None:
        if evening(group, day) and minute >= at("20:55"):
            if minute < at("21:00"):
                return ORDERING if minute < at("20:59") else MATCHING
            return TRADING if minute < night_end else BREAK
        if evening(group, day - DAY) and minute + 24 * 60 < night_end:
            return TRADING
        if open_since_night(group, day) and not (trades(group, day) and minute >= at("09:00")):
            return BREAK
    return day_phase(group, minute) if trades(group, day) else CLOSED


def sampled_days(group: str) -> Iterator[date]:
    near = {day + n * DAY for day in closures(group) for n in range(-4, 5)}
    chosen = random.Random(20250811)
    for _ in range(10):
        week = date(2025, 1, 6) + chosen.randrange(100) * 7 * DAY
        near |= {week + n * DAY for n in range(7)}
    return iter(sorted(day for day in near if date(2025, 1, 2) <= day <= date(2026, 12, 30)))


@pytest.mark.parametrize("group", list(NIGHT_END))
def test_every_sampled_minute(group: str) -> None:
    calendar = load_calendar()
    east = 7 if group == "hnx" else 8
    for day in sampled_days(group):
        midnight = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) - east * 3600
        for minute in range(24 * 60):
            found = calendar.phase_at((midnight + minute * 60) * 10**9, group)
            assert found is oracle(group, day, minute), (group, day, divmod(minute, 60))


@pytest.mark.parametrize("group", list(NIGHT_END))
def test_trading_days_of_both_years(group: str) -> None:
    calendar = load_calendar()
    days = calendar.days(group)
    every = [date(2025, 1, 1) + n * DAY for n in range(730)]
    assert [day for day in every if days.is_trading_day(day)] == [day for day in every if trades(group, day)]
    nights = [day for day in every[1:] if days.is_trading_day(day) and calendar.has_night(day, group)]
    assert nights == [day for day in every[1:] if trades(group, day) and open_since_night(group, day)]
