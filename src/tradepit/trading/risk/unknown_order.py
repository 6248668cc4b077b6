"""Order in doubt: while nobody knows what became of an order, no further risk is added in the same account and contract."""

from typing import ClassVar

from tradepit.trading.model.order import OrderIntent
from tradepit.trading.risk.exposure import Exposure
from tradepit.trading.risk.refusal import Refused
from tradepit.trading.risk.rule import Rule


class UnknownOrder(Rule, frozen=True, kw_only=True):
    """``refuse_while_pending`` False lets orders pass while another's outcome is unknown (it still counts as working)."""

    name: ClassVar[str] = "unknown_order"

    refuse_while_pending: bool = True

    def check(self, intent: OrderIntent, exposure: Exposure, now_ns: int) -> Refused | None:  # noqa: ARG002 - doubt has no age
        holding = exposure.holding(intent.account, intent.symbol)
        if holding is None or not holding.unknown or not self.refuse_while_pending:
            return None
        message = f"the outcome of {holding.unknown[0]} is not known yet"
        return self.refuse("UNKNOWN_ORDER_PENDING", limit=0, value=len(holding.unknown), message=message)
