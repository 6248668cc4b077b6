"""What a background agent sees when it decides, and what it can decide to do."""

from random import Random
from typing import Protocol

import msgspec

from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.product import CloseRule
from tradepit.trading.model.terms import Offset, OrderType, Side


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """The market of one instrument as last told: integer ticks, 0 = none."""

    bid_ticks: int
    ask_ticks: int
    last_ticks: int
    lower_ticks: int
    upper_ticks: int
    time_ns: int

    @property
    def middle(self) -> float:
        """Between the quotes, the last price where a side is missing, 0 when nothing is known."""
        if self.bid_ticks and self.ask_ticks:
            return (self.bid_ticks + self.ask_ticks) / 2
        return float(self.last_ticks)


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """Lots the agent can still close: those held minus those its working orders will close. ``net`` counts all lots held."""

    long_today: int = 0
    long_history: int = 0
    short_today: int = 0
    short_history: int = 0
    net: int = 0


class Resting(msgspec.Struct, frozen=True, kw_only=True):
    """An own working order."""

    client_order_id: str
    side: Side
    price_ticks: int
    left_lots: int
    age_s: float


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Send an order."""

    side: Side
    offset: Offset
    price_ticks: int
    lots: int
    order_type: OrderType = OrderType.LIMIT


class Withdraw(msgspec.Struct, frozen=True, kw_only=True):
    """Cancel an own order."""

    client_order_id: str


Action = Place | Withdraw


class View(msgspec.Struct, frozen=True, kw_only=True):
    """Everything an agent decides by."""

    instrument: Instrument
    quote: Quote
    holding: Holding
    resting: tuple[Resting, ...] = ()


class Agent(Protocol):
    """Pure apart from its own memory: the same views and the same chance give the same actions."""

    def decide(self, view: View, chance: Random) -> list[Action]:
        """What to do now; often nothing."""


def trade(view: View, side: Side, price_ticks: int, lots: int, order_type: OrderType = OrderType.LIMIT) -> Place | None:
    """An order of ``side`` that closes what is held on the other side first, and opens otherwise.

    Never more than one offset per order: lots beyond what can be closed wait for another order. SHFE and INE close today's lots
    by name, history lots first; exchanges without offsets get NET, and where there is no such order type a limit order waits instead.
    None when the price is outside the day's limits or would
    meet an own order.
    """
    if not view.quote.lower_ticks <= price_ticks <= view.quote.upper_ticks or lots <= 0:
        return None
    sign = 1 if side is Side.BUY else -1
    if any(order.side is not side and (price_ticks - order.price_ticks) * sign >= 0 for order in view.resting):
        return None
    product = view.instrument.product
    if order_type not in product.order_types:
        order_type = OrderType.LIMIT
    offset, most = _offset(view, side)
    least = product.min_open_lots if offset in (Offset.OPEN, Offset.NET) else 1
    lots = min(max(lots, least), most, product.max_limit_lots)
    return Place(side=side, offset=offset, price_ticks=price_ticks, lots=lots, order_type=order_type)


def _offset(view: View, side: Side) -> tuple[Offset, int]:
    holding, rule = view.holding, view.instrument.product.close_rule
    most = view.instrument.product.max_limit_lots
    if rule is CloseRule.NET:
        return Offset.NET, most
    if side is Side.SELL:
        today, history = holding.long_today, holding.long_history
    else:
        today, history = holding.short_today, holding.short_history
    if rule is CloseRule.NAMED:
        if history > 0:
            return Offset.CLOSE, history
        return (Offset.CLOSETODAY, today) if today > 0 else (Offset.OPEN, most)
    return (Offset.CLOSE, today + history) if today + history > 0 else (Offset.OPEN, most)
