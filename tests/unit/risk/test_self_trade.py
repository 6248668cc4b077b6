"""No order meets its own account's."""

from collections.abc import Callable

import pytest

from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.terms import OrderStatus, OrderType, Side
from tradepit.trading.risk.exposure import Exposure
from tradepit.trading.risk.self_trade import GivesWay, SelfTrade


@pytest.mark.parametrize(
    ("side", "order_type", "price", "meets"),
    [
        (Side.SELL, OrderType.LIMIT, 25_000, True),
        (Side.SELL, OrderType.FAK, 24_990, True),
        (Side.SELL, OrderType.LIMIT, 25_001, False),
        (Side.SELL, OrderType.MARKET, 0, True),
        (Side.BUY, OrderType.LIMIT, 26_000, False),
    ],
)
def test_crossing_the_own_best_price_is_refused(
    side: Side,
    order_type: OrderType,
    price: int,
    meets: bool,
    exposure: Exposure,
    make_intent: Callable[..., OrderIntent],
    now: int,
) -> None:
    resting = make_intent(client_order_id="r")
    exposure.on_accepted(resting)
    exposure.on_accepted(make_intent(client_order_id="low", price_ticks=24_000))
    exposure.on_accepted(make_intent(client_order_id="fak", price_ticks=27_000, order_type=OrderType.FAK))
    incoming = make_intent(side=side, order_type=order_type, price_ticks=price)
    refused = SelfTrade().check(incoming, exposure, now)
    assert (refused is not None) is meets
    if refused is not None:
        assert (refused.code, refused.limit) == ("SELF_TRADE", "25000 ticks")
        exposure.on_order(Order(intent=resting, status=OrderStatus.CANCELLED))
        again = SelfTrade().check(incoming, exposure, now)
        assert (again is not None) is (order_type is OrderType.MARKET)


def test_other_accounts_may_be_met(exposure: Exposure, make_intent: Callable[..., OrderIntent], now: int) -> None:
    exposure.on_accepted(make_intent(side=Side.SELL))
    assert SelfTrade().check(make_intent(account="b"), exposure, now) is None
    assert SelfTrade().check(make_intent(), exposure, now) is not None


def test_accounts_under_one_control_do_not_meet(exposure: Exposure, make_intent: Callable[..., OrderIntent], now: int) -> None:
    exposure.open_account("b", exposure.books["a"].opening_equity)
    exposure.on_accepted(make_intent(account="b", side=Side.SELL))
    assert SelfTrade(groups={"g": ["c", "b"]}).check(make_intent(), exposure, now) is None
    refused = SelfTrade(groups={"g": ["a", "b"]}).check(make_intent(), exposure, now)
    assert refused is not None
    assert refused.message == "would meet a resting order of b"


def test_what_is_in_the_way_is_named_where_it_gives_way(
    exposure: Exposure, make_intent: Callable[..., OrderIntent], now: int
) -> None:
    for name, price, kind in (("r1", 25_000, OrderType.LIMIT), ("r2", 24_999, OrderType.LIMIT), ("f", 26_000, OrderType.FAK)):
        exposure.on_accepted(make_intent(client_order_id=name, price_ticks=price, order_type=kind))
    sell = make_intent(client_order_id="s", side=Side.SELL)
    assert SelfTrade().in_the_way(sell, exposure) == []
    giving = SelfTrade(policy=GivesWay.CANCEL_RESTING)
    assert giving.in_the_way(sell, exposure) == ["r1"]
    assert giving.in_the_way(make_intent(side=Side.SELL, order_type=OrderType.MARKET, price_ticks=0), exposure) == ["r1", "r2"]
    assert giving.in_the_way(make_intent(account="b"), exposure) == []
    assert giving.check(sell, exposure, now) is not None


def test_a_meeting_may_be_told_of_instead(exposure: Exposure, make_intent: Callable[..., OrderIntent], now: int) -> None:
    exposure.open_account("b", exposure.books["a"].opening_equity)
    exposure.on_accepted(make_intent(client_order_id="r", account="b", side=Side.SELL, bot="b1"))
    rule = SelfTrade(policy=GivesWay.REPORT, groups={"owner": ["a", "b"]})
    meets, passes = make_intent(bot="b2"), make_intent(bot="b2", price_ticks=24_999)
    assert rule.check(meets, exposure, now) is None
    assert rule.in_the_way(meets, exposure) == []
    remark = rule.remark(meets, exposure, now)
    assert remark is not None
    assert (remark.code, remark.rule, remark.limit) == ("SELF_TRADE", "self_trade", "25000 ticks")
    assert rule.remark(passes, exposure, now) is None
    assert SelfTrade().remark(meets, exposure, now) is None
