"""What one check of the doctor found."""

from enum import StrEnum

import msgspec


class Outcome(StrEnum):
    """``ok``; ``warn``: works, but not as well or not for long; ``fail``: will not work."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen, and how to mend it (empty when there is nothing to mend). The doctor fills in ``check``."""

    outcome: Outcome
    seen: str
    mend: str = ""
    check: str = ""


def ok(seen: str) -> Finding:
    """Nothing to mend."""
    return Finding(outcome=Outcome.OK, seen=seen)


def warn(seen: str, mend: str) -> Finding:
    """Works, but worse than it could."""
    return Finding(outcome=Outcome.WARN, seen=seen, mend=mend)


def fail(seen: str, mend: str) -> Finding:
    """Will not work."""
    return Finding(outcome=Outcome.FAIL, seen=seen, mend=mend)
