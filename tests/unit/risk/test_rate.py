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
    assert rule.delay_cancel("a", "", exposure, now) == 0
    rule.charge(make_intent(account="nobody"), exposure, now)
    assert "nobody" not in exposure.books


def test_a_bot_has_its_own_buckets_over_all_accounts(
    exposure: Exposure, make_intent: Callable[..., OrderIntent], now: int
) -> None:
    exposure.open_account("b", exposure.books["a"].opening_equity)
    rule = Rate(bot_orders_per_s=1, bot_order_burst=2, bot_cancels_per_s=10, bot_cancel_burst=1)
    assert passes(rule, make_intent(bot="x"), exposure, now)
    assert passes(rule, make_intent(bot="x", account="b"), exposure, now)
    assert not passes(rule, make_intent(bot="x"), exposure, now)
    assert passes(rule, make_intent(bot="y"), exposure, now)
    assert passes(rule, make_intent(), exposure, now)
    refused = rule.check(make_intent(bot="x"), exposure, now)
    assert refused is not None
    assert refused.message == "too many orders of the bot"
    assert [rule.delay_cancel("a", "x", exposure, now) for _ in range(2)] == [0, S // 10]


def test_the_day_has_totals_and_begins_anew(exposure: Exposure, make_intent: Callable[..., OrderIntent], now: int) -> None:
    rule = Rate(max_day_orders=3, max_bot_day_orders=2, max_day_cancels=1, max_bot_day_cancels=1)
    assert [passes(rule, make_intent(bot="x"), exposure, now) for _ in range(3)] == [True, True, False]
    assert not passes(rule, make_intent(bot="y"), exposure, now)
    exposure.books["a"].roll()
    exposure.bots["x"].roll()
    exposure.on_cancel_asked(make_intent(bot="x"))
    assert passes(rule, make_intent(bot="x"), exposure, now)
    exposure.on_cancel_asked(make_intent())
    refused = rule.check(make_intent(), exposure, now)
    assert refused is not None
    assert (refused.limit, refused.value) == ("1 cancels a day", "2")
    assert rule.delay_cancel("a", "", exposure, now) == 0
