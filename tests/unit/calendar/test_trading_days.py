"""Trading days, holidays and the roll."""

from datetime import UTC, date, datetime, timedelta

import pytest

from tradepit.trading.calendar.packaged import read_packaged
from tradepit.trading.calendar.trading_days import HolidayYear, Market, TradingDays
from tradepit.trading.model.errors import CalendarUnknown, ConfigError

CHINA = TradingDays(read_packaged("holidays/china.toml", Market))
VIETNAM = TradingDays(read_packaged("holidays/vietnam.toml", Market))


def closed_weekdays(days: TradingDays, year: int) -> str:
    every = (date(year, 1, 1) + timedelta(days=n) for n in range(366))
    return " ".join(f"{day:%m-%d}" for day in every if day.year == year and day.weekday() < 5 and not days.is_trading_day(day))


def ns(text: str) -> int:
    return int(datetime.fromisoformat(text).astimezone(UTC).timestamp()) * 10**9


def test_china_2025_and_2026() -> None:
    assert closed_weekdays(CHINA, 2025) == (
        "01-01 01-28 01-29 01-30 01-31 02-03 02-04 04-04 05-01 05-02 05-05 06-02 10-01 10-02 10-03 10-06 10-07 10-08"
    )
    assert closed_weekdays(CHINA, 2026) == (
        "01-01 01-02 02-16 02-17 02-18 02-19 02-20 02-23 04-06 05-01 05-04 05-05 06-19 09-25 10-01 10-02 10-05 10-06 10-07"
    )


def test_vietnam_2025_and_2026() -> None:
    assert closed_weekdays(VIETNAM, 2025) == "01-01 01-27 01-28 01-29 01-30 01-31 04-07 04-30 05-01 05-02 09-01 09-02"
    assert closed_weekdays(VIETNAM, 2026) == "01-01 02-16 02-17 02-18 02-19 02-20 04-27 04-30 05-01 08-31 09-01 09-02"


def test_make_up_working_weekends_do_not_trade() -> None:
    assert not CHINA.is_trading_day(date(2025, 1, 26))  # a working Sunday
    assert not VIETNAM.is_trading_day(date(2026, 8, 22))  # a working Saturday


def test_neighbours_step_over_weekends_and_holidays() -> None:
    assert CHINA.next_trading_day(date(2025, 9, 30)) == date(2025, 10, 9)
    assert CHINA.previous_trading_day(date(2025, 10, 9)) == date(2025, 9, 30)
    assert CHINA.previous_trading_day(date(2021, 1, 4)) == date(2020, 12, 31)
    assert CHINA.next_trading_day(date(2024, 2, 8)) == date(2024, 2, 19)  # 02-09: closed by the exchanges, not by the state


@pytest.mark.parametrize(
    "evening", ["2025-12-31", "2026-02-13", "2026-04-03", "2026-04-30", "2026-06-18", "2026-09-24", "2026-09-30"]
)
def test_no_night_after_the_cancelled_evenings(evening: str) -> None:
    assert not CHINA.has_night(CHINA.next_trading_day(date.fromisoformat(evening)))


def test_weekends_do_not_cancel_the_night_and_closed_days_have_none() -> None:
    assert CHINA.has_night(date(2025, 3, 10))  # Monday: Friday evening
    assert CHINA.has_night(date(2025, 3, 11))
    assert not CHINA.has_night(date(2025, 3, 8))
    assert not CHINA.has_night(date(2025, 10, 1))


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        ("2025-03-07T15:31:00+08:00", date(2025, 3, 7)),  # after the close, before the roll
        ("2025-03-07T17:59:59+08:00", date(2025, 3, 7)),
        ("2025-03-07T18:00:00+08:00", date(2025, 3, 10)),  # Friday evening is Monday's
        ("2025-03-08T02:00:00+08:00", date(2025, 3, 10)),
        ("2025-03-10T15:00:00+08:00", date(2025, 3, 10)),
        ("2025-09-30T21:00:00+08:00", date(2025, 10, 9)),
        ("2020-01-01T00:00:00+08:00", date(2020, 1, 2)),
        ("2026-12-31T17:59:59+08:00", date(2026, 12, 31)),
    ],
)
def test_the_trading_day_of_an_instant(instant: str, day: date) -> None:
    assert CHINA.trading_day_at(ns(instant)) == day
    begin, end = CHINA.span(day)
    assert begin <= ns(instant) < end


@pytest.mark.parametrize("instant", ["2019-12-31T23:59:59+08:00", "2026-12-31T18:00:00+08:00", "1970-01-01T00:00:00+00:00"])
def test_an_instant_outside_the_known_years_is_refused(instant: str) -> None:
    with pytest.raises(CalendarUnknown):
        CHINA.trading_day_at(ns(instant))


def test_an_unknown_year_is_refused_everywhere() -> None:
    for ask in (CHINA.is_trading_day, CHINA.has_night, CHINA.next_trading_day, CHINA.previous_trading_day, CHINA.span):
        with pytest.raises(CalendarUnknown):
            ask(date(2027, 3, 1))
    with pytest.raises(CalendarUnknown):
        CHINA.next_trading_day(date(2026, 12, 31))
    with pytest.raises(CalendarUnknown):
        CHINA.span(date(2025, 3, 8))  # a Saturday has no span of its own


def year(number: int, *closed: date) -> HolidayYear:
    return HolidayYear(year=number, as_of=date(2025, 1, 1), source="test", closed=closed)


@pytest.mark.parametrize(
    "years",
    [
        (),
        (year(2024), year(2026)),
        (year(2025), year(2024)),
        (year(2025, date(2024, 1, 1)),),
        (year(2025, date(2025, 1, 4)),),  # a Saturday: a typing error
    ],
)
def test_a_wrong_holiday_file_is_refused(years: tuple[HolidayYear, ...]) -> None:
    with pytest.raises(ConfigError):
        TradingDays(Market(id="XX", time_zone="Asia/Shanghai", rolls_at="18:00", years=years))
