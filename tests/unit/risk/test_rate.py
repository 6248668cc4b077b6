"""Orders per second; cancels have their own, roomier budget."""

from collections.abc import Callable

from tradepit.trading.model.order import OrderIntent
from tradepit.trading.risk.exposure import Exposure
from tradepit.trading.risk.rate import Rate

S = 1_000_000_000


def passes(rule: Rate, intent: OrderIntent, exposure: Exposure, now_ns: int) -> bool:
    rule.charge(intent, exposure, now_ns)
    return rule.check(intent, exposure, now_ns) is None


def test_a_burst_then_a_rate_per_account(exposure: Exposure, make_intent: Callable[..., OrderIntent], now: int) -> None:
    rule = Rate(orders_per_s=2, order_burst=3)
    assert [passes(rule, make_intent(), exposure, now) for _ in range(5)] == [True, True, True, False, False]
    assert [passes(rule, make_intent(), exposure, now + S) for _ in range(3)] == [True, True, False]
    exposure.open_account("b", exposure.books["a"].opening_equity)
    assert passes(rule, make_intent(account="b"), exposure, now + S)
    refused = rule.check(make_intent(), exposure, now + S)
    assert refused is not None
    assert (refused.code, refused.limit) == ("RATE_LIMIT_EXCEEDED", "2/s, 3 at once")


def test_orders_do_not_use_up_the_cancels(exposure: Exposure, make_intent: Callable[..., OrderIntent], now: int) -> None:
    rule = Rate(orders_per_s=1, order_burst=1)
    assert [passes(rule, make_intent(), exposure, now) for _ in range(2)] == [True, False]
    assert rule.delay_cancel("a", exposure, now) == 0
    rule.charge(make_intent(account="nobody"), exposure, now)
    assert "nobody" not in exposure.books
