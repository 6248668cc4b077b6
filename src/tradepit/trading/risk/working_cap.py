"""Working-order cap: how many orders may be working at once, per contract and per account."""

from typing import Annotated, ClassVar

from msgspec import Meta

from tradepit.trading.model.order import OrderIntent
from tradepit.trading.risk.exposure import Exposure
from tradepit.trading.risk.refusal import Refused
from tradepit.trading.risk.rule import Rule


class WorkingCap(Rule, frozen=True, kw_only=True):
    """Orders whose outcome is unknown count as working."""

    name: ClassVar[str] = "working_cap"

    max_per_symbol: Annotated[int, Meta(ge=0)] = 50
    max_per_account: Annotated[int, Meta(ge=0)] = 200

    def check(self, intent: OrderIntent, exposure: Exposure, now_ns: int) -> Refused | None:  # noqa: ARG002 - a count has no age
        book = exposure.books[intent.account]
        if book.working_orders >= self.max_per_account:
            message = "working orders of the account"
            return self.refuse("MAX_WORKING", limit=self.max_per_account, value=book.working_orders, message=message)
        holding = book.holdings.get(intent.symbol)
        if holding is None or len(holding.working) < self.max_per_symbol:
            return None
        message = f"working orders in {intent.symbol}"
        return self.refuse("MAX_WORKING", limit=self.max_per_symbol, value=len(holding.working), message=message)
