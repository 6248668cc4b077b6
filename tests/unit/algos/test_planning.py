"""Entering slices: on time, late, ahead, and in a thin market."""

from collections.abc import Callable

from tradepit.trading.algos.params import SECOND_NS, AlgoParams
from tradepit.trading.algos.planning import due_slice, enter_slice
from tradepit.trading.algos.state import start

MakeParams = Callable[..., AlgoParams]


def test_slices_fall_due_by_trading_time(make_params: MakeParams, t0: int) -> None:
    state = start(make_params())
    assert due_slice(state, t0) == 0
    enter_slice(state, 0)
    assert due_slice(state, t0 + 10 * SECOND_NS - 1) == -1
    assert due_slice(state, t0 + 35 * SECOND_NS) == 3
    assert due_slice(state, t0 + 3000 * SECOND_NS) == 9


def test_what_was_missed_is_spread_and_capped(make_params: MakeParams) -> None:
    state = start(make_params())
    enter_slice(state, 0)
    assert state.plan.goal == 10
    state.filled = 4
    enter_slice(state, 1)
    assert state.plan.goal == 4 + 10 + 1
    enter_slice(state, 8)
    assert state.plan.goal == 4 + 20
    state.filled = 95
    enter_slice(state, 9)
    assert state.plan.goal == 100


def test_being_ahead_shortens_the_slice(make_params: MakeParams) -> None:
    state = start(make_params())
    state.filled = 17
    enter_slice(state, 1)
    assert state.plan.goal == 20
    state.filled = 45
    enter_slice(state, 2)
    assert state.plan.goal == 45


def test_participation_bounds_a_slice_by_the_markets_volume(make_params: MakeParams) -> None:
    state = start(make_params(participation_bps=1000))
    enter_slice(state, 0)
    assert state.plan.goal == 0
    state.quote.volume_lots = 59
    enter_slice(state, 1)
    assert state.plan.goal == 5


def test_a_followed_market_sets_the_goal(make_params: MakeParams) -> None:
    state = start(make_params(algo="VWAP", participation_bps=1000))
    state.plan.volume_start = state.plan.volume_slice = state.plan.volume_child = state.quote.volume_lots = 500
    enter_slice(state, 0)
    assert state.plan.goal == 0
    state.quote.volume_lots = 620
    enter_slice(state, 1)
    assert state.plan.goal == 12
