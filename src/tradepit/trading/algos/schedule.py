"""The plan of an algorithm: time slices, when each falls due, and how many lots should be done by its end."""

from typing import Protocol

import msgspec

from tradepit.trading.algos.chance import UNIT, draw
from tradepit.trading.algos.params import BPS, MAX_SLICES, AlgoParams
from tradepit.trading.algos.trading_time import planned_ns
from tradepit.trading.model.errors import BadRequest


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What an algorithm may look at besides its plan: the market's volume since ``base_lots`` were done."""

    market_lots: int
    base_lots: int


class Schedule(Protocol):
    """One algorithm. Everything it says must follow from its arguments alone."""

    name: str

    def check(self, params: AlgoParams) -> None:
        """Raises BadRequest when ``params`` lack something this algorithm needs."""

    def target(self, params: AlgoParams, slice_no: int, slices: int, seen: Seen) -> int:
        """Lots that should be done by the end of time slice ``slice_no`` (0 .. slices - 1); never falls over the slices."""


def slice_count(params: AlgoParams) -> int:
    """How many time slices fit; the last one also takes the odd rest of time. Raises BadRequest when no trading time is left."""
    planned = planned_ns(params)
    if planned <= 0:
        raise BadRequest("No trading time is left between start and end.", field="end_ns")
    if planned // params.interval_ns > MAX_SLICES:
        raise BadRequest("The interval is too short for that duration.", field="interval_ns")
    return max(1, planned // params.interval_ns)


def due_ns(params: AlgoParams, slice_no: int) -> int:
    """Trading time since the start at which a slice falls due, its random delay included."""
    delay = params.interval_ns * params.jitter_bps // BPS
    if delay:
        delay = delay * draw(params.seed, params.algo_id, "time", slice_no) // UNIT
    return slice_no * params.interval_ns + delay


def vary(params: AlgoParams, slice_no: int, before: int, here: int, after: int) -> int:
    """``here`` moved by chance, by at most half the randomised share of the smaller neighbouring slice, in whole lots.

    So each slice stays within the share of its even size, and the targets never fall.
    """
    room = min(here - before, after - here) * params.randomise_bps
    if room <= 0:
        return here
    whole = 2 * BPS * UNIT
    return here + ((2 * draw(params.seed, params.algo_id, "lots", slice_no) - UNIT) * room + whole // 2) // whole
