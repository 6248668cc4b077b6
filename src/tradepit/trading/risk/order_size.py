"""Order size: the most lots and the most contract value one order may have."""

from decimal import Decimal
from typing import Annotated, ClassVar

import msgspec

from tradepit.trading.model.order import OrderIntent
from tradepit.trading.risk.exposure import Exposure
from tradepit.trading.risk.refusal import Refused
from tradepit.trading.risk.rule import Rule

Lots = Annotated[int, msgspec.Meta(ge=0)]


class OrderSize(Rule, frozen=True, kw_only=True):
    """``max_lots`` per order, other values per contract in ``max_lots_by_symbol``; ``max_notional`` per currency.

    A market order is valued at the day's upper limit. A currency without a limit is refused: nobody said how much is too much.
    """

    name: ClassVar[str] = "order_size"

    max_lots: Lots = 500
    max_lots_by_symbol: dict[str, Lots] = msgspec.field(default_factory=dict)
    max_notional: dict[str, Decimal] = msgspec.field(
        default_factory=lambda: {"CNY": Decimal(500_000_000), "VND": Decimal(1_500_000_000_000)}
    )

    def __post_init__(self) -> None:
        if not all(amount.is_finite() and amount >= 0 for amount in self.max_notional.values()):
            raise ValueError("max_notional must be an amount of money per currency")

    def check(self, intent: OrderIntent, exposure: Exposure, now_ns: int) -> Refused | None:  # noqa: ARG002 - size has no age
        lots = self.max_lots_by_symbol.get(intent.symbol, self.max_lots)
        if intent.volume_lots > lots:
            return self.refuse(
                "QUANTITY_EXCEEDS_MAXIMUM", limit=lots, value=intent.volume_lots, message="too many lots in one order"
            )
        market = exposure.markets[intent.symbol]
        currency = market.instrument.product.currency
        limit = self.max_notional.get(currency)
        price = market.worst_ticks(intent.price_ticks)
        if limit is None or not price:
            why = f"no limit is set for {currency}" if limit is None else "the order's value is not known"
            return self.refuse("NOTIONAL_EXCEEDS_MAX_PER_ORDER", limit=limit, value="unknown", message=why)
        value = market.instrument.notional(price, intent.volume_lots)
        if value <= limit:
            return None
        message = "too much contract value in one order"
        return self.refuse(
            "NOTIONAL_EXCEEDS_MAX_PER_ORDER", limit=f"{limit} {currency}", value=f"{value} {currency}", message=message
        )
