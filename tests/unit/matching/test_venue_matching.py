from collections.abc import Callable
from typing import Any

from tradepit.trading.model.report import TradeReport
from tradepit.trading.model.terms import Offset, OrderType, SelfTradePolicy, Side

BUY, SELL = Side.BUY, Side.SELL
OPEN = "2025-01-06 09:31"
Pits = Callable[..., Any]


def test_an_order_walks_the_book_by_price_and_then_by_time(pit: Pits) -> None:
    market = pit("IF2501", start=OPEN)
    market.order("ann", "a1", SELL, 19_001, 2)
    market.order("bob", "b1", SELL, 19_000, 2)
    market.order("bob", "b2", SELL, 19_000, 2)
    events = market.order("cy", "c1", BUY, 19_001, 5)
    assert market.told(events) == [
        "c1 OPEN",
        "b1 trades 2@19000",
        "b1 FILLED",
        "c1 trades 2@19000",
        "b2 trades 2@19000",
        "b2 FILLED",
        "c1 trades 2@19000",
        "a1 trades 1@19001",
        "a1 PARTIAL",
        "c1 trades 1@19001",
        "c1 FILLED",
    ]
    assert [event.sequence for event in events] == list(range(4, 15)), "numbered without a gap"
    assert market.book() == ({}, {19_001: 1})


def test_both_sides_of_a_trade_share_its_id_and_pay_their_own_fee(pit: Pits) -> None:
    market = pit("IF2501", start=OPEN)
    market.order("ann", "a1", SELL, 19_000, 1)
    events = market.order("bob", "b1", BUY, 19_000, 1)
    maker, taker = (event.trade for event in events if isinstance(event, TradeReport))
    assert maker.trade_id == taker.trade_id == "IF2501-20250106-T1"
    assert (maker.side, maker.account, taker.side, taker.account) == (SELL, "ann", BUY, "bob")
    # 3800 * 300 * 0.000023
    assert maker.fee == taker.fee == "26.22"


def test_a_limit_order_rests_with_what_is_left(pit: Pits) -> None:
    market = pit("IF2501", start=OPEN)
    market.order("ann", "a1", SELL, 19_000, 1)
    assert market.told(market.order("bob", "b1", BUY, 19_000, 3))[-1] == "b1 PARTIAL"
    assert market.state("bob", "b1") == ("PARTIAL", 1, 2, "")
    assert market.book() == ({19_000: 2}, {})


def test_fak_trades_what_it_can_and_cancels_the_rest(pit: Pits) -> None:
    market = pit("IF2501", start=OPEN)
    market.order("ann", "a1", SELL, 19_000, 1)
    market.order("bob", "b1", BUY, 19_000, 3, Offset.OPEN, OrderType.FAK)
    assert market.state("bob", "b1") == ("CANCELLED", 1, 0, "REMAINDER")
    market.order("bob", "b2", BUY, 19_000, 3, Offset.OPEN, OrderType.FAK)
    assert market.state("bob", "b2") == ("CANCELLED", 0, 0, "REMAINDER")
    assert market.book() == ({}, {})
    assert market.venue.account("bob").frozen_margin == 0


def test_fok_trades_all_or_nothing(pit: Pits) -> None:
    market = pit("IF2501", start=OPEN)
    market.order("ann", "a1", SELL, 19_000, 1)
    market.order("ann", "a2", SELL, 19_002, 2)
    assert market.told(market.order("bob", "b1", BUY, 19_001, 3, Offset.OPEN, OrderType.FOK)) == ["b1 OPEN", "b1 CANCELLED"]
    assert market.state("bob", "b1") == ("CANCELLED", 0, 0, "NOT_FILLABLE")
    market.order("bob", "b2", BUY, 19_002, 3, Offset.OPEN, OrderType.FOK)
    assert market.state("bob", "b2") == ("FILLED", 3, 0, "")


def test_a_market_order_takes_any_price_within_the_limits_and_never_rests(pit: Pits) -> None:
    market = pit("IF2501", start=OPEN)
    market.order("ann", "a1", BUY, 17_100, 2)
    market.order("ann", "a2", BUY, 18_000, 1)
    market.order("bob", "b1", SELL, 0, 5, Offset.OPEN, OrderType.MARKET)
    assert market.state("bob", "b1") == ("CANCELLED", 3, 0, "REMAINDER")
    assert market.book() == ({}, {})


def test_the_newest_order_of_a_self_trade_is_cancelled_but_keeps_what_it_traded(pit: Pits) -> None:
    market = pit("IF2501", start=OPEN)
    market.order("bob", "b1", SELL, 19_000, 1)
    market.order("ann", "a1", SELL, 19_000, 1)
    market.order("bob", "b2", SELL, 19_000, 1)
    market.order("ann", "a2", BUY, 19_000, 3)
    assert market.state("ann", "a2") == ("CANCELLED", 1, 0, "SELF_TRADE")
    assert market.state("ann", "a1") == ("OPEN", 0, 1, "")
    assert market.book() == ({}, {19_000: 2})


def test_cancel_resting_clears_the_accounts_own_orders_out_of_the_way(pit: Pits) -> None:
    market = pit("IF2501", start=OPEN, self_trade=SelfTradePolicy.CANCEL_RESTING)
    market.order("ann", "a1", SELL, 19_000, 1)
    market.order("bob", "b1", SELL, 19_000, 2)
    assert market.told(market.order("ann", "a2", BUY, 19_000, 2)) == [
        "a2 OPEN",
        "a1 CANCELLED",
        "b1 trades 2@19000",
        "b1 FILLED",
        "a2 trades 2@19000",
        "a2 FILLED",
    ]
    assert market.state("ann", "a1") == ("CANCELLED", 0, 0, "SELF_TRADE")


def test_a_self_trade_may_be_allowed(pit: Pits) -> None:
    market = pit("IF2501", start=OPEN, self_trade_by_account={"ann": SelfTradePolicy.ALLOW})
    market.order("ann", "a1", SELL, 19_000, 1)
    market.order("ann", "a2", BUY, 19_000, 1)
    assert market.state("ann", "a1")[0] == market.state("ann", "a2")[0] == "FILLED"
    assert [position.lots for position in market.venue.positions("ann")] == [1, 1]


def test_an_all_or_none_order_does_not_count_on_its_own_account(pit: Pits) -> None:
    market = pit("IF2501", start=OPEN)
    market.order("bob", "b1", SELL, 18_999, 1)
    market.order("ann", "a1", SELL, 19_000, 1)
    market.order("bob", "b2", SELL, 19_001, 1)
    market.order("ann", "a2", BUY, 19_001, 2, Offset.OPEN, OrderType.FOK)
    assert market.state("ann", "a2") == ("CANCELLED", 0, 0, "NOT_FILLABLE"), "its own offer stands in the way"
    market.order("ann", "a3", BUY, 19_001, 1, Offset.OPEN, OrderType.FOK)
    assert market.state("ann", "a3")[0] == "FILLED"


def test_an_all_or_none_order_may_clear_its_own_account_away(pit: Pits) -> None:
    market = pit("IF2501", start=OPEN, self_trade=SelfTradePolicy.CANCEL_RESTING)
    market.order("bob", "b1", SELL, 18_999, 1)
    market.order("ann", "a1", SELL, 19_000, 1)
    market.order("bob", "b2", SELL, 19_001, 1)
    market.order("ann", "a2", BUY, 19_001, 3, Offset.OPEN, OrderType.FOK)
    assert market.state("ann", "a2") == ("CANCELLED", 0, 0, "NOT_FILLABLE")
    assert market.state("ann", "a1")[0] == "OPEN", "nothing was cancelled for an order that could not trade"
    market.order("ann", "a3", BUY, 19_001, 2, Offset.OPEN, OrderType.FOK)
    assert market.state("ann", "a3")[0] == "FILLED"
    assert market.state("ann", "a1")[0] == "CANCELLED"


def test_decrement_takes_the_lots_two_own_orders_share_from_both(pit: Pits) -> None:
    market = pit("IF2501", start=OPEN, self_trade=SelfTradePolicy.DECREMENT)
    market.order("ann", "a1", SELL, 19_000, 5)
    market.order("bob", "b1", SELL, 19_000, 2)
    # What came has none left: it is over, what rested keeps its turn with less.
    assert market.told(market.order("ann", "a2", BUY, 19_000, 2)) == ["a2 OPEN", "a1 OPEN", "a2 CANCELLED"]
    assert market.state("ann", "a1") == ("OPEN", 0, 3, "")
    assert market.state("ann", "a2") == ("CANCELLED", 0, 0, "SELF_TRADE")
    # What rested has none left: the rest of what came trades with others, and waits with what is left then.
    assert market.told(market.order("ann", "a3", BUY, 19_000, 7)) == [
        "a3 OPEN", "a1 CANCELLED", "b1 trades 2@19000", "b1 FILLED", "a3 trades 2@19000", "a3 PARTIAL",
    ]  # fmt: skip
    assert market.state("ann", "a1") == ("CANCELLED", 0, 0, "SELF_TRADE")
    assert market.state("ann", "a3") == ("PARTIAL", 2, 2, "")
    assert market.book() == ({19_000: 2}, {})
    market.cancel("ann", "a3")
    assert market.venue.account("ann").frozen_margin == 0
    assert [position.lots for position in market.venue.positions("ann")] == [2]


def test_what_was_lessened_and_then_filled_is_filled(pit: Pits) -> None:
    market = pit("IF2501", start=OPEN, self_trade=SelfTradePolicy.DECREMENT)
    market.order("ann", "a1", SELL, 19_000, 5)
    market.order("ann", "a2", BUY, 19_000, 2)
    market.order("bob", "b1", BUY, 19_000, 3)
    assert market.state("ann", "a1") == ("FILLED", 3, 0, "")
    market.order("bob", "b2", SELL, 19_001, 1)
    market.order("ann", "a3", SELL, 19_000, 1)
    # An order that only lost lots rests, and its report says with how many.
    assert market.told(market.order("ann", "a4", BUY, 19_000, 4))[-1] == "a4 OPEN"
    assert market.state("ann", "a4") == ("OPEN", 0, 3, "")
    market.order("ann", "a5", SELL, 19_000, 9, Offset.OPEN, OrderType.FAK)
    assert market.state("ann", "a5") == ("CANCELLED", 0, 0, "REMAINDER")
    assert market.state("ann", "a4") == ("CANCELLED", 0, 0, "SELF_TRADE")
    assert market.venue.account("ann").frozen_margin == 0


def test_an_all_or_none_order_is_never_lessened(pit: Pits) -> None:
    market = pit("IF2501", start=OPEN, self_trade=SelfTradePolicy.DECREMENT)
    market.order("ann", "a1", SELL, 19_000, 1)
    market.order("bob", "b1", SELL, 19_001, 5)
    market.order("ann", "a2", BUY, 19_001, 2, Offset.OPEN, OrderType.FOK)
    assert market.state("ann", "a2") == ("CANCELLED", 0, 0, "NOT_FILLABLE")
    assert market.state("ann", "a1") == ("OPEN", 0, 1, "")
