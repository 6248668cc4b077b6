"""An algorithm rebuilt from what was recorded of it: its task, its children, and what people did to it, in that order."""

from collections.abc import Sequence

from loguru import logger

from tradepit.trading.algos.control import amend, cancel, pause, resume
from tradepit.trading.algos.recover import recover
from tradepit.trading.algos.state import AlgoState
from tradepit.trading.model.errors import BadRequest
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.order import Order
from tradepit.wire.algo_codec import AlgoTask, limit_ticks, read_params, seconds_ns
from tradepit.wire.simulator import AlgoOrder
from tradepit.wire.simulator_codec import lots_of


def rebuild(task: AlgoTask, children: Sequence[Order], controls: Sequence[AlgoOrder]) -> AlgoState:
    """The algorithm as its record tells, ready to go on. Raises BadRequest and its kin when the task cannot be run."""
    state = recover(read_params(task), children)
    for control in controls:
        reapply(state, control, task.instrument)
    return state


def apply_control(state: AlgoState, control: AlgoOrder, instrument: Instrument) -> None:
    """Do what a new request asks for. Raises BadRequest and its kin, changing nothing, when it cannot be done."""
    if control.action == "pause":
        pause(state)
    elif control.action == "resume":
        resume(state)
    elif control.action == "cancel":
        cancel(state)
    elif control.action == "amend":
        _amend(state, control, instrument, least=0)
    else:
        raise BadRequest("there is no such action", action=control.action[:32])


def reapply(state: AlgoState, control: AlgoOrder, instrument: Instrument) -> None:
    """Do what was recorded. What came too late is done as nearly as possible: a lower total stops at what is traded."""
    try:
        if control.action == "amend":
            _amend(state, control, instrument, least=state.filled)
        else:
            apply_control(state, control, instrument)
    except BadRequest as error:
        logger.warning("algo {}: {} came too late: {}", state.params.algo_id, control.action, error)


def _amend(state: AlgoState, control: AlgoOrder, instrument: Instrument, *, least: int) -> None:
    if control.price is None and not control.volume and control.duration is None:
        raise BadRequest("an amendment needs a price, a volume or a duration", field="price")
    amend(
        state,
        limit_price_ticks=limit_ticks(control.price, instrument),
        total_lots=max(least, lots_of(control.volume)) if control.volume else None,
        duration_ns=0 if control.duration is None else seconds_ns(control.duration, "duration"),
    )
