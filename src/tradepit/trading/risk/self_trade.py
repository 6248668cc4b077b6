"""Self-trade: an order that would trade with its own account's resting order is refused (the newest gives way)."""

from typing import ClassVar

from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.terms import Side
from tradepit.trading.risk.exposure import Exposure
from tradepit.trading.risk.refusal import Refused
from tradepit.trading.risk.rule import Rule


class SelfTrade(Rule, frozen=True, kw_only=True):
    """A fact, not a limit: trading with oneself reduces nothing, and the exchanges count it against the client (five a day).

    An order at the market is taken to reach every own order on the other side.
    """

    name: ClassVar[str] = "self_trade"
    spares_reducing: ClassVar[bool] = False

    def check(self, intent: OrderIntent, exposure: Exposure, now_ns: int) -> Refused | None:  # noqa: ARG002 - resting has no age
        holding = exposure.holding(intent.account, intent.symbol)
        if holding is None:
            return None
        buys = intent.side is Side.BUY
        own = holding.asks.best if buys else holding.bids.best
        if not own:
            return None
        if intent.order_type.priced and (intent.price_ticks < own if buys else intent.price_ticks > own):
            return None
        value = f"{intent.price_ticks} ticks" if intent.order_type.priced else "market"
        return self.refuse("SELF_TRADE", limit=f"{own} ticks", value=value, message="would meet an own resting order")
