"""Prices too far through the market."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.terms import OrderType, Side
from tradepit.trading.risk.collar import Collar, WithoutData
from tradepit.trading.risk.exposure import Exposure

MINUTE = 60_000_000_000


@pytest.mark.parametrize(
    ("side", "price", "passes"),
    [
        (Side.BUY, 25_750, True),
        (Side.BUY, 25_751, False),
        (Side.BUY, 22_500, True),
        (Side.SELL, 24_250, True),
        (Side.SELL, 24_249, False),
        (Side.SELL, 27_500, True),
    ],
)
def test_only_the_dangerous_side_is_bounded(
    side: Side, price: int, passes: bool, exposure: Exposure, make_intent: Callable[..., OrderIntent], now: int
) -> None:
    refused = Collar().check(make_intent(side=side, price_ticks=price), exposure, now)
    assert (refused is None) is passes
    assert refused is None or refused.code == "PRICE_COLLAR"


def test_the_wider_of_share_and_ticks_counts(exposure: Exposure, make_intent: Callable[..., OrderIntent], now: int) -> None:
    collar = Collar(max_away=Decimal(0), max_away_ticks=5)
    assert collar.check(make_intent(price_ticks=25_005), exposure, now) is None
    refused = collar.check(make_intent(price_ticks=25_006), exposure, now)
    assert refused is not None
    assert (refused.limit, refused.value) == ("25005 ticks", "25006 ticks")


def test_without_a_fresh_price_only_priced_orders_inside_the_limits_pass(
    exposure: Exposure, make_intent: Callable[..., OrderIntent], now: int
) -> None:
    later = now + MINUTE + 1
    market = make_intent(order_type=OrderType.MARKET, price_ticks=0)
    far = make_intent(price_ticks=27_500)
    assert Collar().check(market, exposure, now) is None
    assert Collar().check(far, exposure, now + MINUTE) is not None
    assert Collar().check(far, exposure, later) is None
    for refused in (
        Collar().check(market, exposure, later),
        Collar().check(make_intent(price_ticks=27_501), exposure, later),
        Collar(without_data=WithoutData.REFUSE).check(far, exposure, later),
    ):
        assert refused is not None
        assert (refused.code, refused.value) == ("PRICE_COLLAR", "60000 ms")
    exposure.markets["IF2501"].roll(None)
    nothing = Collar().check(make_intent(), exposure, now)
    assert nothing is not None
    assert nothing.value == "none"
