"""Daily loss: an account that lost too much since its trading day opened may only reduce, until a person resets it."""

from decimal import Decimal
from typing import ClassVar

from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.terms import TradingState
from tradepit.trading.risk.book import AccountBook
from tradepit.trading.risk.exposure import Exposure
from tradepit.trading.risk.refusal import Refused
from tradepit.trading.risk.rule import Rule

_ZERO = Decimal(0)


class DailyLoss(Rule, frozen=True, kw_only=True):
    """``max_loss`` in the account's currency, ``max_loss_share`` of the equity at the trading day's open; the tighter one counts.

    The loss is realised and unrealised together, fees included. A night session belongs to the next trading day. ``breached`` may
    be asked at any time (a risk monitor does, on every price); a breach seen in review asks for REDUCING by its ``escalate``.
    """

    name: ClassVar[str] = "daily_loss"

    max_loss: Decimal | None = None
    max_loss_share: Decimal | None = Decimal("0.05")

    def __post_init__(self) -> None:
        given = [limit for limit in (self.max_loss, self.max_loss_share) if limit is not None]
        if not given or not all(limit.is_finite() and limit >= 0 for limit in given):
            raise ValueError("max_loss or max_loss_share must be given, and not be negative")

    def limit(self, book: AccountBook) -> Decimal:
        """The loss at which the account is stopped, in its currency."""
        if self.max_loss_share is None:
            return self.max_loss if self.max_loss is not None else _ZERO  # one of both is given
        share = max(_ZERO, book.opening_equity * self.max_loss_share)
        return share if self.max_loss is None else min(self.max_loss, share)

    def breached(self, book: AccountBook) -> bool:
        """True when the day's loss has reached the limit; an account without equity has reached it."""
        return -book.day_result >= self.limit(book)

    def check(self, intent: OrderIntent, exposure: Exposure, now_ns: int) -> Refused | None:  # noqa: ARG002 - the day is the exposure's
        book = exposure.books[intent.account]
        # No limit is negative: an account that won today needs no reckoning.
        if book.profit > book.fees or not self.breached(book):
            return None
        message = "the account lost too much today"
        return self.refuse(
            "LOSS_CAP", limit=self.limit(book), value=-book.day_result, message=message, escalate=TradingState.REDUCING
        )
