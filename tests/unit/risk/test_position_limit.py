"""Positions as they could become."""

from collections.abc import Callable

from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.terms import Side
from tradepit.trading.risk.exposure import Exposure
from tradepit.trading.risk.position_limit import PositionLimit, SideLimits


def test_position_and_working_orders_count_together(
    exposure: Exposure, make_intent: Callable[..., OrderIntent], hold: Callable[..., None], now: int
) -> None:
    rule = PositionLimit(max_long=10, max_short=3)
    hold(exposure, volume_lots=4)
    exposure.on_accepted(make_intent(volume_lots=5))
    assert rule.check(make_intent(volume_lots=1), exposure, now) is None
    refused = rule.check(make_intent(volume_lots=2), exposure, now)
    assert refused is not None
    assert (refused.code, refused.limit, refused.value) == ("POSITION_LIMIT", "10", "11")
    assert rule.check(make_intent(side=Side.SELL, volume_lots=3), exposure, now) is None
    assert rule.check(make_intent(side=Side.SELL, volume_lots=4), exposure, now) is not None


def test_a_contract_may_have_its_own_limits(exposure: Exposure, make_intent: Callable[..., OrderIntent], now: int) -> None:
    rule = PositionLimit(by_symbol={"IF2501": SideLimits(max_long=1, max_short=0)})
    assert rule.check(make_intent(volume_lots=2), exposure, now) is not None
    assert rule.check(make_intent(side=Side.SELL), exposure, now) is not None
    assert rule.check(make_intent(symbol="rb2505", volume_lots=2), exposure, now) is None
