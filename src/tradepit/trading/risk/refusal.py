"""What a rule answers when it says no: a stable code, the rule's name, the limit, and the value that broke it."""

import msgspec

from tradepit.trading.model.terms import TradingState


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """A refusal of the risk review. ``limit`` and ``value`` are text, because they are prices, lots, money or ages.

    ``escalate`` asks the caller to put the order's account into that trading state, where it stays until a person resets it.
    """

    code: str
    rule: str
    limit: str
    value: str
    message: str
    escalate: TradingState | None = None
