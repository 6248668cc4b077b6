"""Lots and contract value of one order."""

from collections.abc import Callable
from decimal import Decimal

from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.terms import OrderType
from tradepit.trading.risk.exposure import Exposure
from tradepit.trading.risk.order_size import OrderSize


def test_lots_are_bounded_per_contract(exposure: Exposure, make_intent: Callable[..., OrderIntent], now: int) -> None:
    rule = OrderSize(max_lots=5, max_lots_by_symbol={"IF2501": 2})
    assert rule.check(make_intent(volume_lots=2), exposure, now) is None
    refused = rule.check(make_intent(volume_lots=3), exposure, now)
    assert refused is not None
    assert (refused.code, refused.limit, refused.value) == ("QUANTITY_EXCEEDS_MAXIMUM", "2", "3")
    assert rule.check(make_intent(symbol="rb2505", volume_lots=5, price_ticks=3300), exposure, now) is None


def test_value_is_bounded_per_currency_and_market_orders_count_at_the_upper_limit(
    exposure: Exposure, make_intent: Callable[..., OrderIntent], now: int
) -> None:
    rule = OrderSize(max_notional={"CNY": Decimal(3_000_000)})
    assert rule.check(make_intent(volume_lots=2), exposure, now) is None
    refused = rule.check(make_intent(volume_lots=2, price_ticks=0, order_type=OrderType.MARKET), exposure, now)
    assert refused is not None
    assert (refused.limit, refused.value) == ("3000000 CNY", "3300000.0 CNY")
    dong = rule.check(make_intent(symbol="VN30F2501", price_ticks=13_000), exposure, now)
    assert dong is not None
    assert (dong.code, dong.limit) == ("NOTIONAL_EXCEEDS_MAX_PER_ORDER", "None")
    exposure.markets["IF2501"].roll(None)
    assert rule.check(make_intent(price_ticks=0, order_type=OrderType.MARKET), exposure, now) is not None
