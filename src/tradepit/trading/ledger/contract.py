"""A listed contract as the ledger sees it: what one lot is worth, costs and ties up at a price."""

from decimal import Decimal

from tradepit.trading.ledger.rules import FreezePrice
from tradepit.trading.model.errors import BadRequest
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.product import FeeRate

_PRE_SETTLEMENT = FreezePrice.PRE_SETTLEMENT  # named for each order: see ``at_hand``
_TOO_LARGE = Decimal(10) ** 10


class FeePerTick:
    """A fee rate with the contract's size multiplied in, so that a fill's fee is two products and a sum."""

    __slots__ = ("by_lot", "by_tick")

    def __init__(self, rate: FeeRate, tick_value: Decimal) -> None:
        self.by_tick = tick_value * rate.by_money
        self.by_lot = rate.by_volume

    def charge(self, price_ticks: int, lots: int) -> Decimal:
        """Fee of ``lots`` traded at ``price_ticks``, in the product's currency, not rounded."""
        return price_ticks * lots * self.by_tick + lots * self.by_lot


class Contract:
    """Prices of the day. ``*_value`` is money per lot: price times multiplier.

    ``mark`` is the last price; until the first trade it is the previous settlement. It moves with every tick and is worked out
    when somebody asks: for most ticks nobody does.
    """

    __slots__ = (
        "_frozen_fees",
        "_mark",
        "_mark_ticks",
        "_mark_value",
        "close_rule",
        "close_today_fee",
        "close_yesterday_fee",
        "instrument",
        "open_fee",
        "pre_margin",
        "pre_settlement",
        "pre_value",
        "product",
        "product_key",
        "ratio",
        "symbol",
        "tick_value",
    )

    def __init__(self, instrument: Instrument, pre_settlement: Decimal, mark: Decimal | None = None) -> None:
        product = instrument.product
        self.instrument = instrument
        self.product = product
        self.symbol = instrument.symbol
        self.product_key = f"{product.exchange}.{product.product_id}"
        self.close_rule = product.close_rule
        self.ratio = product.margin_ratio
        self.tick_value = product.tick_size * product.multiplier
        self.open_fee = FeePerTick(product.fees.open, self.tick_value)
        self.close_today_fee = FeePerTick(product.fees.close_today, self.tick_value)
        self.close_yesterday_fee = FeePerTick(product.fees.close_yesterday, self.tick_value)
        self.begin_day(pre_settlement)
        if mark is not None:
            self.mark_at(mark)

    def begin_day(self, pre_settlement: Decimal) -> None:
        """A new day whose basis is ``pre_settlement`` (quoted units). Raises BadRequest when it is not a positive number."""
        self.pre_settlement = check_price(self.symbol, pre_settlement)
        self.pre_value = pre_settlement * self.product.multiplier
        self.pre_margin = self.pre_value * self.ratio
        self._frozen_fees: dict[int, Decimal] = {}
        self.mark_at(pre_settlement)

    def mark_at(self, price: Decimal) -> None:
        """The last price is now ``price`` (quoted units)."""
        self._mark_ticks, self._mark = 0, price
        self._mark_value: Decimal | None = price * self.product.multiplier

    def mark_ticks(self, last_ticks: int) -> None:
        """The last price is now ``last_ticks``, more than 0."""
        if last_ticks != self._mark_ticks:
            self._mark_ticks, self._mark_value = last_ticks, None

    @property
    def mark(self) -> Decimal:
        """The last price (quoted units)."""
        return self._mark_ticks * self.product.tick_size if self._mark_ticks else self._mark

    @property
    def mark_value(self) -> Decimal:
        """What a lot is worth at the last price."""
        value = self._mark_value
        if value is None:
            value = self._mark_value = self._mark_ticks * self.tick_value
        return value

    def frozen_margin(self, price_ticks: int, basis: FreezePrice) -> Decimal:
        """Margin one lot of a working open order freezes; ``price_ticks`` 0 is a market order."""
        if basis is _PRE_SETTLEMENT:
            return self.pre_margin
        return (price_ticks or self._upper_limit()) * self.tick_value * self.ratio

    def frozen_fee(self, price_ticks: int) -> Decimal:
        """Fee one lot of a working open order freezes; a market order is reckoned at the upper limit price."""
        fee = self._frozen_fees.get(price_ticks)
        if fee is None:
            # A day has no more prices than its band, and orders come at few of them.
            fee = self._frozen_fees[price_ticks] = self.open_fee.charge(price_ticks or self._upper_limit(), 1)
        return fee

    def _upper_limit(self) -> int:
        return self.instrument.price_band(self.pre_settlement)[1]


def check_price(symbol: str, price: Decimal) -> Decimal:
    """``price`` itself when it is positive, below 1e10 and has at most 6 decimals; raises BadRequest otherwise."""
    # Bounded both ways so that every product and sum stays exact within Decimal's 28 digits.
    if not price.is_finite() or not 0 < price < _TOO_LARGE or price != round(price, 6):
        raise BadRequest(
            "A settlement price must be positive, below 1e10, with at most 6 decimals.", symbol=symbol, price=str(price)[:40]
        )
    return price
