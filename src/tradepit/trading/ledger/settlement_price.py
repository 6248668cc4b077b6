"""The daily settlement price: volume-weighted averages over the whole day or back from its last trading hour."""

import math
from decimal import Decimal
from fractions import Fraction

import msgspec

from tradepit.trading.ledger.trading_hours import HOUR_NS, TradingHours, hours_of
from tradepit.trading.model.product import Product, SettlementRule

_HALF = Fraction(1, 2)


class SettlementTape(msgspec.Struct, kw_only=True):
    """Turnover and volume of one contract's trading day, by hours of trading time counted back from the close.

    ``sessions`` are the day's continuous sessions as half-open (start, end) UTC ns, in order; breaks are no trading time.
    ``turnover[i]`` (money: price x multiplier x lots) and ``lots[i]`` belong to the i-th hour before the close;
    ``last_elapsed_ns`` is the trading time from the open to the last trade, -1 before any. A tape is its own snapshot.
    """

    sessions: tuple[tuple[int, int], ...]
    turnover: list[Decimal]
    lots: list[int]
    last_elapsed_ns: int = -1

    @classmethod
    def of_day(cls, sessions: tuple[tuple[int, int], ...]) -> "SettlementTape":
        """An empty tape of a day with these sessions; without any, everything counts as one hour."""
        hours = hours_of(sessions).hours
        return cls(sessions=sessions, turnover=[Decimal(0)] * hours, lots=[0] * hours)

    def add(self, time_ns: int, turnover: Decimal, lots: int, hours: TradingHours | None = None) -> None:
        """Note trades at ``time_ns``: before the open counts as at the open, in a break as the last instant before it.

        ``hours`` are those of the sessions, for a caller who has them at hand.
        """
        elapsed, hour = (hours or hours_of(self.sessions)).place(time_ns)
        self.turnover[hour] += turnover
        self.lots[hour] += lots
        if elapsed > self.last_elapsed_ns:  # noqa: PLR1730 - max() is a slow call
            self.last_elapsed_ns = elapsed

    def price(self, product: Product, previous: Decimal) -> Decimal:
        """The settlement price by the product's rule, on its settlement step; ``previous`` when nothing traded.

        LAST_HOUR_VWAP goes back hour by hour to the last one with trades; when the last trade came within an hour of the open,
        the whole day's average is taken (CFFEX clearing rules).
        """
        day_lots = sum(self.lots)
        if not day_lots:
            return previous
        whole_day = product.settlement_rule is SettlementRule.DAY_VWAP or self.last_elapsed_ns < HOUR_NS
        if whole_day:
            return vwap(sum(self.turnover, Decimal(0)), day_lots, product)
        hour = next(index for index, lots in enumerate(self.lots) if lots)
        return vwap(self.turnover[hour], self.lots[hour], product)


def vwap(turnover: Decimal, lots: int, product: Product) -> Decimal:
    """Average price of ``lots`` (more than 0) with ``turnover`` (money), rounded half up to the settlement step."""
    steps = Fraction(turnover) / (lots * product.multiplier) / Fraction(product.settlement_step)
    return math.floor(steps + _HALF) * product.settlement_step
