"""The settings of one backtest: everything but the bot and the ticks that decides its outcome."""

from decimal import Decimal
from typing import Annotated, Any

import msgspec

from tradepit.bots.host_settings import HostSettings
from tradepit.trading.matching.venue_settings import VenueSettings
from tradepit.trading.model.ids import check_id

_MAX_MAGNITUDE = 15
# The house's own defaults keep a person's hand calm; a bot in a backtest may be quick, and says with --risk what live would allow.
DEFAULT_RISK: dict[str, Any] = {
    "rate": {"orders_per_s": 1_000, "order_burst": 10_000, "cancels_per_s": 1_000, "cancel_burst": 10_000},
    "working_cap": {"max_per_symbol": 1_000, "max_per_account": 5_000},
}


class BacktestSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``latency_ms`` passes between the bot and the exchange, once on the way there (orders, cancels) and once on the way back
    (refusals, reports); ticks reach the bot at their own instant. ``risk`` are limits by rule as in ``orders.risk`` of a house's
    settings, ``products`` changes to products as there (fees, margin). ``sample_s`` is how often the equity is noted.
    """

    bot_id: str = "bot"
    account: str = "A1"
    deposit: Decimal = Decimal(10_000_000)
    seed: int = 1
    latency_ms: Annotated[float, msgspec.Meta(ge=0, le=3_600_000)] = 0.0
    risk: dict[str, Any] = msgspec.field(default_factory=lambda: dict(DEFAULT_RISK))
    products: dict[str, dict[str, Any]] = {}
    venue: VenueSettings = VenueSettings(snapshot_ns=0)
    host: HostSettings = HostSettings()
    sample_s: Annotated[float, msgspec.Meta(gt=0, le=86_400)] = 60.0

    def __post_init__(self) -> None:
        """Raises IdNotValid, ValueError."""
        check_id(self.bot_id, "bot_id")
        check_id(self.account, "account")
        if not self.deposit.is_finite() or self.deposit <= 0 or self.deposit.adjusted() > _MAX_MAGNITUDE:
            raise ValueError("deposit must be an amount of money")

    @property
    def latency_ns(self) -> int:
        """The latency in ns."""
        return round(self.latency_ms * 1_000_000)
