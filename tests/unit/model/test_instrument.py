"""Prices become integer ticks at the door, and limits lie on the tick."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.order_path import instrument

from tradepit.trading.model.errors import BadRequest, PriceNotValid, PriceWrongTick
from tradepit.trading.model.instrument import MAX_TICKS

IF = instrument()


@given(ticks=st.integers(1, MAX_TICKS))
def test_ticks_and_prices_are_the_same_thing(ticks: int) -> None:
    assert IF.to_ticks(IF.to_price(ticks)) == ticks


@pytest.mark.parametrize(
    "text", ["0", "-0", "-3900", "NaN", "sNaN", "Infinity", "-Infinity", "1e13", "1e999999", str(2**31 * 0.2)]
)
def test_what_is_no_price(text: str) -> None:
    with pytest.raises(PriceNotValid):
        IF.to_ticks(Decimal(text))


@pytest.mark.parametrize("text", ["3900.1", "3900.20000000000000000000000000000001", "1e-999999", "0.1"])
def test_what_is_off_the_tick(text: str) -> None:
    with pytest.raises(PriceWrongTick) as refused:
        IF.to_ticks(Decimal(text))
    assert len(str(refused.value)) < 300


@given(st.decimals(allow_nan=True, allow_infinity=True))
def test_any_decimal_is_a_tick_or_refused(price: Decimal) -> None:
    try:
        ticks = IF.to_ticks(price)
    except BadRequest:
        return
    assert IF.to_price(ticks) == price
    assert 1 <= ticks <= MAX_TICKS


@given(reference=st.decimals("0.2", 10**6, places=4))
def test_limits_are_rounded_inward(reference: Decimal) -> None:
    low, high = IF.price_band(reference)
    assert low >= 1
    assert IF.to_price(high) <= reference * (1 + IF.product.limit_pct) < IF.to_price(high + 1)
    assert low == 1 or IF.to_price(low - 1) < reference * (1 - IF.product.limit_pct) <= IF.to_price(low)


def test_notional() -> None:
    assert IF.notional(19_500, 2) == Decimal(3900) * 300 * 2
