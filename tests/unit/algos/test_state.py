"""What reports, trades and snapshots change, and what they do not."""

from collections.abc import Callable

import msgspec
import pytest

from tradepit.trading.algos.actions import SendChild
from tradepit.trading.algos.params import AlgoParams
from tradepit.trading.algos.state import AlgoState, on_order, on_refused, on_trade, see, start
from tradepit.trading.algos.step import step
from tradepit.trading.model.errors import BadRequest
from tradepit.trading.model.order import Order
from tradepit.trading.model.terms import OrderStatus
from tradepit.trading.model.tick import Tick
from tradepit.trading.model.trade import Trade

MakeParams = Callable[..., AlgoParams]
MakeOrder = Callable[..., Order]
MakeTrade = Callable[..., Trade]


@pytest.fixture
def running(make_params: MakeParams, make_tick: Callable[..., Tick], t0: int) -> tuple[AlgoState, SendChild]:
    state = start(make_params())
    (send,) = step(state, t0, make_tick())
    assert isinstance(send, SendChild)
    return state, send


def test_only_what_can_be_run_is_started(make_params: MakeParams, t0: int) -> None:
    for changes in ({"algo": "X"}, {"algo": "VWAP"}, {"total_lots": 0}, {"start_ns": t0 * 2}):
        with pytest.raises(BadRequest):
            start(make_params(**changes))


def test_reports_and_trades_may_come_in_any_order_and_twice(
    running: tuple[AlgoState, SendChild], make_order: MakeOrder, make_trade: MakeTrade
) -> None:
    state, send = running
    on_trade(state, make_trade(send, 4))
    on_trade(state, make_trade(send, 4))
    assert (state.filled, state.working_lots) == (4, 6)
    on_order(state, make_order(send, OrderStatus.CANCELLED, 6))
    on_order(state, make_order(send, OrderStatus.PARTIAL, 4))
    assert (state.filled, state.children[send.client_order_id].settled) == (6, False)
    on_trade(state, make_trade(send, 2, "t2"))
    assert (state.filled, state.working_lots, state.children[send.client_order_id].settled) == (6, 0, True)


def test_strangers_are_ignored(
    running: tuple[AlgoState, SendChild], make_order: MakeOrder, make_trade: MakeTrade, make_tick: Callable[..., Tick], t0: int
) -> None:
    state, send = running
    before = msgspec.msgpack.encode(state)
    on_order(state, make_order(send, OrderStatus.FILLED, 10, account="b"))
    on_trade(state, make_trade(send, 10, account="b"))
    stranger = msgspec.structs.replace(send, client_order_id="algo-8-0-0")
    on_order(state, make_order(stranger, OrderStatus.FILLED, 10))
    on_trade(state, make_trade(stranger, 10))
    on_refused(state, "algo-8-0-0", "X", t0)
    see(state, make_tick(symbol="IF2502"), t0)
    assert msgspec.msgpack.encode(state) == before


def test_a_predecessors_child_counts_like_any_other(
    make_params: MakeParams, make_order: MakeOrder, running: tuple[AlgoState, SendChild]
) -> None:
    _, send = running
    state = start(make_params())
    on_order(state, make_order(send, OrderStatus.PARTIAL, 3))
    assert (state.filled, state.working_lots, state.live) == (3, 7, ["algo-7-0-0"])


def test_an_id_refused_at_the_door_is_used_again(
    running: tuple[AlgoState, SendChild], make_order: MakeOrder, make_tick: Callable[..., Tick], t0: int
) -> None:
    state, send = running
    on_refused(state, send.client_order_id, "RATE_LIMIT_EXCEEDED", t0)
    assert (state.live, state.working_lots) == ([], 0)
    later = t0 + state.params.retry_ns
    (again,) = step(state, later, make_tick(later, ask=1002))
    assert isinstance(again, SendChild)
    assert (again.client_order_id, again.price_ticks) == (send.client_order_id, 1002)
    on_order(state, make_order(again, OrderStatus.OPEN))
    on_refused(state, send.client_order_id, "X", later)
    assert state.live == [send.client_order_id]


def test_a_state_is_plain_data(running: tuple[AlgoState, SendChild]) -> None:
    state, _ = running
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=AlgoState) == state
