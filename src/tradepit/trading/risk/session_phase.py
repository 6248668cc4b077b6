"""Session: orders are taken in continuous trading, and in an auction's ordering period if they can rest."""

from typing import ClassVar

from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.terms import OrderType
from tradepit.trading.model.terms import SessionPhase as Phase
from tradepit.trading.risk.exposure import Exposure
from tradepit.trading.risk.refusal import Refused
from tradepit.trading.risk.rule import Rule


class SessionPhase(Rule, frozen=True, kw_only=True):
    """``auctions`` False keeps orders out of call auctions. FAK, FOK and market orders are never taken there (exchange rules)."""

    name: ClassVar[str] = "session_phase"
    spares_reducing: ClassVar[bool] = False

    auctions: bool = True

    def check(self, intent: OrderIntent, exposure: Exposure, now_ns: int) -> Refused | None:  # noqa: ARG002 - the phase carries the time
        market = exposure.markets.get(intent.symbol)
        if market is None:
            # What is not listed has no session: that it is not listed is the better answer, and the next rule's.
            return None
        phase = market.phase
        if phase is Phase.CONTINUOUS:
            return None
        if phase is Phase.AUCTION_ORDERING and self.auctions and intent.order_type is OrderType.LIMIT:
            return None
        limit = "CONTINUOUS, AUCTION_ORDERING" if self.auctions and intent.order_type is OrderType.LIMIT else "CONTINUOUS"
        message = f"{intent.symbol} takes no {intent.order_type} order now"
        return self.refuse("NOT_TRADING_PERIOD", limit=limit, value=phase, message=message)
