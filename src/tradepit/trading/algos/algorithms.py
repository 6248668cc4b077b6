"""The algorithms there are: adding one is one file and one line here."""

from tradepit.trading.algos.params import AlgoParams
from tradepit.trading.algos.schedule import Schedule
from tradepit.trading.algos.twap import Twap
from tradepit.trading.algos.vwap import Vwap
from tradepit.trading.model.errors import BadRequest

ALGORITHMS: dict[str, Schedule] = {
    Twap.name: Twap(),
    Vwap.name: Vwap(),
}


def schedule_of(params: AlgoParams) -> Schedule:
    """The algorithm ``params`` ask for. Raises BadRequest when there is none of that name."""
    schedule = ALGORITHMS.get(params.algo)
    if schedule is None:
        raise BadRequest("There is no such algorithm.", field="algo", known=", ".join(sorted(ALGORITHMS)))
    return schedule
