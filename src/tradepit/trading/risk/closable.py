"""Closable lots: a close order takes only lots that are held and not yet promised to another working close order."""

from typing import ClassVar

from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.product import CloseRule
from tradepit.trading.model.terms import Offset, Side
from tradepit.trading.risk.exposure import Exposure
from tradepit.trading.risk.holding import Leg
from tradepit.trading.risk.refusal import Refused
from tradepit.trading.risk.rule import Rule


class Closable(Rule, frozen=True, kw_only=True):
    """The exchanges' own rule (CTP errors 30, 50, 51). SHFE and INE tell today's lots from history lots, the others do not."""

    name: ClassVar[str] = "closable"
    spares_reducing: ClassVar[bool] = False

    def check(self, intent: OrderIntent, exposure: Exposure, now_ns: int) -> Refused | None:  # noqa: ARG002 - lots have no age
        if not intent.offset.closes:
            return None
        holding = exposure.holding(intent.account, intent.symbol)
        named = holding is not None and holding.close_rule is CloseRule.NAMED
        leg = Leg() if holding is None else holding.long if intent.side is Side.SELL else holding.short
        if not named:
            code, free = "OVER_CLOSE_POSITION", leg.lots - leg.closing
        elif intent.offset is Offset.CLOSETODAY:
            code, free = "OVER_CLOSETODAY", leg.today - leg.closing_today
        else:
            code, free = "OVER_CLOSEYESTERDAY", leg.yesterday - leg.closing_other
        if intent.volume_lots <= free:
            return None
        return self.refuse(code, limit=max(0, free), value=intent.volume_lots, message="more lots than can be closed")
