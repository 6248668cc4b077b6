"""Money for the margin, margin over equity, contract value over equity: at the limit an order passes, beyond it not."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.terms import Offset, OrderType, Side
from tradepit.trading.risk.exposure import Exposure
from tradepit.trading.risk.margin import Margin

# One lot of IF2501 at 5000: a value of 1,500,000, a margin of 180,000.
LOT, LOT_MARGIN = Decimal(1_500_000), Decimal(180_000)


def code(rule: Margin, intent: OrderIntent, exposure: Exposure, now: int) -> str | None:
    refused = rule.check(intent, exposure, now)
    return refused.code if refused is not None else None


@pytest.mark.parametrize(
    ("settings", "equity", "refused"),
    [
        ({}, 5 * LOT_MARGIN, "INSUFFICIENT_MONEY"),
        ({"max_risk_ratio": "0.5"}, 10 * LOT_MARGIN, "LEVERAGE"),
        ({"max_leverage": "2"}, 5 * LOT / 2, "LEVERAGE"),
    ],
)
def test_positions_working_orders_and_the_order_count_together(
    settings: dict[str, str],
    equity: Decimal,
    refused: str,
    exposure: Exposure,
    make_intent: Callable[..., OrderIntent],
    hold: Callable[..., None],
    now: int,
) -> None:
    rule = Margin(**{name: Decimal(text) for name, text in settings.items()})
    hold(exposure, volume_lots=2)
    exposure.on_accepted(make_intent(client_order_id="w", volume_lots=2))
    exposure.books["a"].opening_equity = equity
    assert code(rule, make_intent(), exposure, now) is None
    assert code(rule, make_intent(volume_lots=2), exposure, now) == refused
    exposure.books["a"].opening_equity = equity - 1
    assert code(rule, make_intent(), exposure, now) == refused


def test_what_adds_no_lots_needs_no_money(
    exposure: Exposure, make_intent: Callable[..., OrderIntent], hold: Callable[..., None], now: int
) -> None:
    hold(exposure, volume_lots=2)
    exposure.books["a"].opening_equity = Decimal(0)
    closing: dict[str, Any] = {"client_order_id": "c", "side": Side.SELL, "offset": Offset.CLOSE}
    assert code(Margin(), make_intent(volume_lots=2, **closing), exposure, now) is None
    assert code(Margin(), make_intent(volume_lots=3, **closing), exposure, now) == "INSUFFICIENT_MONEY"


def test_a_market_order_is_valued_at_the_days_highest(
    exposure: Exposure, make_intent: Callable[..., OrderIntent], now: int
) -> None:
    market = make_intent(order_type=OrderType.MARKET, price_ticks=0)
    exposure.books["a"].opening_equity = Decimal("198000.0")
    assert code(Margin(), market, exposure, now) is None
    exposure.books["a"].opening_equity = Decimal("197999.9")
    assert code(Margin(), market, exposure, now) == "INSUFFICIENT_MONEY"
    exposure.markets["IF2501"].upper_ticks = 0
    assert code(Margin(), market, exposure, now) == "INSUFFICIENT_MONEY"


def test_the_larger_side_alone_pays_where_the_exchange_says_so(
    exposure: Exposure, make_intent: Callable[..., OrderIntent], hold: Callable[..., None], now: int
) -> None:
    from msgspec.structs import replace  # noqa: PLC0415 - only this test changes a product

    market = exposure.markets["IF2501"]
    market.instrument = replace(market.instrument, product=replace(market.instrument.product, larger_side_margin=True))
    hold(exposure, volume_lots=3, side=Side.SELL)
    hold(exposure, volume_lots=3)
    exposure.books["a"].opening_equity = 4 * LOT_MARGIN
    assert code(Margin(), make_intent(), exposure, now) is None
    exposure.books["a"].opening_equity -= 1
    assert code(Margin(), make_intent(), exposure, now) == "INSUFFICIENT_MONEY"


@pytest.mark.parametrize("settings", [{"max_leverage": Decimal(-1)}, {"max_risk_ratio": Decimal("NaN")}])
def test_limits_are_numbers(settings: dict[str, Decimal]) -> None:
    with pytest.raises(ValueError, match="must be numbers"):
        Margin(**settings)
