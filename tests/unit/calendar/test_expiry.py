"""Last trading days, against the delivery dates a CTP counter listed on 2025-08-13 and against holidays."""

from datetime import date

import pytest

from tradepit.trading.calendar.expiry import ExpiryRule, expiry_of
from tradepit.trading.calendar.trading_calendar import load_calendar
from tradepit.trading.model.errors import CalendarUnknown

CHINA, VIETNAM = load_calendar().days("cn_day"), load_calendar().days("hnx")


@pytest.mark.parametrize(
    ("rule", "year", "month", "expected"),
    [
        (ExpiryRule.THIRD_FRIDAY, 2025, 8, "2025-08-15"),
        (ExpiryRule.THIRD_FRIDAY, 2025, 12, "2025-12-19"),
        (ExpiryRule.THIRD_FRIDAY, 2021, 1, "2021-01-15"),
        (ExpiryRule.THIRD_FRIDAY, 2026, 6, "2026-06-22"),  # the 19th is Dragon Boat
        (ExpiryRule.THIRD_FRIDAY, 2026, 2, "2026-02-24"),  # the 20th is Spring Festival
        (ExpiryRule.SECOND_FRIDAY, 2025, 9, "2025-09-12"),
        (ExpiryRule.DAY_15, 2025, 8, "2025-08-15"),
        (ExpiryRule.DAY_15, 2025, 11, "2025-11-17"),  # a Saturday
        (ExpiryRule.DAY_15, 2026, 2, "2026-02-24"),  # a Sunday, then Spring Festival
        (ExpiryRule.LAST_DAY_OF_PRIOR_MONTH, 2025, 9, "2025-08-29"),
        (ExpiryRule.LAST_DAY_OF_PRIOR_MONTH, 2026, 1, "2025-12-31"),
        (ExpiryRule.TRADING_DAY_10, 2025, 8, "2025-08-14"),
        (ExpiryRule.TRADING_DAY_10, 2025, 10, "2025-10-22"),
        (ExpiryRule.TRADING_DAY_5, 2025, 9, "2025-09-05"),
        (ExpiryRule.TRADING_DAY_5, 2025, 10, "2025-10-15"),
        (ExpiryRule.FOURTH_LAST_TRADING_DAY, 2025, 8, "2025-08-26"),
        (ExpiryRule.FOURTH_LAST_TRADING_DAY, 2025, 12, "2025-12-26"),
        (ExpiryRule.LAST_MONDAY, 2025, 12, "2025-12-29"),
        (ExpiryRule.LAST_MONDAY, 2026, 2, "2026-02-09"),  # the 16th and 23rd are Spring Festival
    ],
)
def test_china(rule: ExpiryRule, year: int, month: int, expected: str) -> None:
    assert expiry_of(rule, year, month, CHINA) == date.fromisoformat(expected)


@pytest.mark.parametrize(
    ("year", "month", "expected"),
    [
        (2025, 8, "2025-08-21"),
        (2025, 11, "2025-11-20"),
        (2026, 2, "2026-02-13"),
    ],  # 2026-02-19 is Tet: the day before it, not after
)
def test_hanoi(year: int, month: int, expected: str) -> None:
    assert expiry_of(ExpiryRule.THIRD_THURSDAY, year, month, VIETNAM) == date.fromisoformat(expected)


@pytest.mark.parametrize("rule", list(ExpiryRule))
def test_an_unknown_year_is_refused(rule: ExpiryRule) -> None:
    with pytest.raises(CalendarUnknown):
        expiry_of(rule, 2027, 6, CHINA)
