from collections.abc import Callable
from typing import Any

from tradepit.trading.model.report import TradeReport
from tradepit.trading.model.terms import SelfTradePolicy, SessionPhase, Side

BUY, SELL = Side.BUY, Side.SELL
Pits = Callable[..., Any]


def test_orders_gather_without_trading_and_trade_at_one_price_when_ordering_ends(pit: Pits) -> None:
    market = pit("IF2501", start="2025-01-06 09:25")
    market.order("ann", "a1", BUY, 19_020, 2)
    market.order("bob", "b1", SELL, 18_990, 3)
    market.order("cy", "c1", BUY, 19_000, 2)
    market.order("bob", "b2", SELL, 19_010, 2)
    assert all(market.state(*key)[0] == "OPEN" for key in (("ann", "a1"), ("bob", "b1"), ("cy", "c1"), ("bob", "b2")))
    assert market.book() == ({}, {}), "a crossed book is not shown"
    events = market.at("09:29")
    trades = [event.trade for event in events if isinstance(event, TradeReport)]
    assert {trade.price_ticks for trade in trades} == {19_000}, "three lots trade at 19,000, only two at the others"
    assert sum(trade.volume_lots for trade in trades if trade.side is BUY) == 3
    assert market.state("ann", "a1") == ("FILLED", 2, 0, "")
    assert market.state("bob", "b1") == ("FILLED", 3, 0, "")
    assert market.state("cy", "c1") == ("PARTIAL", 1, 1, "")
    assert market.state("bob", "b2") == ("OPEN", 0, 2, "")
    market.at("09:30")
    assert market.book() == ({19_000: 1}, {19_010: 2})


def test_cancels_are_taken_while_orders_gather_and_nothing_while_they_are_matched(pit: Pits) -> None:
    market = pit("IF2501", start="2025-01-06 09:25")
    market.order("ann", "a1", BUY, 19_000, 2)
    market.order("ann", "a2", BUY, 19_001, 2)
    assert market.told(market.cancel("ann", "a1")) == ["a1 CANCELLED"]
    market.at("09:29")
    assert market.venue.phase("IF2501") is SessionPhase.AUCTION_MATCHING
    assert market.told(market.cancel("ann", "a2")) == ["refused NOT_TRADING_PERIOD"]
    market.order("bob", "b1", SELL, 19_000, 2)
    assert market.state("bob", "b1") == ("REJECTED", 0, 0, "NOT_TRADING_PERIOD")


def test_an_account_cannot_meet_itself_in_an_auction(pit: Pits) -> None:
    market = pit("IF2501", start="2025-01-06 09:25")
    market.order("ann", "a1", BUY, 19_000, 2)
    market.order("ann", "a2", SELL, 19_000, 1)
    market.order("ann", "a3", SELL, 19_001, 1)
    assert market.state("ann", "a2") == ("CANCELLED", 0, 0, "SELF_TRADE")
    assert market.state("ann", "a3")[0] == "OPEN"
    clearing = pit("IF2501", start="2025-01-06 09:25", self_trade=SelfTradePolicy.CANCEL_RESTING)
    clearing.order("ann", "a1", BUY, 19_000, 2)
    clearing.order("ann", "a2", SELL, 19_000, 1)
    assert clearing.state("ann", "a1") == ("CANCELLED", 0, 0, "SELF_TRADE")
    assert clearing.state("ann", "a2")[0] == "OPEN"
    lessening = pit("IF2501", start="2025-01-06 09:25", self_trade=SelfTradePolicy.DECREMENT)
    lessening.order("ann", "a1", BUY, 19_000, 3)
    lessening.order("ann", "a2", SELL, 19_000, 1)
    assert lessening.state("ann", "a1") == ("OPEN", 0, 2, "")
    assert lessening.state("ann", "a2") == ("CANCELLED", 0, 0, "SELF_TRADE")
    lessening.order("ann", "a3", SELL, 18_999, 5)
    assert lessening.state("ann", "a1") == ("CANCELLED", 0, 0, "SELF_TRADE")
    assert lessening.state("ann", "a3") == ("OPEN", 0, 3, "")


def test_an_auction_that_does_not_cross_trades_nothing(pit: Pits) -> None:
    market = pit("IF2501", start="2025-01-06 09:25")
    market.order("ann", "a1", BUY, 19_000, 2)
    market.order("bob", "b1", SELL, 19_001, 2)
    assert market.told(market.at("09:30")) == ["PhaseChanged", "PhaseChanged"]
    assert market.book() == ({19_000: 2}, {19_001: 2})
