"""Taking over a dead worker's algorithm from nothing but its request and the child orders that order management knows."""

from collections.abc import Sequence

from tradepit.trading.algos.child import ChildId
from tradepit.trading.algos.params import AlgoParams
from tradepit.trading.algos.state import AlgoState, on_order, on_trade, start
from tradepit.trading.model.order import Order
from tradepit.trading.model.trade import Trade


def recover(params: AlgoParams, orders: Sequence[Order], *, trades: Sequence[Trade] = ()) -> AlgoState:
    """The algorithm as its children's ``orders`` tell, given in any order; those of others are ignored. Then go on with ``step``.

    Without ``trades`` the volume is right all the same, only the average price covers what is traded from here on. A child that
    was sent but never acknowledged is not among ``orders``: its id is the next one used, so at most one of the copies exists.
    One that still works is cancelled first, then the plan goes on from what is traded.
    Earlier controls (amend, pause, cancel) are applied again by the caller, in their order. Raises as ``start`` does.
    """
    state = start(params)
    known = [(ChildId.parse(order.client_order_id, params.algo_id), order) for order in orders]
    mine = [(child_id, order) for child_id, order in known if child_id is not None]
    for _, order in sorted(mine, key=lambda pair: pair[0]):
        on_order(state, order)
    for trade in trades:
        on_trade(state, trade)
    state.plan.base_lots = state.filled
    return state
