"""Entering a time slice: how far the algorithm should get in it, lateness and participation considered."""

from tradepit.trading.algos.algorithms import schedule_of
from tradepit.trading.algos.params import BPS
from tradepit.trading.algos.schedule import Seen, due_ns
from tradepit.trading.algos.state import AlgoState
from tradepit.trading.algos.trading_time import elapsed_ns


def due_slice(state: AlgoState, now_ns: int) -> int:
    """The time slice to be entered now, -1 when none is due."""
    params = state.params
    elapsed = elapsed_ns(params.windows, params.start_ns, now_ns)
    slice_no = min(elapsed // params.interval_ns, state.slices - 1)
    return slice_no if slice_no > state.plan.slice_no and elapsed >= due_ns(params, slice_no) else -1


def enter_slice(state: AlgoState, slice_no: int) -> None:
    """Set the goal of a slice; nothing may be working.

    What earlier slices missed is spread over the slices that are left, and a slice never asks for more than
    ``max_slice_multiple`` times its even share. Being ahead of plan shortens the slice.
    """
    plan, params, volume = state.plan, state.params, state.quote.volume_lots
    schedule = schedule_of(params)
    start = max(0, plan.volume_start)
    then = Seen(market_lots=max(0, plan.volume_slice - start), base_lots=plan.base_lots)
    now = Seen(market_lots=max(0, volume - start), base_lots=plan.base_lots)
    before = schedule.target(params, slice_no - 1, state.slices, then) if slice_no else 0
    here = schedule.target(params, slice_no, state.slices, now)
    late = max(0, before - state.filled)
    goal = max(here, state.filled) if not late else state.filled + (here - before) + -(-late // (state.slices - slice_no))
    even = max(-(-params.total_lots // state.slices), here - before)
    goal = min(goal, state.filled + params.max_slice_multiple * even, params.total_lots)
    if params.participation_bps:
        goal = min(goal, state.filled + (volume - plan.volume_child) * params.participation_bps // BPS)
    plan.slice_no, plan.goal, plan.tries, plan.passive_done = slice_no, goal, 0, False
    plan.volume_slice = volume
