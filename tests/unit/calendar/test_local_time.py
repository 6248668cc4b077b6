"""Local wall-clock times as UTC nanoseconds."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from tradepit.trading.calendar.local_time import NS_PER_SECOND, local_ns
from tradepit.trading.model.errors import ConfigError

SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    ("clock", "utc"),
    [
        ("09:00", datetime(2025, 3, 7, 1, tzinfo=UTC)),
        ("00:00", datetime(2025, 3, 6, 16, tzinfo=UTC)),
        ("26:30", datetime(2025, 3, 7, 18, 30, tzinfo=UTC)),
    ],
)
def test_is_the_local_clock_and_runs_past_midnight(clock: str, utc: datetime) -> None:
    assert local_ns(date(2025, 3, 7), clock, SHANGHAI) == int(utc.timestamp()) * NS_PER_SECOND


def test_knows_the_zone() -> None:
    hanoi = local_ns(date(2025, 3, 7), "09:00", ZoneInfo("Asia/Ho_Chi_Minh"))
    assert hanoi - local_ns(date(2025, 3, 7), "09:00", SHANGHAI) == 3600 * NS_PER_SECOND


@pytest.mark.parametrize("clock", ["", "9", "24", "36:00", "09:60", "-1:00", "09:00:00", "nine:00"])
def test_refuses_what_is_no_time(clock: str) -> None:
    with pytest.raises(ConfigError):
        local_ns(date(2025, 3, 7), clock, SHANGHAI)
