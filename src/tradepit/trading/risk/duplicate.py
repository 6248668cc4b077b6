"""Duplicate: a bot's number on an account names one order; what comes under a number not above the last one is not a new order."""

from typing import ClassVar

from tradepit.trading.model.order import OrderIntent
from tradepit.trading.risk.exposure import Exposure
from tradepit.trading.risk.refusal import Refused
from tradepit.trading.risk.rule import Rule


class Duplicate(Rule, frozen=True, kw_only=True):
    """Gaps are allowed, going back is not. An order told again under its own id never gets here: its first answer is given.

    Orders without a bot or a number are told apart by their ids alone.
    """

    name: ClassVar[str] = "duplicate"
    spares_reducing: ClassVar[bool] = False

    def check(self, intent: OrderIntent, exposure: Exposure, now_ns: int) -> Refused | None:  # noqa: ARG002 - a number has no age
        book = exposure.books.get(intent.account)
        if book is None or not intent.bot or not intent.sequence:
            return None
        last = book.sequences.get(intent.bot, 0)
        if intent.sequence > last:
            return None
        message = "the bot has used this number, or a higher one, before"
        return self.refuse("DUPLICATE", limit=f"> {last}", value=intent.sequence, message=message)
