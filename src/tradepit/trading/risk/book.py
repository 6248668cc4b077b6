"""One account, and one bot, as the review sees them: the day's profit and requests, holdings, and what went wrong lately."""

from decimal import Decimal

import msgspec

from tradepit.trading.risk.bucket import Bucket
from tradepit.trading.risk.holding import Holding

LATELY = 64


class Requests(msgspec.Struct):
    """What somebody asked for: token buckets per second, and totals of the trading day."""

    orders: Bucket = msgspec.field(default_factory=Bucket)
    cancels: Bucket = msgspec.field(default_factory=Bucket)
    day_orders: int = 0
    day_cancels: int = 0

    def roll(self) -> None:
        """A new trading day: the totals begin anew."""
        self.day_orders = self.day_cancels = 0


class Lately(msgspec.Struct):
    """The instants (UTC ns) of the last 64 happenings of a kind, oldest first."""

    instants: list[int] = []

    def add(self, time_ns: int) -> None:
        """It happened again."""
        self.instants.append(time_ns)
        if len(self.instants) > LATELY:
            del self.instants[0]

    def tripped(self, count: int, window_ns: int, cooldown_ns: int, now_ns: int) -> bool:
        """True when the last ``count`` (1 to 64) fell into ``window_ns``, until ``cooldown_ns`` have passed since the newest."""
        if len(self.instants) < count or now_ns - self.instants[-1] >= cooldown_ns:
            return False
        return self.instants[-1] - self.instants[-count] <= window_ns


class AccountBook(msgspec.Struct):
    """Money is Decimal in the account's currency.

    ``profit`` is realised and unrealised profit of the trading day together, marked to the last price against the day's basis
    (previous settlement for history lots, the trade's price for today's): only their sum says how the day went. ``rejects`` are
    refusals of the exchange, ``errors`` orders that were left without an answer. ``sequences`` are the highest numbers used, by bot.
    """

    opening_equity: Decimal
    profit: Decimal = Decimal(0)
    fees: Decimal = Decimal(0)
    holdings: dict[str, Holding] = {}
    working_orders: int = 0
    requests: Requests = msgspec.field(default_factory=Requests)
    rejects: Lately = msgspec.field(default_factory=Lately)
    errors: Lately = msgspec.field(default_factory=Lately)
    sequences: dict[str, int] = {}

    @property
    def day_result(self) -> Decimal:
        """Profit less fees since the trading day opened; negative is a loss."""
        return self.profit - self.fees

    @property
    def equity(self) -> Decimal:
        """Equity now."""
        return self.opening_equity + (self.profit - self.fees)

    def mark(self, holding: Holding, price: Decimal, multiplier: int) -> None:
        """Value ``holding`` at ``price`` (quoted units) from now on."""
        if holding.marked and price != holding.mark:
            self.profit += holding.net * multiplier * (price - holding.mark)
        holding.mark, holding.marked = price, True

    def roll(self) -> None:
        """A new trading day: what is there now is the new baseline."""
        self.opening_equity = self.equity
        self.profit = self.fees = Decimal(0)
        self.requests.roll()
