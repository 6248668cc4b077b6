"""Local wall-clock times of a market as UTC nanoseconds."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from tradepit.trading.model.errors import ConfigError

NS_PER_SECOND = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=ZoneInfo("UTC"))


def local_ns(day: date, clock: str, zone: ZoneInfo) -> int:
    """UTC ns of ``clock`` ("HH:MM", hours up to 35 for the small hours after ``day``) in ``zone``. Raises ConfigError."""
    hours, colon, minutes = clock.partition(":")
    if not (colon and hours.isdecimal() and minutes.isdecimal() and int(hours) < 36 and int(minutes) < 60):
        raise ConfigError(f"not a local time HH:MM: {clock!r}")
    days, hour = divmod(int(hours), 24)
    wall = datetime.combine(day + timedelta(days=days), time(hour, int(minutes)), tzinfo=zone)
    return round((wall - _EPOCH).total_seconds()) * NS_PER_SECOND
