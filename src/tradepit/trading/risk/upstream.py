"""Rule ``upstream``: whoever sends the orders has reviewed them, and this house says so instead of reviewing them again."""

from typing import ClassVar

from tradepit.trading.model.order import OrderIntent
from tradepit.trading.risk.exposure import Exposure
from tradepit.trading.risk.refusal import Refused
from tradepit.trading.risk.rule import Rule


class ReviewedUpstream(Rule, frozen=True, kw_only=True):
    """Lets every order pass. It stands alone where the contract says that risk is the sender's (the broker connect's engine).

    A review without any rule refuses: that nothing is checked here has to be asked for by this name.
    """

    name: ClassVar[str] = "upstream"

    def check(self, intent: OrderIntent, exposure: Exposure, now_ns: int) -> Refused | None:  # noqa: ARG002 - it looks at nothing
        return None
