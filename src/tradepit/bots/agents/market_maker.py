"""A market maker: quotes both sides around a fair price, leans against its inventory, and follows the market."""

from math import ceil, floor
from random import Random

import msgspec

from tradepit.bots.agents.view import Action, Resting, View, Withdraw, trade
from tradepit.trading.model.terms import Side


class MarketMakerHabits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``half_spread_ticks`` from the fair price on each side; per held lot the fair price is shifted by ``lean_ticks`` against
    it.

    A quote is replaced when it is ``tolerance_ticks`` or more from where it should be. Beyond ``max_lots`` only the reducing
    side quotes.
    """

    lots: int = 5
    half_spread_ticks: float = 1.5
    lean_ticks: float = 0.05
    tolerance_ticks: int = 2
    max_lots: int = 60


class MarketMaker:
    """Keeps at most one order per side. A replaced quote is cancelled first and quoted anew at the next decision."""

    def __init__(self, habits: MarketMakerHabits | None = None) -> None:
        self._habits = habits or MarketMakerHabits()

    def decide(self, view: View, chance: Random) -> list[Action]:
        habits, middle = self._habits, view.quote.middle
        if not middle:
            return []
        fair = middle - view.holding.net * habits.lean_ticks
        wide = habits.half_spread_ticks + chance.random()
        actions: list[Action] = []
        for side in (Side.BUY, Side.SELL):
            # Never through the other side: a maker rests.
            if side is Side.BUY:
                price = min(floor(fair - wide), (view.quote.ask_ticks or view.quote.upper_ticks + 1) - 1)
            else:
                price = max(ceil(fair + wide), view.quote.bid_ticks + 1)
            actions += self._quote(view, side, min(max(price, view.quote.lower_ticks), view.quote.upper_ticks))
        return actions

    def _quote(self, view: View, side: Side, price: int) -> list[Action]:
        mine = [order for order in view.resting if order.side is side]
        sign = 1 if side is Side.BUY else -1
        full = view.holding.net * sign >= self._habits.max_lots
        stale: list[Action] = [
            Withdraw(client_order_id=order.client_order_id) for order in mine if full or self._is_stale(order, price)
        ]
        if mine or full:
            return stale
        place = trade(view, side, price, self._habits.lots)
        return [place] if place is not None else []

    def _is_stale(self, order: Resting, price: int) -> bool:
        return abs(order.price_ticks - price) >= self._habits.tolerance_ticks
