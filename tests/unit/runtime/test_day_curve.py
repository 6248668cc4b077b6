"""The day's curve: trading time skips breaks, volatility is U-shaped."""

from datetime import date

import pytest

from tradepit.runtime.day_curve import DayCurve
from tradepit.trading.calendar.trading_calendar import load_calendar

HOUR = 3600 * 10**9


@pytest.fixture
def curve() -> DayCurve:
    return DayCurve(load_calendar().phases(date(2025, 1, 6), "cffex_index"))


def test_four_hours_without_lunch(curve: DayCurve) -> None:
    assert curve.trading_ns == 4 * HOUR
    opened = curve.instant_ns(0)
    assert curve.elapsed_ns(opened - 1) == 0
    assert curve.elapsed_ns(opened + 2 * HOUR + HOUR // 2) == 2 * HOUR
    assert curve.elapsed_ns(curve.close_ns + HOUR) == 4 * HOUR
    assert not curve.trades_at(opened + 2 * HOUR + 1)
    assert not curve.trades_at(opened - 1)
    assert curve.trades_at(opened)
    assert not curve.trades_at(curve.close_ns)


@pytest.mark.parametrize("elapsed", [0, 1, HOUR, 2 * HOUR, 3 * HOUR + 7])
def test_instant_and_elapsed_are_inverse(curve: DayCurve, elapsed: int) -> None:
    assert curve.elapsed_ns(curve.instant_ns(elapsed)) == elapsed


def test_volatility_is_highest_at_the_open_and_rises_into_the_close(curve: DayCurve) -> None:
    opening, noon, closing = (curve.volatility(curve.instant_ns(part)) for part in (0, 2 * HOUR, 4 * HOUR - 1))
    assert opening > 2 * noon
    assert closing > 1.4 * noon


def test_a_day_without_trading_has_no_trading_time() -> None:
    empty = DayCurve(())
    assert (empty.trading_ns, empty.close_ns, empty.elapsed_ns(5)) == (0, 0, 0)
    assert not empty.trades_at(5)
    assert empty.volatility(5) > 0
