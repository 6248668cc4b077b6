"""The last trading day of a contract month, by the rule its product names."""

from calendar import monthrange
from datetime import date, timedelta
from enum import StrEnum

from tradepit.trading.calendar.trading_days import ONE_DAY, TradingDays

FRIDAY, THURSDAY, MONDAY = 4, 3, 0


class ExpiryRule(StrEnum):
    """Rules of the exchanges' contract specifications, each relative to the delivery month.

    ``THIRD_FRIDAY``, ``SECOND_FRIDAY``: CFFEX index, bond; ``DAY_15``: SHFE and most of INE; the next trading day if closed.
    ``THIRD_THURSDAY``: HNX; the trading day before if closed.
    ``LAST_DAY_OF_PRIOR_MONTH``: INE sc, lu and SHFE fu; the last trading day of the month before.
    ``TRADING_DAY_10``: DCE, CZCE, GFEX; ``TRADING_DAY_5``: CZCE thermal coal.
    ``FOURTH_LAST_TRADING_DAY``: DCE eg, eb, pg, bz, jd, lh, lg. ``LAST_MONDAY``: INE ec; the last Monday that trades.
    """

    THIRD_FRIDAY = "third_friday"
    SECOND_FRIDAY = "second_friday"
    THIRD_THURSDAY = "third_thursday"
    DAY_15 = "day_15"
    LAST_DAY_OF_PRIOR_MONTH = "last_day_of_prior_month"
    TRADING_DAY_10 = "trading_day_10"
    TRADING_DAY_5 = "trading_day_5"
    FOURTH_LAST_TRADING_DAY = "fourth_last_trading_day"
    LAST_MONDAY = "last_monday"


def expiry_of(rule: ExpiryRule, year: int, month: int, days: TradingDays) -> date:
    """The last trading day of the contract delivered in ``year``-``month``. Raises CalendarUnknown."""
    match rule:
        case ExpiryRule.THIRD_FRIDAY:
            return _on_or_after(_weekday(year, month, FRIDAY, 3), days)
        case ExpiryRule.SECOND_FRIDAY:
            return _on_or_after(_weekday(year, month, FRIDAY, 2), days)
        case ExpiryRule.THIRD_THURSDAY:
            return days.previous_trading_day(_weekday(year, month, THURSDAY, 3) + ONE_DAY)
        case ExpiryRule.DAY_15:
            return _on_or_after(date(year, month, 15), days)
        case ExpiryRule.LAST_DAY_OF_PRIOR_MONTH:
            return days.previous_trading_day(date(year, month, 1))
        case _:
            return _counted(rule, _month_days(year, month, days))


def _counted(rule: ExpiryRule, traded: list[date]) -> date:
    match rule:
        case ExpiryRule.TRADING_DAY_10:
            return traded[9]
        case ExpiryRule.TRADING_DAY_5:
            return traded[4]
        case ExpiryRule.FOURTH_LAST_TRADING_DAY:
            return traded[-4]
        case _:
            return [day for day in traded if day.weekday() == MONDAY][-1]


def _weekday(year: int, month: int, weekday: int, nth: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (nth - 1))


def _on_or_after(day: date, days: TradingDays) -> date:
    return days.next_trading_day(day - ONE_DAY)


def _month_days(year: int, month: int, days: TradingDays) -> list[date]:
    every = (date(year, month, number) for number in range(1, monthrange(year, month)[1] + 1))
    return [day for day in every if days.is_trading_day(day)]
