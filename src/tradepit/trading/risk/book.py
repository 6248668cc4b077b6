"""One account as the review sees it: the day's profit against its opening equity, its holdings, and its request buckets."""

from decimal import Decimal

import msgspec

from tradepit.trading.risk.bucket import Bucket
from tradepit.trading.risk.holding import Holding


class AccountBook(msgspec.Struct):
    """Money is Decimal in the account's currency.

    ``profit`` is realised and unrealised profit of the trading day together, marked to the last price against the day's basis
    (previous settlement for history lots, the trade's price for today's): only their sum says how the day went.
    """

    opening_equity: Decimal
    profit: Decimal = Decimal(0)
    fees: Decimal = Decimal(0)
    holdings: dict[str, Holding] = {}
    working_orders: int = 0
    orders: Bucket = msgspec.field(default_factory=Bucket)
    cancels: Bucket = msgspec.field(default_factory=Bucket)

    @property
    def day_result(self) -> Decimal:
        """Profit less fees since the trading day opened; negative is a loss."""
        return self.profit - self.fees

    @property
    def equity(self) -> Decimal:
        """Equity now."""
        return self.opening_equity + self.day_result

    def mark(self, holding: Holding, price: Decimal, multiplier: int) -> None:
        """Value ``holding`` at ``price`` (quoted units) from now on."""
        if holding.marked and price != holding.mark:
            self.profit += holding.net * multiplier * (price - holding.mark)
        holding.mark, holding.marked = price, True

    def roll(self) -> None:
        """A new trading day: what is there now is the new baseline."""
        self.opening_equity = self.equity
        self.profit = self.fees = Decimal(0)
