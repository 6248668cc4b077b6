"""Position limit: no order may lead to more lots on a side than allowed, even if every working order fills."""

from typing import Annotated, ClassVar

import msgspec

from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.terms import Side
from tradepit.trading.risk.exposure import Exposure
from tradepit.trading.risk.refusal import Refused
from tradepit.trading.risk.rule import Rule

_BUY = Side.BUY  # named for each order: see ``at_hand``
Lots = Annotated[int, msgspec.Meta(ge=0)]


class SideLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The most long and the most short lots of one account in one contract."""

    max_long: Lots
    max_short: Lots


class PositionLimit(Rule, frozen=True, kw_only=True):
    """Long and short lots are counted apart, as the exchanges count them; ``by_symbol`` replaces both limits for a contract."""

    name: ClassVar[str] = "position_limit"

    max_long: Lots = 1_000
    max_short: Lots = 1_000
    by_symbol: dict[str, SideLimits] = msgspec.field(default_factory=dict)

    def check(self, intent: OrderIntent, exposure: Exposure, now_ns: int) -> Refused | None:  # noqa: ARG002 - positions have no age
        limits = self.by_symbol.get(intent.symbol, self)
        holding = exposure.holding(intent.account, intent.symbol)
        buys = intent.side is _BUY
        limit = limits.max_long if buys else limits.max_short
        worst = intent.volume_lots if holding is None else holding.worst_after(intent.side, intent.offset, intent.volume_lots)
        if worst <= limit:
            return None
        side = "long" if buys else "short"
        message = f"{side} lots if every working order fills"
        return self.refuse("POSITION_LIMIT", limit=limit, value=worst, message=message)
