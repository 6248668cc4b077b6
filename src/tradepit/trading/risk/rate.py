"""Request rate: token buckets per account, one for orders and a roomier one for cancels."""

from typing import Annotated, ClassVar

from msgspec import Meta

from tradepit.trading.model.order import OrderIntent
from tradepit.trading.risk.exposure import Exposure
from tradepit.trading.risk.refusal import Refused
from tradepit.trading.risk.rule import Rule

_MS = 1_000_000
Count = Annotated[int, Meta(ge=1)]


class Rate(Rule, frozen=True, kw_only=True):
    """Orders beyond ``orders_per_s`` (after ``order_burst`` at once) are refused; every order that comes to review takes a token,
    refused by another rule or not. An order refused for its rate takes none: there was none to take.

    Cancels beyond ``cancels_per_s`` (after ``cancel_burst``) are only sent later, by ``max_cancel_wait_ms`` at most.
    """

    name: ClassVar[str] = "rate"

    orders_per_s: Count = 10
    order_burst: Count = 20
    cancels_per_s: Count = 50
    cancel_burst: Count = 100
    max_cancel_wait_ms: Annotated[int, Meta(ge=0)] = 1_000

    def charge(self, intent: OrderIntent, exposure: Exposure, now_ns: int) -> None:
        book = exposure.books.get(intent.account)
        if book is not None:
            book.orders.take(now_ns, self.orders_per_s, self.order_burst)

    def check(self, intent: OrderIntent, exposure: Exposure, now_ns: int) -> Refused | None:  # noqa: ARG002 - charged at now_ns before
        if not exposure.books[intent.account].orders.over:
            return None
        limit = f"{self.orders_per_s}/s, {self.order_burst} at once"
        return self.refuse("RATE_LIMIT_EXCEEDED", limit=limit, value="no token left", message="too many orders of the account")

    def delay_cancel(self, account: str, exposure: Exposure, now_ns: int) -> int:
        book = exposure.books.get(account)
        if book is None:
            return 0
        return book.cancels.book(now_ns, self.cancels_per_s, self.cancel_burst, self.max_cancel_wait_ms * _MS)
