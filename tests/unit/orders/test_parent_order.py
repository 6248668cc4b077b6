"""What a parent looks like when its children are like this."""

import pytest
from tests.order_path import an_intent

from tradepit.trading.model.order import Order
from tradepit.trading.model.terms import OrderStatus
from tradepit.trading.orders.parent_order import fold_parent

OPEN, PARTIAL, FILLED, CANCELLED = OrderStatus.OPEN, OrderStatus.PARTIAL, OrderStatus.FILLED, OrderStatus.CANCELLED
REJECTED, EXPIRED, UNKNOWN, SENDING = OrderStatus.REJECTED, OrderStatus.EXPIRED, OrderStatus.UNKNOWN, OrderStatus.SENDING


def child(number: int, status: OrderStatus, lots: int, traded: int) -> Order:
    left = 0 if status.terminal else lots - traded
    reason = "PRICE_OVER_LIMIT" if status is REJECTED else ""
    return Order(
        intent=an_intent(number, lots=lots),
        status=status,
        order_id=f"V{number}" if status.progress else "",
        traded_lots=traded,
        left_lots=left,
        reason=reason,
        inserted_ns=number,
        updated_ns=10 * number,
    )


@pytest.mark.parametrize(
    ("first", "second", "status", "traded", "left"),
    [
        ((SENDING, 0), (SENDING, 0), SENDING, 0, 7),
        ((OPEN, 0), (SENDING, 0), SENDING, 0, 7),
        ((OPEN, 0), (OPEN, 0), OPEN, 0, 7),
        ((UNKNOWN, 0), (PARTIAL, 1), UNKNOWN, 1, 6),
        ((FILLED, 5), (OPEN, 0), PARTIAL, 5, 2),
        ((REJECTED, 0), (OPEN, 0), OPEN, 0, 2),
        ((CANCELLED, 2), (OPEN, 0), PARTIAL, 2, 2),
        ((FILLED, 5), (FILLED, 2), FILLED, 7, 0),
        ((REJECTED, 0), (REJECTED, 0), REJECTED, 0, 0),
        ((REJECTED, 0), (FILLED, 2), CANCELLED, 2, 0),
        ((REJECTED, 0), (CANCELLED, 0), CANCELLED, 0, 0),
        ((CANCELLED, 3), (FILLED, 2), CANCELLED, 5, 0),
        ((EXPIRED, 0), (EXPIRED, 1), EXPIRED, 1, 0),
        ((EXPIRED, 0), (CANCELLED, 1), CANCELLED, 1, 0),
        ((EXPIRED, 0), (FILLED, 2), EXPIRED, 2, 0),
    ],
)
def test_the_parent_of(
    first: tuple[OrderStatus, int], second: tuple[OrderStatus, int], status: OrderStatus, traded: int, left: int
) -> None:
    parent = fold_parent(an_intent(lots=7), [child(1, first[0], 5, first[1]), child(2, second[0], 2, second[1])])
    assert (parent.status, parent.traded_lots, parent.left_lots) == (status, traded, left)
    assert (parent.inserted_ns, parent.updated_ns) == (1, 20)
    assert bool(parent.reason) == (REJECTED in (first[0], second[0]))


def test_its_exchange_orders_are_all_named() -> None:
    assert fold_parent(an_intent(lots=7), [child(1, OPEN, 5, 0), child(2, OPEN, 2, 0)]).order_id == "V1,V2"
    assert fold_parent(an_intent(lots=5), [child(1, SENDING, 5, 0)]).order_id == ""
