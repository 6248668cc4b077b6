"""Permission: which contracts may be traded, which accounts are enabled, and which bot may trade on which account."""

from typing import ClassVar

import msgspec

from tradepit.trading.model.order import OrderIntent
from tradepit.trading.risk.exposure import Exposure
from tradepit.trading.risk.refusal import Refused
from tradepit.trading.risk.rule import Rule


class Permission(Rule, frozen=True, kw_only=True):
    """None means that nobody said: everything is allowed. A list that is empty allows nothing.

    ``symbols`` are contract codes, or products (``IF``) with all their contracts. ``blocked_symbols`` and ``disabled_accounts`` go
    before. ``bots`` are the accounts of each bot; once it is told, a bot that is not in it may trade on none. Orders of no bot are
    not concerned by it.
    """

    name: ClassVar[str] = "permission"

    symbols: list[str] | None = None
    blocked_symbols: list[str] = msgspec.field(default_factory=list)
    disabled_accounts: list[str] = msgspec.field(default_factory=list)
    bots: dict[str, list[str]] | None = None

    @property
    def idle(self) -> bool:
        """True when nobody said anything."""
        return self.symbols is None and self.bots is None and not self.blocked_symbols and not self.disabled_accounts

    def check(self, intent: OrderIntent, exposure: Exposure, now_ns: int) -> Refused | None:  # noqa: ARG002 - permissions have no age
        market = exposure.markets.get(intent.symbol)
        product = market.instrument.product.product_id if market is not None else intent.symbol
        names = (intent.symbol, product)
        if any(name in self.blocked_symbols for name in names):
            return self._blocked("symbols not blocked", intent.symbol, f"{intent.symbol} is blocked")
        if self.symbols is not None and not any(name in self.symbols for name in names):
            return self._blocked("allowed symbols", intent.symbol, f"{intent.symbol} is not on the list of allowed symbols")
        if intent.account in self.disabled_accounts:
            return self._blocked("enabled accounts", intent.account, "the account is disabled")
        if intent.bot and self.bots is not None and intent.account not in self.bots.get(intent.bot, ()):
            return self._blocked(f"accounts of {intent.bot}", intent.account, "the bot may not trade on this account")
        return None

    def _blocked(self, limit: str, value: str, message: str) -> Refused:
        return self.refuse("SYMBOL_BLOCKED", limit=limit, value=value, message=message)
