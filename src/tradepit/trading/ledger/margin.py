"""Margin of one account in one product: both sides, or the larger side where the exchange grants relief."""

from decimal import Decimal

_ZERO = Decimal(0)


class ProductMargin:
    """Long and short margin summed over all contract months of a product, and what is charged for them."""

    __slots__ = ("charged", "larger_side", "long", "short")

    def __init__(self, larger_side: bool) -> None:
        self.larger_side = larger_side
        self.long = self.short = self.charged = _ZERO

    def add(self, long: Decimal, short: Decimal) -> Decimal:
        """Change the two sides by ``long`` and ``short``; returns the change of what is charged."""
        before = self.charged
        self.long += long
        self.short += short
        self.charged = max(self.long, self.short) if self.larger_side else self.long + self.short
        return self.charged - before
