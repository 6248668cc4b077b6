"""While an order is in doubt nothing is added."""

from collections.abc import Callable

from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.terms import OrderStatus
from tradepit.trading.risk.exposure import Exposure
from tradepit.trading.risk.unknown_order import UnknownOrder


def test_doubt_stops_the_contract_of_the_account_only(
    exposure: Exposure, make_intent: Callable[..., OrderIntent], now: int
) -> None:
    exposure.on_accepted(make_intent())
    exposure.on_order(Order(intent=make_intent(), status=OrderStatus.UNKNOWN, left_lots=1))
    refused = UnknownOrder().check(make_intent(client_order_id="o2"), exposure, now)
    assert refused is not None
    assert (refused.code, refused.limit, refused.value) == ("UNKNOWN_ORDER_PENDING", "0", "1")
    assert "o1" in refused.message
    assert UnknownOrder().check(make_intent(symbol="rb2505"), exposure, now) is None
    assert UnknownOrder(refuse_while_pending=False).check(make_intent(client_order_id="o2"), exposure, now) is None


def test_incomplete_reports_stop_the_account(exposure: Exposure, make_intent: Callable[..., OrderIntent], now: int) -> None:
    exposure.reconcile("a", begins=True)
    exposure.reconcile("a", begins=True)
    refused = UnknownOrder().check(make_intent(symbol="rb2505"), exposure, now)
    assert refused is not None
    assert (refused.code, refused.value) == ("STREAM_RECONCILING", "a")
    assert UnknownOrder().check(make_intent(account="b"), exposure, now) is None
    exposure.reconcile("a", begins=False)
    exposure.reconcile("a", begins=False)
    assert UnknownOrder().check(make_intent(), exposure, now) is None
