"""What the exchanges count: the last order that can do no harm passes, the next one does not."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.terms import OrderStatus, OrderType, Side
from tradepit.trading.model.trade import Trade
from tradepit.trading.risk.abnormal_trading import AbnormalTrading, Thresholds
from tradepit.trading.risk.exposure import Exposure

Make = Callable[..., OrderIntent]


def rule(**changes: object) -> AbnormalTrading:
    counts = Thresholds(self_trades=2, cancels=4, large_cancels=2, large_lots=10, **changes)  # type: ignore[arg-type]  # a factory
    return AbnormalTrading(enforce=True, by_exchange={"CFFEX": counts})


def cancel(exposure: Exposure, intent: OrderIntent) -> None:
    exposure.on_accepted(intent)
    for _ in range(2):
        exposure.on_order(Order(intent=intent, status=OrderStatus.CANCELLED))


def code(rule: AbnormalTrading, intent: OrderIntent, exposure: Exposure, now: int) -> str | None:
    refused = rule.check(intent, exposure, now)
    return refused.code if refused is not None else None


def test_cancels_and_what_may_still_be_cancelled_stay_below_the_threshold(
    exposure: Exposure, make_intent: Make, now: int
) -> None:
    cancel(exposure, make_intent(client_order_id="c1"))
    cancel(exposure, make_intent(client_order_id="c2"))
    assert code(rule(), make_intent(), exposure, now) is None
    exposure.on_accepted(make_intent(client_order_id="w"))
    assert code(rule(), make_intent(), exposure, now) == "CANCEL_COUNT"
    assert code(rule(), make_intent(order_type=OrderType.FAK), exposure, now) is None
    assert code(rule(immediate=True), make_intent(order_type=OrderType.FAK), exposure, now) == "CANCEL_COUNT"
    assert code(rule(), make_intent(order_type=OrderType.MARKET), exposure, now) is None
    assert code(AbnormalTrading(by_exchange=rule().by_exchange), make_intent(), exposure, now) is None
    assert code(AbnormalTrading(by_exchange=rule().by_exchange, enforce=True, exempt=["a"]), make_intent(), exposure, now) is None


def test_immediate_orders_count_where_the_exchange_says_so(exposure: Exposure, make_intent: Make, now: int) -> None:
    for number in range(3):
        cancel(exposure, make_intent(client_order_id=f"f{number}", order_type=OrderType.FAK))
    assert code(rule(), make_intent(), exposure, now) is None
    assert code(rule(immediate=True), make_intent(), exposure, now) == "CANCEL_COUNT"


def test_large_cancels_have_their_own_threshold(exposure: Exposure, make_intent: Make, now: int) -> None:
    cancel(exposure, make_intent(client_order_id="big", volume_lots=10))
    assert code(rule(), make_intent(volume_lots=9), exposure, now) is None
    assert code(rule(), make_intent(volume_lots=10), exposure, now) == "CANCEL_COUNT"
    by_share = Thresholds(large_cancels=2, large_share=Decimal("0.5"))
    assert by_share.large_from(exposure.markets["IF2501"]) == 10
    assert Thresholds().large_from(exposure.markets["IF2501"]) == 21


def test_both_sides_of_one_match_are_one_self_trade(
    exposure: Exposure, make_intent: Make, make_trade: Callable[..., Trade], now: int
) -> None:
    buy, sell = make_intent(client_order_id="b"), make_intent(client_order_id="s", side=Side.SELL)
    exposure.on_fill(make_trade(buy, 1))
    exposure.on_fill(make_trade(sell, 1, trade_id="t9"))
    assert code(rule(), make_intent(), exposure, now) is None
    exposure.on_fill(make_trade(sell, 1))
    assert code(rule(), make_intent(), exposure, now) == "SELF_TRADE_COUNT"
    holding = exposure.holding("a", "IF2501")
    assert holding is not None
    assert holding.day.self_trades == 1
    holding.roll()
    assert code(rule(), make_intent(), exposure, now) is None


def test_accounts_under_one_control_are_counted_together(exposure: Exposure, make_intent: Make, now: int) -> None:
    exposure.open_account("b", Decimal(1))
    for number in range(3):
        cancel(exposure, make_intent(client_order_id=f"c{number}", account="b"))
    assert code(rule(), make_intent(), exposure, now) is None
    grouped = AbnormalTrading(enforce=True, by_exchange=rule().by_exchange, groups={"g": ["a", "b"]})
    assert code(grouped, make_intent(), exposure, now) == "CANCEL_COUNT"


def test_a_warning_is_due_at_four_fifths(exposure: Exposure, make_intent: Make) -> None:
    counted = AbnormalTrading(by_exchange={"CFFEX": Thresholds(cancels=5)})
    for number in range(3):
        cancel(exposure, make_intent(client_order_id=f"c{number}"))
    assert counted.standings("a", "IF2501", exposure) == []
    cancel(exposure, make_intent(client_order_id="c4"))
    [standing] = counted.standings("a", "IF2501", exposure)
    assert (standing.code, standing.value, standing.limit) == ("CANCEL_COUNT", 4, 5)
    assert counted.standings("a", "nothing", exposure) == []


def test_lots_opened_in_a_day_have_a_cap(exposure: Exposure, make_intent: Make, hold: Callable[..., None], now: int) -> None:
    capped = AbnormalTrading(max_opened_lots={"IF2501": 10})
    hold(exposure, volume_lots=4)
    exposure.on_accepted(make_intent(client_order_id="w", volume_lots=3, side=Side.SELL))
    assert code(capped, make_intent(volume_lots=3), exposure, now) is None
    assert code(capped, make_intent(volume_lots=4), exposure, now) == "OPEN_COUNT"


def test_the_share_of_a_warning_is_a_share() -> None:
    with pytest.raises(ValueError, match="soft_share"):
        AbnormalTrading(soft_share=Decimal(0))
