"""Pause, resume, amend, cancel."""

from collections.abc import Callable

import pytest

from tradepit.trading.algos.actions import Action, CancelChild, Finished, SendChild
from tradepit.trading.algos.control import amend, cancel, pause, resume
from tradepit.trading.algos.params import SECOND_NS, AlgoParams, Style
from tradepit.trading.algos.state import AlgoState, on_order, on_trade, start
from tradepit.trading.algos.status import AlgoStatus
from tradepit.trading.algos.step import step
from tradepit.trading.model.errors import BadRequest, PriceNotValid, VolumeNotValid
from tradepit.trading.model.order import Order
from tradepit.trading.model.terms import OrderStatus
from tradepit.trading.model.tick import Tick
from tradepit.trading.model.trade import Trade

Working = tuple[AlgoState, SendChild]
MakeOrder = Callable[..., Order]


@pytest.fixture
def working(make_params: Callable[..., AlgoParams], make_tick: Callable[..., Tick], make_order: MakeOrder, t0: int) -> Working:
    state = start(make_params(style=Style.PASSIVE, passive_ns=9 * SECOND_NS))
    (send,) = step(state, t0, make_tick())
    assert isinstance(send, SendChild)
    on_order(state, make_order(send, OrderStatus.OPEN))
    assert step(state, t0) == ()
    return state, send


def cancels(actions: tuple[Action, ...], send: SendChild) -> bool:
    return actions == (CancelChild(client_order_id=send.client_order_id),)


def test_pause_cancels_the_child_and_resume_goes_on(
    working: Working, make_order: MakeOrder, make_tick: Callable[..., Tick], t0: int
) -> None:
    state, send = working
    pause(state)
    pause(state)
    assert cancels(step(state, t0), send)
    assert step(state, t0) == ()
    assert cancels(step(state, t0 + 2 * SECOND_NS), send)
    on_order(state, make_order(send, OrderStatus.CANCELLED))
    assert step(state, t0 + 20 * SECOND_NS, make_tick()) == ()
    assert state.status is AlgoStatus.PAUSED
    resume(state)
    (again,) = step(state, t0 + 20 * SECOND_NS)
    assert isinstance(again, SendChild)
    assert again.client_order_id == "algo-7-1-0"


def test_a_pause_before_the_start_holds(make_params: Callable[..., AlgoParams], make_tick: Callable[..., Tick], t0: int) -> None:
    state = start(make_params())
    pause(state)
    assert step(state, t0, make_tick()) == ()
    resume(state)
    assert len(step(state, t0)) == 1


def test_a_paused_algorithm_ends_at_its_end(working: Working, make_order: MakeOrder, t0: int) -> None:
    state, send = working
    on_order(state, make_order(send, OrderStatus.CANCELLED))
    pause(state)
    (end,) = step(state, t0 + 100 * SECOND_NS)
    assert isinstance(end, Finished)
    assert (end.status, end.unfilled_lots, end.reason) == (AlgoStatus.FINISHED, 100, "END_REACHED")


def test_cancel_stops_once_the_child_is_settled(
    working: Working, make_order: MakeOrder, make_trade: Callable[..., Trade], t0: int
) -> None:
    state, send = working
    cancel(state)
    cancel(state)
    assert cancels(step(state, t0), send)
    on_order(state, make_order(send, OrderStatus.CANCELLED, 3))
    assert step(state, t0) == ()
    on_trade(state, make_trade(send, 3))
    (end,) = step(state, t0)
    assert isinstance(end, Finished)
    assert (end.status, end.filled_lots, end.unfilled_lots, end.reason) == (AlgoStatus.STOPPED, 3, 97, "CANCELLED")
    assert step(state, t0 + SECOND_NS) == ()
    resume(state)
    pause(state)
    assert state.status is AlgoStatus.STOPPED


def test_a_tighter_limit_cancels_what_lies_outside(working: Working, t0: int) -> None:
    state, send = working
    amend(state, limit_price_ticks=999)
    assert step(state, t0) == ()
    amend(state, limit_price_ticks=998)
    assert cancels(step(state, t0), send)


def test_a_lower_total_waits_for_the_child(working: Working, make_order: MakeOrder, t0: int) -> None:
    state, send = working
    amend(state, total_lots=4)
    assert (state.params.total_lots, state.wanted_total) == (10, 4)
    assert cancels(step(state, t0), send)
    on_order(state, make_order(send, OrderStatus.CANCELLED))
    step(state, t0)
    assert (state.params.total_lots, state.wanted_total) == (4, 0)


def test_total_and_end_may_grow_and_shrink(working: Working, make_order: MakeOrder, t0: int) -> None:
    state, _ = working
    amend(state, total_lots=300, duration_ns=200 * SECOND_NS)
    assert (state.params.total_lots, state.slices) == (300, 20)
    amend(state, end_ns=t0 + 30 * SECOND_NS)
    assert state.slices == 3


def test_impossible_amendments_change_nothing(
    working: Working, make_order: MakeOrder, make_trade: Callable[..., Trade], t0: int
) -> None:
    state, send = working
    on_trade(state, make_trade(send, 3))
    before = state.params
    for error, changes in (
        (VolumeNotValid, {"total_lots": 2}),
        (PriceNotValid, {"limit_price_ticks": -1}),
        (BadRequest, {"end_ns": 5}),
        (BadRequest, {"duration_ns": 1, "end_ns": 1}),
    ):
        with pytest.raises(error):
            amend(state, **changes)
        assert state.params == before
    cancel(state)
    with pytest.raises(BadRequest):
        amend(state, total_lots=200)
