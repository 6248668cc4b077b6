"""Exit codes of every command; scripts may rely on them."""

from enum import IntEnum

from tradepit.trading.model.errors import (
    BadRequest,
    ConfigError,
    NotActive,
    OutcomeUnknown,
    RequestRefused,
    TradepitError,
    Unavailable,
)


class Exit(IntEnum):
    """0 done · 1 done, but something was found wrong · 2 bad usage, input or settings · 3 refused · 4 not reachable · 5 outcome unknown."""

    OK = 0
    FINDINGS = 1
    USAGE = 2
    REFUSED = 3
    UNAVAILABLE = 4
    UNKNOWN = 5


def exit_of(error: TradepitError) -> Exit:
    """The exit code that tells of ``error``."""
    if isinstance(error, BadRequest | ConfigError):
        return Exit.USAGE
    if isinstance(error, RequestRefused):
        return Exit.REFUSED
    if isinstance(error, OutcomeUnknown):
        return Exit.UNKNOWN
    if isinstance(error, Unavailable | NotActive):
        return Exit.UNAVAILABLE
    return Exit.FINDINGS
