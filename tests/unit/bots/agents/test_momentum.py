"""The momentum trader follows a move, and leaves when it fades."""

from collections.abc import Callable
from random import Random

from tradepit.bots.agents.momentum import MomentumTrader
from tradepit.bots.agents.view import Action, Holding, Place, Resting, View, Withdraw
from tradepit.trading.model.terms import Offset, OrderType, Side

MakeView = Callable[..., View]


def walk(trader: MomentumTrader, make_view: MakeView, prices: range, net: int = 0) -> list[Action]:
    holding = Holding(long_today=max(net, 0), short_today=max(-net, 0), net=net)
    last: list[Action] = []
    for number, price in enumerate(prices):
        last = trader.decide(
            make_view(holding=holding, bid_ticks=price - 1, ask_ticks=price + 1, time_ns=price * 1_000 + number), Random(1)
        )
    return last


def test_it_buys_a_rise_and_sells_a_fall_across_the_spread(make_view: MakeView) -> None:
    (rise,) = walk(MomentumTrader(), make_view, range(19_500, 19_560))
    assert isinstance(rise, Place)
    assert (rise.side, rise.price_ticks, rise.order_type, rise.offset) == (Side.BUY, 19_560, OrderType.FAK, Offset.OPEN)
    (fall,) = walk(MomentumTrader(), make_view, range(19_560, 19_500, -1))
    assert isinstance(fall, Place)
    assert fall.side is Side.SELL


def test_it_closes_when_the_move_fades(make_view: MakeView) -> None:
    trader = MomentumTrader()
    walk(trader, make_view, range(19_500, 19_520))
    actions: list[Action] = []
    for _ in range(400):
        actions = walk(trader, make_view, range(19_519, 19_521), net=7)
    (leave,) = actions
    assert isinstance(leave, Place)
    assert (leave.side, leave.offset, leave.lots) == (Side.SELL, Offset.CLOSE, 3)


def test_it_does_nothing_twice_on_one_quote_and_waits_for_its_order(make_view: MakeView) -> None:
    trader = MomentumTrader()
    walk(trader, make_view, range(19_500, 19_560))
    view = make_view(bid_ticks=19_558, ask_ticks=19_560, time_ns=5)
    assert trader.decide(view, Random(1)) != []
    assert trader.decide(view, Random(1)) == []
    order = Resting(client_order_id="x", side=Side.BUY, price_ticks=19_500, left_lots=1, age_s=3.0)
    waiting = make_view(bid_ticks=19_560, ask_ticks=19_562, time_ns=6, resting=(order,))
    assert trader.decide(waiting, Random(1)) == [Withdraw(client_order_id="x")]
