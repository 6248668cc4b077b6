"""A momentum trader: follows a move of the fast over the slow average, and gets out when it fades."""

from random import Random

import msgspec

from tradepit.bots.agents.view import Action, View, Withdraw, trade
from tradepit.trading.model.terms import OrderType, Side


class MomentumHabits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Averages are exponential over quotes seen. It enters when they are ``enter_ticks`` apart, leaves below ``leave_ticks``."""

    fast: float = 0.2
    slow: float = 0.02
    enter_ticks: float = 3.0
    leave_ticks: float = 0.5
    lots: int = 3
    max_lots: int = 15
    patience_s: float = 2.0


class MomentumTrader:
    """Trades across the spread with orders that cancel what does not trade at once."""

    def __init__(self, habits: MomentumHabits | None = None) -> None:
        self._habits = habits or MomentumHabits()
        self._fast = self._slow = 0.0
        self._seen_ns = 0

    def decide(self, view: View, chance: Random) -> list[Action]:
        del chance
        quote = view.quote
        actions: list[Action] = [
            Withdraw(client_order_id=order.client_order_id) for order in view.resting if order.age_s > self._habits.patience_s
        ]
        if not quote.middle or quote.time_ns == self._seen_ns:
            return actions
        self._seen_ns = quote.time_ns
        self._learn(quote.middle)
        wanted = self._wanted(view.holding.net)
        if wanted == view.holding.net or view.resting:
            return actions
        side = Side.BUY if wanted > view.holding.net else Side.SELL
        price = quote.ask_ticks if side is Side.BUY else quote.bid_ticks
        if not price:
            return actions
        place = trade(view, side, price, min(self._habits.lots, abs(wanted - view.holding.net)), OrderType.FAK)
        return [*actions, place] if place is not None else actions

    def _learn(self, middle: float) -> None:
        if not self._slow:
            self._fast = self._slow = middle
        self._fast += self._habits.fast * (middle - self._fast)
        self._slow += self._habits.slow * (middle - self._slow)

    def _wanted(self, net: int) -> int:
        gap = self._fast - self._slow
        if abs(gap) >= self._habits.enter_ticks:
            return self._habits.max_lots if gap > 0 else -self._habits.max_lots
        fading = gap * net <= 0 or abs(gap) < self._habits.leave_ticks
        return 0 if fading else net
