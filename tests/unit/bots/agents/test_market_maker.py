"""The market maker rests on both sides, leans against what it holds, and follows the market."""

from collections.abc import Callable
from random import Random

from tradepit.bots.agents.market_maker import MarketMaker, MarketMakerHabits
from tradepit.bots.agents.view import Holding, Place, Resting, View, Withdraw
from tradepit.trading.model.terms import Side

MakeView = Callable[..., View]


def quotes(view: View, **habits: int) -> dict[Side, int]:
    actions = MarketMaker(MarketMakerHabits(**habits)).decide(view, Random(1))
    return {action.side: action.price_ticks for action in actions if isinstance(action, Place)}


def test_it_quotes_both_sides_without_crossing(make_view: MakeView) -> None:
    for spread in (1, 2, 9):
        view = make_view(ask_ticks=19_499 + spread)
        found = quotes(view)
        assert found[Side.BUY] < view.quote.ask_ticks
        assert found[Side.SELL] > view.quote.bid_ticks
        assert found[Side.BUY] < found[Side.SELL]


def test_it_leans_against_its_inventory_and_stops_adding_to_a_full_one(make_view: MakeView) -> None:
    flat, long = quotes(make_view()), quotes(make_view(holding=Holding(long_today=40, net=40)))
    assert long[Side.BUY] < flat[Side.BUY]
    assert long[Side.SELL] <= flat[Side.SELL]
    assert Side.BUY not in quotes(make_view(holding=Holding(long_today=60, net=60)))


def test_quotes_that_have_become_stale_are_cancelled_before_new_ones(make_view: MakeView) -> None:
    orders = tuple(
        Resting(client_order_id=name, side=side, price_ticks=price, left_lots=1, age_s=0)
        for name, side, price in (("near", Side.BUY, 19_498), ("far", Side.SELL, 19_520))
    )
    assert MarketMaker().decide(make_view(resting=orders), Random(1)) == [Withdraw(client_order_id="far")]


def test_quotes_stay_within_the_limits(make_view: MakeView) -> None:
    found = quotes(make_view(bid_ticks=21_450, ask_ticks=0, last_ticks=21_450))
    assert all(price <= 21_450 for price in found.values())
    assert quotes(make_view(bid_ticks=0, ask_ticks=0, last_ticks=0)) == {}
