"""The venue's settings: how trades are priced, how often snapshots appear, when the day is settled."""

from decimal import Decimal

import msgspec

from tradepit.trading.ledger.rules import LedgerRules
from tradepit.trading.model.errors import ConfigError
from tradepit.trading.model.terms import PriceRule, SelfTradePolicy


class VenueSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of one venue; they are part of its state, because another setting would give other events.

    ``self_trade`` is every account's policy unless ``self_trade_by_account`` names another.
    ``snapshot_ns`` is the cadence of published ticks per instrument, 0 for none; China's exchanges publish every 500 ms.
    ``settle_minute`` is the market's local minute of the day at which a trading day is settled when all of its products
    have closed by then (16:00, after the clearing house's own hour), else as soon as they have.
    ``session_group`` names the country whose trading days the venue keeps (any of its groups; ``hnx`` for Vietnam).
    ``mtl_rest_ticks`` is how far beyond the best opposite price an MTL order trades and its rest waits: 0 is the matched price
    (HNX's derivatives), 1 a step beyond it (HOSE's former MP).
    ``ledger`` says how margin and freezing are reckoned. ``max_outside_levels`` bounds what one tick may display per side.
    """

    price_rule: PriceRule = PriceRule.MAKER
    self_trade: SelfTradePolicy = SelfTradePolicy.CANCEL_NEWEST
    self_trade_by_account: dict[str, SelfTradePolicy] = {}
    snapshot_ns: int = 500_000_000
    settle_minute: int = 16 * 60
    session_group: str = "cn_day"
    ledger: LedgerRules = LedgerRules()
    mtl_rest_ticks: int = 0
    max_outside_levels: int = 10
    max_accounts: int = 100_000
    max_deposit: Decimal = Decimal(10) ** 15

    def __post_init__(self) -> None:
        """Raises ConfigError. Before 15:15 products still trade; from 18:00 an instant counts to the next trading day."""
        if not 15 * 60 + 15 <= self.settle_minute < 18 * 60:
            raise ConfigError("settle_minute must lie from 15:15 up to 18:00.", settle_minute=self.settle_minute)
        if (
            self.snapshot_ns < 0
            or not 0 <= self.max_outside_levels <= 100
            or not 0 <= self.mtl_rest_ticks <= 100
            or self.max_deposit <= 0
        ):
            raise ConfigError("A venue setting is out of range.")

    def self_trade_of(self, account: str) -> SelfTradePolicy:
        """The self-trade policy of ``account``."""
        return self.self_trade_by_account.get(account, self.self_trade)
