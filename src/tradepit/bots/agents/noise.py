"""A noise trader: trades at random, sometimes patiently, sometimes across the spread, with a memory for its own direction."""

from random import Random

import msgspec

from tradepit.bots.agents.view import Action, View, Withdraw, trade
from tradepit.trading.model.terms import OrderType, Side


class NoiseHabits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Chances per decision: ``acts``, and then ``crosses`` the spread, and of those ``immediate`` ones cancel what does not
    trade.

    ``keeps`` is the chance to trade in the former direction again. Orders older than ``patience_s`` are cancelled; an inventory
    of ``max_lots`` turns the direction round.
    """

    acts: float = 0.5
    crosses: float = 0.4
    immediate: float = 0.3
    keeps: float = 0.65
    max_order_lots: int = 4
    max_lots: int = 30
    patience_s: float = 5.0


class NoiseTrader:
    """Holds at most three working orders."""

    def __init__(self, habits: NoiseHabits | None = None) -> None:
        self._habits = habits or NoiseHabits()
        self._side = Side.BUY

    def decide(self, view: View, chance: Random) -> list[Action]:
        habits, quote = self._habits, view.quote
        actions: list[Action] = [
            Withdraw(client_order_id=order.client_order_id) for order in view.resting if order.age_s > habits.patience_s
        ]
        if chance.random() >= habits.acts or not quote.middle or len(view.resting) >= 3:
            return actions
        side = self._choose(view, chance)
        lots = chance.randint(1, habits.max_order_lots)
        sign = 1 if side is Side.BUY else -1
        far, near = (quote.ask_ticks, quote.bid_ticks) if side is Side.BUY else (quote.bid_ticks, quote.ask_ticks)
        kind = OrderType.LIMIT
        if far and chance.random() < habits.crosses:
            price = far + sign * chance.randint(0, 2)
            kind = OrderType.FAK if chance.random() < habits.immediate else OrderType.LIMIT
        else:
            price = (near or round(quote.middle)) - sign * chance.randint(0, 4)
        place = trade(view, side, min(max(price, quote.lower_ticks), quote.upper_ticks), lots, kind)
        return [*actions, place] if place is not None else actions

    def _choose(self, view: View, chance: Random) -> Side:
        if abs(view.holding.net) >= self._habits.max_lots:
            self._side = Side.SELL if view.holding.net > 0 else Side.BUY
        elif chance.random() >= self._habits.keeps:
            self._side = Side.BUY if chance.random() < 0.5 else Side.SELL
        return self._side
