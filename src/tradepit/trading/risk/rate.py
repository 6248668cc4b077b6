"""Request rate: token buckets per account and per bot, for orders and roomier ones for cancels, and totals of the day."""

from typing import Annotated, ClassVar

from msgspec import Meta

from tradepit.trading.model.order import OrderIntent
from tradepit.trading.risk.book import Requests
from tradepit.trading.risk.exposure import Exposure
from tradepit.trading.risk.refusal import Refused
from tradepit.trading.risk.rule import Rule

_MS = 1_000_000
Count = Annotated[int, Meta(ge=1)]


class Rate(Rule, frozen=True, kw_only=True):
    """Orders beyond ``orders_per_s`` (after ``order_burst`` at once) are refused; every order that comes to review takes a token,
    refused by another rule or not. An order refused for its rate takes none: there was none to take.

    Cancels beyond ``cancels_per_s`` (after ``cancel_burst``) are only sent later, by ``max_cancel_wait_ms`` at most. The same
    numbers with ``bot_`` count what one bot asks for on all its accounts. ``max_day_orders`` and ``max_day_cancels`` are totals of
    an account's trading day (None: no limit), refused orders included; cancels beyond their total go, but no new order does.
    """

    name: ClassVar[str] = "rate"

    orders_per_s: Count = 10
    order_burst: Count = 20
    cancels_per_s: Count = 50
    cancel_burst: Count = 100
    bot_orders_per_s: Count = 1_000
    bot_order_burst: Count = 2_000
    bot_cancels_per_s: Count = 1_000
    bot_cancel_burst: Count = 2_000
    max_cancel_wait_ms: Annotated[int, Meta(ge=0)] = 1_000
    max_day_orders: Annotated[int, Meta(ge=0)] | None = None
    max_day_cancels: Annotated[int, Meta(ge=0)] | None = None
    max_bot_day_orders: Annotated[int, Meta(ge=0)] | None = None
    max_bot_day_cancels: Annotated[int, Meta(ge=0)] | None = None

    def charge(self, intent: OrderIntent, exposure: Exposure, now_ns: int) -> None:
        book = exposure.books.get(intent.account)
        if book is None:
            return
        book.requests.orders.take(now_ns, self.orders_per_s, self.order_burst)
        book.requests.day_orders += 1
        if intent.bot:
            asked = exposure.requests_of(intent.bot)
            asked.orders.take(now_ns, self.bot_orders_per_s, self.bot_order_burst)
            asked.day_orders += 1

    def check(self, intent: OrderIntent, exposure: Exposure, now_ns: int) -> Refused | None:  # noqa: ARG002 - charged at now_ns before
        asked = exposure.books[intent.account].requests
        if asked.orders.over:
            return self._too_fast(self.orders_per_s, self.order_burst, "account")
        over = self._over_total(asked, self.max_day_orders, self.max_day_cancels, "account")
        if over is not None or not intent.bot:
            return over
        asked = exposure.requests_of(intent.bot)
        if asked.orders.over:
            return self._too_fast(self.bot_orders_per_s, self.bot_order_burst, "bot")
        return self._over_total(asked, self.max_bot_day_orders, self.max_bot_day_cancels, "bot")

    def delay_cancel(self, account: str, bot: str, exposure: Exposure, now_ns: int) -> int:
        book = exposure.books.get(account)
        if book is None:
            return 0
        longest = self.max_cancel_wait_ms * _MS
        wait = book.requests.cancels.book(now_ns, self.cancels_per_s, self.cancel_burst, longest)
        if bot:
            asked = exposure.requests_of(bot)
            wait = max(wait, asked.cancels.book(now_ns, self.bot_cancels_per_s, self.bot_cancel_burst, longest))
        return wait

    def _too_fast(self, per_s: int, burst: int, whose: str) -> Refused:
        limit, message = f"{per_s}/s, {burst} at once", f"too many orders of the {whose}"
        return self.refuse("RATE_LIMIT_EXCEEDED", limit=limit, value="no token left", message=message)

    def _over_total(self, asked: Requests, orders: int | None, cancels: int | None, whose: str) -> Refused | None:
        if orders is None and cancels is None:
            return None
        for what, limit, value in (("orders", orders, asked.day_orders), ("cancels", cancels, asked.day_cancels)):
            if limit is not None and value > limit:
                message = f"too many {what} of the {whose} today"
                return self.refuse("RATE_LIMIT_EXCEEDED", limit=f"{limit} {what} a day", value=value, message=message)
        return None
