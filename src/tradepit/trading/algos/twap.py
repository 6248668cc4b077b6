"""TWAP: the same number of lots in every slice of trading time."""

from tradepit.trading.algos.params import AlgoParams
from tradepit.trading.algos.schedule import Seen, vary


class Twap:
    """target(t) = total * elapsed trading time / duration, at the end of each slice; whole lots, the last slice exact."""

    name = "TWAP"

    def check(self, params: AlgoParams) -> None:
        """TWAP needs nothing beyond what every algorithm does."""

    def target(self, params: AlgoParams, slice_no: int, slices: int, seen: Seen) -> int:  # noqa: ARG002 - the clock alone decides
        """Lots that should be done by the end of the slice."""
        before, here, after = (_even(params.total_lots, number, slices) for number in (slice_no, slice_no + 1, slice_no + 2))
        return vary(params, slice_no, before, here, after) if slice_no + 1 < slices else params.total_lots


def _even(total: int, done: int, slices: int) -> int:
    return (2 * total * done + slices) // (2 * slices)
