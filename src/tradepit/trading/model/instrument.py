"""A listed contract and the arithmetic of its prices: quoted price to integer ticks, and the daily limit band."""

from datetime import date
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

import msgspec

from tradepit.trading.model.errors import PriceNotValid, PriceWrongTick
from tradepit.trading.model.product import Product

MAX_TICKS = 2**31 - 1
_MAX_MAGNITUDE = 12


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """One contract, such as IF2501. ``symbol`` is the bare contract code; the exchange is in the product.

    ``expiry`` is the last trading day. ``listing_price`` is the benchmark of the first day (quoted units).
    """

    symbol: str
    product: Product
    expiry: date
    listing_price: Decimal

    def to_ticks(self, price: Decimal) -> int:
        """Integer ticks of a quoted price. Raises PriceNotValid (not a positive finite number), PriceWrongTick."""
        # The magnitude is checked before any arithmetic: Decimal("1e999999") would become a million-digit integer.
        if not price.is_finite() or price <= 0 or price.adjusted() > _MAX_MAGNITUDE:
            raise PriceNotValid(symbol=self.symbol)
        whole = int(price / self.product.tick_size)
        if whole > MAX_TICKS:
            raise PriceNotValid(symbol=self.symbol)
        if whole * self.product.tick_size != price:
            raise PriceWrongTick(symbol=self.symbol, price=str(price)[:40], tick_size=str(self.product.tick_size))
        return whole

    def to_price(self, ticks: int) -> Decimal:
        """The quoted price of ``ticks``."""
        return ticks * self.product.tick_size

    def notional(self, ticks: int, lots: int) -> Decimal:
        """Contract value of ``lots`` at ``ticks``, in the product's currency."""
        product = self.product
        return product.tick_size * (ticks * lots * product.multiplier)

    def price_band(self, reference: Decimal) -> tuple[int, int]:
        """Lowest and highest tradable tick of a day whose reference (previous settlement) is ``reference``.

        Limits are rounded inward to the tick (observed on HNX and CFFEX: 5216.2 at 10 % gives 4694.6 and 5737.8).
        """
        tick, pct = self.product.tick_size, self.product.limit_pct
        low = (reference * (1 - pct) / tick).to_integral_value(rounding=ROUND_CEILING)
        high = (reference * (1 + pct) / tick).to_integral_value(rounding=ROUND_FLOOR)
        return max(1, int(low)), int(high)
