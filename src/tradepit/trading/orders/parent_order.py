"""A parent order: what its sender sees of the children it was split into, as a pure fold of their states."""

from collections.abc import Sequence

from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.terms import OrderStatus

# While a child still lives, the parent is what the child is that has come least far; in doubt counts before all.
_LEAST = (OrderStatus.UNKNOWN, OrderStatus.PENDING_NEW, OrderStatus.SENDING, OrderStatus.SUBMITTED, OrderStatus.OPEN)


def fold_parent(intent: OrderIntent, children: Sequence[Order]) -> Order:
    """The state of ``intent`` whose lots its ``children`` (all of them) share; their volumes make up its own.

    Volumes are sums. It is FILLED when all traded, REJECTED when every child was refused, and CANCELLED (EXPIRED when all that
    ended untraded did so) when some lots traded or were cancelled and the rest will not trade. ``order_id`` names the children's
    exchange orders, joined by a comma. ``reason`` and ``message`` are those of the first child that has one.
    """
    traded = sum(child.traded_lots for child in children)
    told = next((child for child in children if child.reason), None)
    return Order(
        intent=intent,
        status=_status(intent, children, traded),
        order_id=",".join(child.order_id for child in children if child.order_id),
        traded_lots=traded,
        left_lots=sum(child.left_lots for child in children),
        reason=told.reason if told is not None else "",
        message=told.message if told is not None else "",
        inserted_ns=min(child.inserted_ns for child in children),
        updated_ns=max(child.updated_ns for child in children),
    )


def _status(intent: OrderIntent, children: Sequence[Order], traded: int) -> OrderStatus:
    statuses = [child.status for child in children]
    if traded >= intent.volume_lots:
        return OrderStatus.FILLED
    if not all(status.terminal for status in statuses):
        if OrderStatus.UNKNOWN in statuses:
            return OrderStatus.UNKNOWN
        if traded:
            return OrderStatus.PARTIAL
        return next((status for status in _LEAST if status in statuses), OrderStatus.OPEN)
    refused = (OrderStatus.REJECTED, OrderStatus.RISK_REJECTED)
    if not traded and all(status in refused for status in statuses):
        return OrderStatus.REJECTED
    unfinished = {status for status in statuses if status is not OrderStatus.FILLED and status not in refused}
    return OrderStatus.EXPIRED if unfinished == {OrderStatus.EXPIRED} else OrderStatus.CANCELLED
