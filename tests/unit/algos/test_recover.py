"""A worker dies, another goes on."""

from collections.abc import Callable

from tradepit.trading.algos.actions import CancelChild, SendChild
from tradepit.trading.algos.params import SECOND_NS, AlgoParams
from tradepit.trading.algos.recover import recover
from tradepit.trading.algos.state import on_order, on_trade, start
from tradepit.trading.algos.step import step
from tradepit.trading.model.order import Order
from tradepit.trading.model.terms import OrderStatus, OrderType
from tradepit.trading.model.tick import Tick
from tradepit.trading.model.trade import Trade

MakeParams = Callable[..., AlgoParams]


def test_an_unacknowledged_child_keeps_its_id_whatever_the_time(
    make_params: MakeParams, make_tick: Callable[..., Tick], make_order: Callable[..., Order], t0: int
) -> None:
    first = start(make_params())
    (send,) = step(first, t0, make_tick())
    assert isinstance(send, SendChild)
    done = make_order(send, OrderStatus.CANCELLED, 4)
    on_order(first, done)
    first.children[send.client_order_id].trades_told = False
    (lost,) = step(first, t0 + SECOND_NS, make_tick())
    assert isinstance(lost, SendChild)
    for seconds in (1, 15, 88):
        now = t0 + seconds * SECOND_NS
        second = recover(make_params(), [done])
        assert second.filled == 4
        (again,) = step(second, now, make_tick(now))
        assert isinstance(again, SendChild)
        assert again.client_order_id == lost.client_order_id == "algo-7-1-0"
        assert again.lots <= 96


def test_a_working_child_is_cancelled_and_settled_first_and_refusals_go_on_counting(
    make_params: MakeParams,
    make_tick: Callable[..., Tick],
    make_order: Callable[..., Order],
    make_trade: Callable[..., Trade],
    t0: int,
) -> None:
    send = SendChild(client_order_id="algo-7-0-1", lots=10, price_ticks=1001, order_type=OrderType.LIMIT, created_ns=t0)
    refused = SendChild(client_order_id="algo-7-0-0", lots=10, price_ticks=1001, order_type=send.order_type, created_ns=t0)
    orders = [make_order(send, OrderStatus.PARTIAL, 3), make_order(refused, OrderStatus.REJECTED)]
    state = recover(make_params(), orders, trades=[make_trade(send, 3)])
    assert (state.filled, state.working_lots) == (3, 7)
    assert step(state, t0, make_tick()) == (CancelChild(client_order_id="algo-7-0-1"),)
    assert state.plan.rejects == 1
    on_trade(state, make_trade(send, 3))
    assert state.filled == 3
    on_order(state, make_order(send, OrderStatus.CANCELLED, 5))
    (after,) = step(state, t0, make_tick())
    assert isinstance(after, SendChild)
    assert (after.client_order_id, after.lots) == ("algo-7-1-0", 5)


def test_others_orders_are_ignored(make_params: MakeParams, make_order: Callable[..., Order], t0: int) -> None:
    send = SendChild(client_order_id="algo-70-0-0", lots=10, price_ticks=1001, order_type=OrderType.LIMIT, created_ns=t0)
    assert recover(make_params(), [make_order(send, OrderStatus.FILLED, 10)]) == start(make_params())
