"""What a person may do to a running algorithm: pause, resume, amend, cancel. Each may be asked twice."""

from msgspec.structs import replace

from tradepit.trading.algos.params import AlgoParams, check_params
from tradepit.trading.algos.schedule import slice_count
from tradepit.trading.algos.state import AlgoState
from tradepit.trading.algos.status import AlgoStatus
from tradepit.trading.model.errors import BadRequest, VolumeNotValid

_STOPPABLE = (AlgoStatus.ACCEPTED, AlgoStatus.RUNNING, AlgoStatus.PAUSED)


def pause(state: AlgoState) -> None:
    """Send no more; the next step cancels the working child. Time goes on, so the plan is caught up with after resuming."""
    if state.status in (AlgoStatus.ACCEPTED, AlgoStatus.RUNNING):
        state.status = AlgoStatus.PAUSED


def resume(state: AlgoState) -> None:
    """Go on after a pause."""
    if state.status is AlgoStatus.PAUSED:
        state.status = AlgoStatus.ACCEPTED if state.plan.volume_start < 0 else AlgoStatus.RUNNING


def cancel(state: AlgoState) -> None:
    """Stop: the working child is cancelled, and the algorithm is STOPPED once that is settled."""
    if state.status in _STOPPABLE:
        state.status, state.ending, state.reason = AlgoStatus.STOPPING, AlgoStatus.STOPPED, "CANCELLED"


def amend(
    state: AlgoState,
    *,
    limit_price_ticks: int | None = None,
    total_lots: int | None = None,
    duration_ns: int = 0,
    end_ns: int = 0,
) -> None:
    """Change the limit price, the total, or the end (a new duration from the same start, or an instant); None and 0 keep what is.

    A child that works outside the new limit is cancelled. A total below what is traded and working is reached by cancelling the
    working child first. Raises BadRequest and its kin, changing nothing, when it is over or the new terms cannot be run;
    VolumeNotValid when more than the new total is traded already.
    """
    if state.status not in _STOPPABLE:
        raise BadRequest("The algorithm is over or stopping.", algo_id=state.params.algo_id, status=state.status)
    if total_lots is not None and total_lots < max(1, state.filled):
        raise VolumeNotValid("More is traded already.", field="total_lots", filled_lots=state.filled)
    changed = _changed(state.params, limit_price_ticks, duration_ns, end_ns)
    wanted = state.params.total_lots if total_lots is None else total_lots
    check_params(replace(changed, total_lots=max(wanted, changed.min_lots)))
    slices = slice_count(changed)
    committed = state.filled + state.working_lots
    state.params, state.slices = replace(changed, total_lots=max(wanted, committed)), slices
    state.wanted_total = wanted if wanted < committed else 0
    state.plan.goal, state.plan.ended_ns = min(state.plan.goal, wanted), 0


def _changed(params: AlgoParams, limit_price_ticks: int | None, duration_ns: int, end_ns: int) -> AlgoParams:
    if limit_price_ticks is not None:
        params = replace(params, limit_price_ticks=limit_price_ticks)
    if duration_ns or end_ns:
        params = replace(params, duration_ns=duration_ns, end_ns=end_ns)
    return params
