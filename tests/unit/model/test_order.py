"""Orders: what is active, what is terminal."""

import pytest
from tests.order_path import an_intent

from tradepit.trading.model.order import Order
from tradepit.trading.model.terms import OrderStatus

ENDS = {OrderStatus.RISK_REJECTED, OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.REJECTED, OrderStatus.EXPIRED}


@pytest.mark.parametrize("status", OrderStatus)
def test_an_order_is_active_until_its_end(status: OrderStatus) -> None:
    order = Order(intent=an_intent(), status=status)
    assert order.active is (status not in ENDS)
    assert status.terminal is (status in ENDS)
    assert order.client_order_id == "c1"
