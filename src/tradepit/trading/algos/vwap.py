"""VWAP: lots in proportion to the market's volume, expected from a curve or as it happens."""

from tradepit.trading.algos.params import BPS, AlgoParams
from tradepit.trading.algos.schedule import Seen, vary
from tradepit.trading.model.errors import BadRequest


class Vwap:
    """With a curve: target(t) = total * expected share of the volume up to t; the last slice is exact.

    Without: target = realised market volume since the start * participation, at most the total; what the market did not bring is
    left over at the end. The market's volume includes our own.
    """

    name = "VWAP"

    def check(self, params: AlgoParams) -> None:
        """Raises BadRequest when there is neither a curve nor a share to follow."""
        if not params.curve and not params.participation_bps:
            raise BadRequest("VWAP needs a volume curve or a participation.", field="participation_bps")

    def target(self, params: AlgoParams, slice_no: int, slices: int, seen: Seen) -> int:
        """Lots that should be done by the end of the slice."""
        if not params.curve:
            return min(params.total_lots, seen.base_lots + seen.market_lots * params.participation_bps // BPS)
        before, here, after = (_share(params, min(number, slices), slices) for number in (slice_no, slice_no + 1, slice_no + 2))
        return vary(params, slice_no, before, here, after) if slice_no + 1 < slices else params.total_lots


def _share(params: AlgoParams, done: int, slices: int) -> int:
    """Lots due after ``done`` of ``slices``: the curve, read between its points as a straight line, rounded to whole lots."""
    curve = (0, *params.curve)
    part, rest = divmod(done * len(params.curve), slices)
    level = curve[part] * slices + ((curve[part + 1] - curve[part]) * rest if rest else 0)
    whole = curve[-1] * slices
    return (2 * params.total_lots * level + whole) // (2 * whole)
