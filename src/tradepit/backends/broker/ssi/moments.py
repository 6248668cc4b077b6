"""When something was told, as SSI writes it: a date or none, a time to the second or finer, in Hanoi; or epoch seconds or milliseconds."""

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

_HANOI = timedelta(hours=7)
_SECOND_NS = 1_000_000_000
_DAY = r"(?:(?P<year>\d{4})[/-]?(?P<month>\d{2})[/-]?(?P<day>\d{2})|(?P<dd>\d{2})/(?P<mm>\d{2})/(?P<yyyy>\d{4}))"
_CLOCK = r"(?P<hour>\d{2}):?(?P<minute>\d{2}):?(?P<second>\d{2})(?:[.,](?P<part>\d{1,9}))?"
_TOLD = re.compile(rf"(?:{_DAY}[ T])?{_CLOCK}\Z")
_MS_DIGITS, _S_DIGITS = 13, 10


class Moment(NamedTuple):
    """The first and the last nanosecond (UTC) of which a text may speak: a time without a fraction names a whole second."""

    first_ns: int
    last_ns: int

    def nearest(self, instant_ns: int) -> int:
        """The instant of the moment that is nearest to ``instant_ns``."""
        return min(max(instant_ns, self.first_ns), self.last_ns)


def moment_of(text: str, trading_day: int) -> Moment | None:
    """What a text names; a time without a date is of ``trading_day`` (YYYYMMDD). None for what cannot be read."""
    if text.isdecimal() and len(text) in (_MS_DIGITS, _S_DIGITS):
        step_ns = 1_000_000 if len(text) == _MS_DIGITS else _SECOND_NS
        return Moment(int(text) * step_ns, int(text) * step_ns + step_ns - 1)
    found = _TOLD.match(text)
    if found is None:
        return None
    told = found.groupdict()
    dated = f"{told['year'] or told['yyyy'] or ''}{told['month'] or told['mm'] or ''}{told['day'] or told['dd'] or ''}"
    day = int(dated or trading_day)
    try:
        # 0001/01/01, which some servers write for no time at all, lies before the first hour there is in UTC.
        moment = datetime(
            day // 10_000, day // 100 % 100, day % 100, int(told["hour"]), int(told["minute"]), int(told["second"]), tzinfo=UTC
        )
        first_ns = int((moment - _HANOI).timestamp()) * _SECOND_NS
    except (ValueError, OverflowError):
        return None
    part = told["part"]
    if part is None:
        return Moment(first_ns, first_ns + _SECOND_NS - 1)
    step_ns = 10 ** (9 - len(part))
    first_ns += int(part) * step_ns
    return Moment(first_ns, first_ns + step_ns - 1)
