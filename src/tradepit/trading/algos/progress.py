"""How an algorithm is doing, for people and for its record."""

from decimal import Decimal

import msgspec

from tradepit.trading.algos.state import AlgoState
from tradepit.trading.algos.status import AlgoStatus
from tradepit.trading.model.terms import Side

_PLACES = Decimal("0.0001")


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """Prices are in ticks with four decimals, None when not known. Positive slippage is a cost: bought above, sold below arrival.

    ``market_vwap_ticks`` values every snapshot's new volume at that snapshot's last price, from the start on, ours included.
    """

    algo_id: str
    status: AlgoStatus
    reason: str
    total_lots: int
    filled_lots: int
    working_lots: int
    slices_done: int
    slices_planned: int
    children: int
    average_ticks: Decimal | None
    arrival_ticks: Decimal | None
    market_vwap_ticks: Decimal | None
    slippage_ticks: Decimal | None


def progress(state: AlgoState) -> Progress:
    """The present state of an algorithm in figures."""
    tally = state.tally
    average = _per_lot(tally.cost, tally.lots)
    arrival = Decimal(tally.arrival_twice) / 2 if tally.arrival_twice else None
    slippage = None
    if average is not None and arrival is not None:
        slippage = average - arrival if state.params.side is Side.BUY else arrival - average
    return Progress(
        algo_id=state.params.algo_id,
        status=state.status,
        reason=state.reason,
        total_lots=state.params.total_lots,
        filled_lots=state.filled,
        working_lots=state.working_lots,
        slices_done=max(0, state.slices if state.status.over and not state.left_lots else state.plan.slice_no),
        slices_planned=state.slices,
        children=len(state.children),
        average_ticks=average,
        arrival_ticks=arrival,
        market_vwap_ticks=_per_lot(tally.market_cost, tally.market_lots),
        slippage_ticks=slippage,
    )


def _per_lot(cost: int, lots: int) -> Decimal | None:
    return (Decimal(cost) / lots).quantize(_PLACES) if lots else None
