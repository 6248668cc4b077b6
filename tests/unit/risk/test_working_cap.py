"""How many orders may work at once."""

from collections.abc import Callable

from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.terms import OrderStatus
from tradepit.trading.risk.exposure import Exposure
from tradepit.trading.risk.working_cap import WorkingCap


def test_contract_and_account_have_caps(exposure: Exposure, make_intent: Callable[..., OrderIntent], now: int) -> None:
    rule = WorkingCap(max_per_symbol=2, max_per_account=3)
    orders = [make_intent(client_order_id=f"o{number}") for number in range(2)]
    for order in orders:
        assert rule.check(order, exposure, now) is None
        exposure.on_accepted(order)
    refused = rule.check(make_intent(client_order_id="n"), exposure, now)
    assert refused is not None
    assert (refused.code, refused.limit, refused.value) == ("MAX_WORKING", "2", "2")
    other = make_intent(client_order_id="r", symbol="rb2505")
    assert rule.check(other, exposure, now) is None
    exposure.on_accepted(other)
    full = rule.check(make_intent(client_order_id="n", symbol="VN30F2501"), exposure, now)
    assert full is not None
    assert full.limit == "3"
    exposure.on_order(Order(intent=orders[0], status=OrderStatus.CANCELLED))
    assert rule.check(make_intent(client_order_id="n"), exposure, now) is None
