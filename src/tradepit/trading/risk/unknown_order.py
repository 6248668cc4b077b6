"""Order in doubt: while it is not known what became of an order, or what the broker told last, no further risk is added there."""

from typing import ClassVar

from tradepit.trading.model.order import OrderIntent
from tradepit.trading.risk.exposure import GLOBAL, Exposure
from tradepit.trading.risk.refusal import Refused
from tradepit.trading.risk.rule import Rule


class UnknownOrder(Rule, frozen=True, kw_only=True):
    """``refuse_while_pending`` False lets orders pass while another's outcome is unknown (it still counts as working).

    An order in doubt concerns its own account and contract; while reports are being caught up with, the
    account (or the house) is closed as a whole.
    """

    name: ClassVar[str] = "unknown_order"

    refuse_while_pending: bool = True

    def check(self, intent: OrderIntent, exposure: Exposure, now_ns: int) -> Refused | None:  # noqa: ARG002 - doubt has no age
        if exposure.reconciling and (GLOBAL in exposure.reconciling or intent.account in exposure.reconciling):
            message = "what the broker told of the account is not complete yet"
            return self.refuse("STREAM_RECONCILING", limit="complete reports", value=intent.account, message=message)
        holding = exposure.holding(intent.account, intent.symbol)
        if holding is None or not holding.unknown or not self.refuse_while_pending:
            return None
        message = f"the outcome of {holding.unknown[0]} is not known yet"
        return self.refuse("UNKNOWN_ORDER_PENDING", limit=0, value=len(holding.unknown), message=message)
