"""What a bot holds in one contract by its own trades, and what it is worth."""

from decimal import Decimal
from fractions import Fraction

import msgspec

from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.position import Position
from tradepit.trading.model.product import CloseRule
from tradepit.trading.model.terms import Offset, Side
from tradepit.trading.model.trade import Trade
from tradepit.trading.risk.holding import Holding, Leg

_BUY, _SELL, _OPEN, _NETS = Side.BUY, Side.SELL, Offset.OPEN, CloseRule.NET  # named for each order: see ``at_hand``


class KeptPosition(msgspec.Struct, frozen=True, kw_only=True):
    """A position as it is kept over a restart: (today's, history's) lots long and short, sums as fractions of ticks times lots."""

    lots: tuple[tuple[int, int], ...]
    paid: str
    cost: str
    fees: Decimal
    traded_lots: int


class OwnPosition:
    """A bot's virtual position: its own trades only, whoever else trades on the account. Sums are exact, in ticks times lots.

    ``holding`` counts lots and working orders as the risk review does, by the exchange's own rule.
    """

    __slots__ = ("_cost", "_paid", "fees", "holding", "instrument", "over", "traded_lots", "under", "value_per_tick")

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.holding = Holding(close_rule=instrument.product.close_rule)
        self.over, self.under = instrument.product.tick_size.as_integer_ratio()
        self.value_per_tick = instrument.product.tick_size * instrument.product.multiplier
        self.fees = Decimal(0)
        self.traded_lots = 0
        # Exact: whole numbers until an average price is none, for fractions cost many times as much.
        self._paid: Fraction | int = 0  # ticks * lots bought less those sold, over all trades
        self._cost: Fraction | int = 0  # the same of the lots held now, at their average price

    @property
    def net(self) -> int:
        """Long lots less short ones."""
        return self.holding.net

    @property
    def average_ticks(self) -> Fraction:
        """The average price of the lots held net, in ticks; 0 when flat."""
        return Fraction(self._cost) / self.net if self.net else Fraction(0)

    @property
    def average_price(self) -> float:
        """The average price of the lots held net, quoted; 0.0 when flat."""
        return float(self.average_ticks * Fraction(self.instrument.product.tick_size))

    def realized(self) -> float:
        """Profit of what was closed, before fees."""
        return float((self._cost - self._paid) * Fraction(self.value_per_tick))

    def unrealized(self, last_ticks: int) -> float:
        """Profit of what is held, were it closed at ``last_ticks``."""
        return float((self.net * last_ticks - self._cost) * Fraction(self.value_per_tick)) if last_ticks else 0.0

    def trade(self, trade: Trade) -> None:
        """Fold one own trade."""
        lots = trade.volume_lots if trade.side is _BUY else -trade.volume_lots
        before = self.net
        self.holding.move(trade)
        self.traded_lots += trade.volume_lots
        self.fees += Decimal(trade.fee)
        self._paid += lots * trade.price_ticks
        after = before + lots
        if before * lots >= 0:
            self._cost += lots * trade.price_ticks
        elif before * after >= 0:
            self._cost = Fraction(self._cost * after) / before if after else 0
        else:
            self._cost = after * trade.price_ticks

    def adopt(self, position: Position, price_ticks: int) -> None:
        """Take over lots of a former life, held at ``price_ticks`` on average."""
        leg = self.holding.long if position.side is _BUY else self.holding.short
        leg.today, leg.yesterday = position.today_lots, position.yesterday_lots
        lots = position.lots if position.side is _BUY else -position.lots
        self._paid += lots * price_ticks
        self._cost += lots * price_ticks

    def keep(self) -> "KeptPosition":
        """All there is to know of it but working orders, exactly."""
        legs = (self.holding.long, self.holding.short)
        return KeptPosition(
            lots=tuple((leg.today, leg.yesterday) for leg in legs),
            paid=str(self._paid),
            cost=str(self._cost),
            fees=self.fees,
            traded_lots=self.traded_lots,
        )

    def restore(self, kept: "KeptPosition") -> None:
        """Be what was kept, in place of what it was."""
        for leg, (today, yesterday) in zip((self.holding.long, self.holding.short), kept.lots, strict=True):
            leg.today, leg.yesterday = today, yesterday
        self._paid, self._cost = Fraction(kept.paid), Fraction(kept.cost)
        self.fees, self.traded_lots = kept.fees, kept.traded_lots

    def roll(self, trading_day: int, settlement_price: str | None) -> None:
        """``trading_day`` begins: today's lots are history; those of an expired contract are paid out at its settlement price."""
        self.holding.roll()
        expiry = self.instrument.expiry
        if settlement_price is not None and expiry.year * 10_000 + expiry.month * 100 + expiry.day < trading_day:
            self._paid -= self.net * Fraction(settlement_price) / Fraction(self.instrument.product.tick_size)
            self._cost = 0
            self.holding.long.yesterday = self.holding.short.yesterday = 0

    def work(self, intent: OrderIntent, lots: int) -> None:
        """Count lots of a working order, or (negative) no longer."""
        self.holding.change_working(intent, lots)

    def split(self, side: Side, lots: int) -> tuple[tuple[Offset, int], ...]:
        """The parts of an order that closes what can be closed first and opens the rest, by the exchange's offsets.

        Where buckets are named (SHFE, INE), history lots go before today's, whose close costs more.
        """
        rule = self.holding.close_rule
        if rule is _NETS:
            return ((Offset.NET, lots),)
        leg = self.holding.long if side is _SELL else self.holding.short
        if not leg.today and not leg.yesterday:
            return ((_OPEN, lots),)
        parts = []
        for offset, free in _closable(leg, rule):
            part = min(lots, free)
            if part > 0:
                parts.append((offset, part))
                lots -= part
        if lots:
            parts.append((_OPEN, lots))
        return tuple(parts)


def _closable(leg: Leg, rule: CloseRule) -> tuple[tuple[Offset, int], ...]:
    if rule is CloseRule.NAMED:
        return ((Offset.CLOSE, leg.yesterday - leg.closing_other), (Offset.CLOSETODAY, leg.today - leg.closing_today))
    return ((Offset.CLOSE, leg.lots - leg.closing),)
