"""What the outside market holds against the venue's accounts: counted apart, so that every trade here sums to zero."""

from decimal import Decimal

import msgspec

from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.terms import Side


class OutsideHolding(msgspec.Struct):
    """The outside has no account: no money, margin, fees or limits.

    ``lots`` are long minus short; ``cash_value`` is the sum of ticks * lots it received, less those it paid. Together they are
    worth the exact opposite of what the accounts gained in this contract against it.
    """

    lots: int = 0
    cash_value: int = 0

    def trade(self, side: Side, ticks: int, lots: int) -> int:
        """The outside bought or sold; returns by how many lots its position grew (negative: shrank)."""
        before = abs(self.lots)
        signed = lots if side is Side.BUY else -lots
        self.lots += signed
        self.cash_value -= signed * ticks
        return abs(self.lots) - before

    def value(self, instrument: Instrument, price: Decimal) -> Decimal:
        """Cash and position at ``price`` (quoted units), in the product's currency."""
        return instrument.notional(self.cash_value, 1) + self.lots * price * instrument.product.multiplier
