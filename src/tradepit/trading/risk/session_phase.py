"""Session: orders are taken in continuous trading, and in an auction's ordering period if they can rest."""

from typing import ClassVar

from tradepit.trading.calendar.acceptance import order_accepted, phases_of
from tradepit.trading.model.order import OrderIntent
from tradepit.trading.risk.exposure import Exposure
from tradepit.trading.risk.refusal import Refused
from tradepit.trading.risk.rule import Rule


class SessionPhase(Rule, frozen=True, kw_only=True):
    """``auctions`` False keeps orders out of call auctions. Which types are taken when is the exchanges' rule: an auction takes
    limit orders and the ATO or ATC orders made for it, continuous trading all others.
    """

    name: ClassVar[str] = "session_phase"
    spares_reducing: ClassVar[bool] = False

    auctions: bool = True

    def check(self, intent: OrderIntent, exposure: Exposure, now_ns: int) -> Refused | None:  # noqa: ARG002 - the phase carries the time
        market = exposure.markets.get(intent.symbol)
        if market is None:
            # What is not listed has no session: that it is not listed is the better answer, and the next rule's.
            return None
        phase = market.phase
        if order_accepted(intent.order_type, phase) and (self.auctions or not phase.gathers):
            return None
        taken = [each for each in phases_of(intent.order_type) if self.auctions or not each.gathers]
        limit = ", ".join(taken)
        message = f"{intent.symbol} takes no {intent.order_type} order now"
        return self.refuse("NOT_TRADING_PERIOD", limit=limit, value=phase, message=message)
