"""Instants and durations as RFC 3339 and protobuf's JSON write them, exact to the nanosecond."""

import re
from datetime import UTC, datetime, timedelta

from tradepit.trading.model.errors import BadRequest

LATEST_NS = 2**63 - 1
_SECOND = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INSTANT = re.compile(r"(\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_DURATION = re.compile(r"(\d{1,10})(?:\.(\d{1,9}))?s", re.ASCII)


def to_text(time_ns: int) -> str:
    """An instant (UTC ns) in UTC, with no, 3, 6 or 9 digits of a second: ``2025-08-07T02:59:27.282Z``."""
    seconds, rest = divmod(time_ns, _SECOND)
    return (_EPOCH + timedelta(seconds=seconds)).replace(tzinfo=None).isoformat() + _digits(rest) + "Z"


def from_text(text: str, field: str) -> int:
    """UTC nanoseconds of an instant with offset, from 1970 to 2262. Raises BadRequest."""
    found = _INSTANT.fullmatch(text)
    try:
        moment = datetime.fromisoformat(found[1] + found[3].upper()) if found else None
        seconds = (moment - _EPOCH) // timedelta(seconds=1) if moment else -1
    except (ValueError, OverflowError):
        seconds = -1
    time_ns = seconds * _SECOND + int((found[2] or "").ljust(9, "0")) if found else -1
    return check_instant(time_ns, field) if seconds >= 0 else _refuse(text, field)


def check_instant(time_ns: int, field: str) -> int:
    """``time_ns`` itself when it is from 1970 to 2262. Raises BadRequest."""
    if not 0 <= time_ns <= LATEST_NS:
        raise BadRequest(f"{field} must be from 1970 to 2262", field=field)
    return time_ns


def to_duration(length_ns: int) -> str:
    """A duration (ns, not negative) as protobuf's JSON writes it: ``5s``, ``0.500s``."""
    seconds, rest = divmod(length_ns, _SECOND)
    return f"{seconds}{_digits(rest)}s"


def from_duration(text: str, field: str) -> int:
    """Nanoseconds of ``5s`` or ``0.5s``. Raises BadRequest."""
    found = _DURATION.fullmatch(text)
    if found is None:
        raise BadRequest(f"{field} must be a duration like 5s", field=field, told=text[:32])
    return check_instant(int(found[1]) * _SECOND + int((found[2] or "").ljust(9, "0")), field)


def _digits(rest: int) -> str:
    digits = f"{rest:09d}"
    while digits.endswith("000"):
        digits = digits[:-3]
    return f".{digits}" if digits else ""


def _refuse(text: str, field: str) -> int:
    raise BadRequest(f"{field} must be an RFC 3339 instant with offset", field=field, told=text[:64])
