"""Price collar: no order buys far above, or sells far below, the present market."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, ClassVar

from msgspec import Meta

from tradepit.trading.model.at_hand import at_hand
from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.terms import Side
from tradepit.trading.risk.exposure import Exposure
from tradepit.trading.risk.market import Market
from tradepit.trading.risk.refusal import Refused
from tradepit.trading.risk.rule import Rule

_BUY = Side.BUY  # named for each order: see ``at_hand``
_MS = 1_000_000


@at_hand
class WithoutData(StrEnum):
    """What to do when there is no fresh price to compare with.

    ``REFUSE`` everything; ``LIMITS``: take priced orders inside the day's price limits, refuse market orders.
    """

    REFUSE = "refuse"
    LIMITS = "limits"


class Collar(Rule, frozen=True, kw_only=True):
    """Worst distance from the last price (or the middle of the quotes): ``max_away`` as a fraction, or ``max_away_ticks``.

    The wider of the two counts, so that a low-priced contract keeps a few ticks. Prices on the safe side (low bids, high offers)
    are free. A price older than ``max_age_ms`` is no price.
    """

    name: ClassVar[str] = "collar"

    max_away: Decimal = Decimal("0.03")
    max_away_ticks: Annotated[int, Meta(ge=0)] = 10
    max_age_ms: Annotated[int, Meta(ge=1)] = 60_000
    without_data: WithoutData = WithoutData.LIMITS

    def __post_init__(self) -> None:
        if not (self.max_away.is_finite() and 0 <= self.max_away < 1):
            raise ValueError("max_away must be a fraction from 0 up to, not including, 1")

    def check(self, intent: OrderIntent, exposure: Exposure, now_ns: int) -> Refused | None:
        market = exposure.markets[intent.symbol]
        fair = market.fair_ticks
        if not fair or now_ns - market.seen_ns > self.max_age_ms * _MS:
            return self._blind(intent, market, now_ns)
        if not intent.order_type.priced:
            return None
        beyond = intent.price_ticks - fair if intent.side is _BUY else fair - intent.price_ticks
        if beyond <= self.max_away_ticks:
            return None
        away = max(int(fair * self.max_away), self.max_away_ticks)
        if beyond <= away:
            return None
        limit = fair + away if intent.side is _BUY else fair - away
        message = f"too far through the market at {fair} ticks"
        return self.refuse("PRICE_COLLAR", limit=f"{limit} ticks", value=f"{intent.price_ticks} ticks", message=message)

    def _blind(self, intent: OrderIntent, market: Market, now_ns: int) -> Refused | None:
        priced = intent.order_type.priced
        inside = 0 < market.lower_ticks <= intent.price_ticks <= market.upper_ticks
        if priced and inside and self.without_data is WithoutData.LIMITS:
            return None
        value = f"{(now_ns - market.seen_ns) // _MS} ms" if market.fair_ticks else "none"
        message = f"no fresh price of {intent.symbol} to compare with"
        return self.refuse("PRICE_COLLAR", limit=f"price within {self.max_age_ms} ms", value=value, message=message)
