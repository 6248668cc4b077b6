"""The noise trader trades both ways, within its limits, and takes its old orders back."""

from collections.abc import Callable
from itertools import pairwise
from random import Random

from tradepit.bots.agents.noise import NoiseHabits, NoiseTrader
from tradepit.bots.agents.view import Holding, Place, Resting, View, Withdraw
from tradepit.trading.model.terms import OrderType, Side

MakeView = Callable[..., View]


def play(view: View, count: int = 400) -> list[Place]:
    trader, chance = NoiseTrader(NoiseHabits(acts=1.0)), Random(3)
    return [action for _ in range(count) for action in trader.decide(view, chance) if isinstance(action, Place)]


def test_it_trades_both_ways_at_many_prices_with_both_kinds_of_order(make_view: MakeView) -> None:
    placed = play(make_view())
    assert {place.side for place in placed} == {Side.BUY, Side.SELL}
    assert {place.order_type for place in placed} == {OrderType.LIMIT, OrderType.FAK}
    assert {place.lots for place in placed} == {1, 2, 3, 4}
    assert len({place.price_ticks for place in placed}) > 8
    assert play(make_view()) == placed


def test_its_direction_has_a_memory(make_view: MakeView) -> None:
    sides = [place.side for place in play(make_view(), 2_000)]
    same = sum(a is b for a, b in pairwise(sides)) / len(sides)
    assert 0.75 < same < 0.9


def test_a_full_inventory_turns_it_round(make_view: MakeView) -> None:
    assert {place.side for place in play(make_view(holding=Holding(long_today=30, net=30)))} == {Side.SELL}


def test_old_orders_are_taken_back_and_few_are_kept(make_view: MakeView) -> None:
    orders = tuple(
        Resting(client_order_id=str(age), side=Side.BUY, price_ticks=19_490, left_lots=1, age_s=age) for age in (1.0, 6.0, 2.0)
    )
    trader = NoiseTrader(NoiseHabits(acts=1.0))
    assert trader.decide(make_view(resting=orders), Random(1)) == [Withdraw(client_order_id="6.0")]
