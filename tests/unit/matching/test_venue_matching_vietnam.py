"""HNX's order types, session by session: ATO, LO, MTL, MOK, MAK, ATC. Prices in ticks of 0.1 point, times in Shanghai (Hanoi + 1 h)."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tradepit.trading.matching.commands import Transfer
from tradepit.trading.model.terms import Offset, OrderType, SelfTradePolicy, Side

BUY, SELL = Side.BUY, Side.SELL
LIMIT, ATO, ATC, MTL, MOK, MAK = (OrderType(name) for name in ("LIMIT", "ATO", "ATC", "MTL", "MOK", "MAK"))
Pits = Callable[..., Any]


def hanoi(pit: Pits, start: str, **settings: object) -> Any:
    market = pit("VN30F2501", start=f"2025-01-06 {start}", **settings)
    for account in ("ann", "bob", "cy"):
        market.do(Transfer(transfer_id=account, account=account, amount=Decimal(100_000_000_000)))
    return market


def send(market: Any, name: str, side: Side, price: int, lots: int, kind: OrderType = LIMIT) -> tuple[str, int, int, str]:
    """Send an order; ``a…`` is Ann's, ``b…`` Bob's, ``c…`` Cy's. Its state."""
    account = {"a": "ann", "b": "bob", "c": "cy"}[name[0]]
    market.order(account, name, side, price, lots, Offset.NET, kind)
    state: tuple[str, int, int, str] = market.state(account, name)
    return state


def test_an_ato_order_comes_before_earlier_limit_orders_and_its_rest_is_cancelled(pit: Pits) -> None:
    market = hanoi(pit, "09:50")
    send(market, "a1", BUY, 14_338, 2)  # at the ceiling, and earlier
    send(market, "b1", BUY, 0, 5, ATO)
    send(market, "c1", SELL, 13_410, 6)
    assert market.venue.band("VN30F2501")[1] == 14_338
    assert market.book() == ({}, {})
    # From 13,410 on six lots are offered, and seven bid for at any price: six trade, at the price nearest to the reference.
    assert market.told(market.at("10:00"))[1:] == [
        "c1 trades 5@13410",
        "c1 PARTIAL",
        "b1 trades 5@13410",
        "b1 FILLED",
        "c1 trades 1@13410",
        "c1 FILLED",
        "a1 trades 1@13410",
        "a1 PARTIAL",
    ]
    assert market.state("ann", "a1") == ("PARTIAL", 1, 1, "")
    thin = hanoi(pit, "09:50")
    send(thin, "b1", BUY, 0, 5, ATO)
    send(thin, "c1", SELL, 13_410, 2)
    thin.at("10:00")
    assert thin.state("bob", "b1") == ("CANCELLED", 2, 0, "REMAINDER")
    assert thin.state("cy", "c1") == ("FILLED", 2, 0, "")
    assert thin.book() == ({}, {})
    assert thin.venue.account("bob").frozen_margin == 0


def test_ato_orders_alone_trade_at_the_reference(pit: Pits) -> None:
    market = hanoi(pit, "09:50")
    send(market, "a1", BUY, 0, 3, ATO)
    send(market, "b1", SELL, 0, 2, ATO)
    market.at("10:00")
    assert market.venue.tick("VN30F2501").last_ticks == 13_400
    assert (market.state("ann", "a1")[:2], market.state("bob", "b1")[:2]) == (("CANCELLED", 2), ("FILLED", 2))


def test_an_atc_auction_is_drawn_to_the_last_price_and_settles_the_day(pit: Pits) -> None:
    market = hanoi(pit, "14:00")
    market.order("ann", "a1", BUY, 13_500, 1, Offset.NET)
    market.order("bob", "b1", SELL, 13_500, 1, Offset.NET)
    market.at("15:30")
    send(market, "a2", BUY, 0, 2, ATC)
    send(market, "b2", SELL, 0, 2, ATC)
    send(market, "c1", BUY, 13_480, 1)
    market.at("15:45")
    assert market.venue.tick("VN30F2501").last_ticks == 13_500
    assert market.state("ann", "a2") == ("FILLED", 2, 0, "")
    assert market.state("cy", "c1") == ("EXPIRED", 0, 0, "DAY_ENDED")
    market.at("17:00")
    assert market.days()[0].settlement_prices == {"VN30F2501": "1350"}


def test_an_mtl_order_takes_the_best_price_only_and_its_rest_waits_there(pit: Pits) -> None:
    market = hanoi(pit, "10:30")
    send(market, "b1", SELL, 13_400, 2)
    send(market, "b2", SELL, 13_401, 5)
    assert send(market, "a1", BUY, 0, 6, MTL) == ("PARTIAL", 2, 4, "")
    assert market.book() == ({13_400: 4}, {13_401: 5})
    assert market.told(market.cancel("ann", "a1")) == ["a1 CANCELLED"]


@pytest.mark.parametrize(("side", "prices", "rest"), [(BUY, (13_400, 13_401), 13_401), (SELL, (13_400, 13_399), 13_399)])
def test_an_mtl_order_may_go_a_step_beyond_the_matched_price(pit: Pits, side: Side, prices: tuple[int, int], rest: int) -> None:
    market = hanoi(pit, "10:30", mtl_rest_ticks=1)
    for number, price in enumerate(prices):
        send(market, f"b{number}", side.opposite, price, 2)
    assert send(market, "a1", side, 0, 6, MTL) == ("PARTIAL", 4, 2, "")
    assert market.book()[side is SELL] == {rest: 2}


def test_the_step_beyond_stays_within_the_days_limits(pit: Pits) -> None:
    market = hanoi(pit, "10:30", mtl_rest_ticks=1)
    send(market, "b1", SELL, 14_338, 1)
    assert send(market, "a1", BUY, 0, 2, MTL) == ("PARTIAL", 1, 1, "")
    assert market.book()[0] == {14_338: 1}


def test_what_waits_of_an_mtl_order_survives_a_restart_and_meets_its_own_account_at_that_price(pit: Pits) -> None:
    market = hanoi(pit, "15:29")
    send(market, "b1", SELL, 13_400, 1)
    send(market, "a1", BUY, 0, 3, MTL)
    assert market.twin().digest() == market.venue.digest()
    market.at("15:30")
    assert send(market, "a2", SELL, 13_401, 1)[0] == "OPEN"
    assert send(market, "a3", SELL, 13_400, 1) == ("CANCELLED", 0, 0, "SELF_TRADE")
    assert send(market, "a4", SELL, 0, 1, ATC) == ("CANCELLED", 0, 0, "SELF_TRADE")


def test_an_mtl_order_looks_past_own_orders_that_give_way(pit: Pits) -> None:
    market = hanoi(pit, "10:30", self_trade=SelfTradePolicy.CANCEL_RESTING)
    send(market, "a1", SELL, 13_400, 1)
    assert send(market, "a2", BUY, 0, 2, MTL) == ("CANCELLED", 0, 0, "NO_OPPOSITE")
    send(market, "b1", SELL, 13_401, 1)
    assert send(market, "a3", BUY, 0, 2, MTL) == ("PARTIAL", 1, 1, "")
    assert market.state("ann", "a1") == ("CANCELLED", 0, 0, "SELF_TRADE")
    assert market.book() == ({13_401: 1}, {})


@pytest.mark.parametrize(
    ("kind", "lots", "state"),
    [
        (MTL, 3, ("CANCELLED", 0, 0, "NO_OPPOSITE")),
        (MOK, 3, ("CANCELLED", 0, 0, "NOT_FILLABLE")),
        (MAK, 3, ("CANCELLED", 0, 0, "REMAINDER")),
    ],
)
def test_without_an_opposite_order_they_are_cancelled(
    pit: Pits, kind: OrderType, lots: int, state: tuple[str, int, int, str]
) -> None:
    market = hanoi(pit, "10:30")
    assert send(market, "a1", BUY, 0, lots, kind) == state
    assert market.venue.account("ann").frozen_margin == 0


def test_mok_trades_all_of_it_through_the_book_or_nothing_and_mak_what_there_is(pit: Pits) -> None:
    market = hanoi(pit, "10:30")
    send(market, "b1", SELL, 13_400, 2)
    send(market, "b2", SELL, 13_405, 2)
    assert send(market, "a1", BUY, 0, 5, MOK) == ("CANCELLED", 0, 0, "NOT_FILLABLE")
    assert send(market, "a2", BUY, 0, 3, MOK) == ("FILLED", 3, 0, "")
    assert send(market, "a3", BUY, 0, 3, MAK) == ("CANCELLED", 1, 0, "REMAINDER")
    assert market.book() == ({}, {})


@pytest.mark.parametrize(
    ("start", "taken"),
    [("09:50", {LIMIT, ATO}), ("10:30", {LIMIT, MTL, MOK, MAK}), ("14:30", {LIMIT, MTL, MOK, MAK}), ("15:35", {LIMIT, ATC})],
)
def test_each_session_takes_its_own_types_and_refuses_the_others_by_code(pit: Pits, start: str, taken: set[OrderType]) -> None:
    market = hanoi(pit, start)
    for number, kind in enumerate(OrderType):
        state = send(market, f"a{number}", BUY, 13_300 if kind.priced else 0, 1, kind)
        if kind in taken:
            assert state[0] != "REJECTED"
        else:
            assert state == ("REJECTED", 0, 0, "PRICETYPE_NOT_SUPPORTED")


@pytest.mark.parametrize("start", ["08:00", "12:45", "15:50"])
def test_before_in_the_break_and_after_the_close_nothing_enters(pit: Pits, start: str) -> None:
    market = hanoi(pit, start)
    for number, kind in enumerate((LIMIT, ATO, ATC, MTL, MOK, MAK)):
        assert send(market, f"a{number}", BUY, 13_300 if kind.priced else 0, 1, kind)[3] == "NOT_TRADING_PERIOD"


def test_orders_at_the_market_carry_no_price_and_no_more_than_the_largest_order(pit: Pits) -> None:
    market = hanoi(pit, "10:30")
    assert send(market, "a1", BUY, 13_400, 1, MTL)[3] == "PRICE_NOT_VALID"
    assert send(market, "a2", BUY, 0, 501, MAK)[3] == "VOLUME_NOT_VALID"
    assert send(market, "a3", BUY, 13_400, 501)[3] == "VOLUME_NOT_VALID"
    assert send(market, "a4", BUY, 14_339, 1)[3] == "PRICE_OVER_LIMIT"
    assert send(market, "a5", BUY, 12_461, 1)[3] == "PRICE_OVER_LIMIT"
    assert send(market, "a6", BUY, 12_462, 500)[0] == "OPEN"


def test_lots_net_on_the_same_day_and_lowering_keeps_the_place(pit: Pits) -> None:
    market = hanoi(pit, "10:30")
    send(market, "a1", BUY, 13_400, 3)
    send(market, "b1", SELL, 13_400, 3)
    send(market, "a2", SELL, 13_410, 5)
    send(market, "c1", SELL, 13_410, 1)
    market.reduce("ann", "a2", 1)
    send(market, "b2", BUY, 0, 4, MAK)
    assert [(each.side, each.lots) for each in market.venue.positions("ann")] == [(SELL, 1)]
    assert market.state("cy", "c1") == ("OPEN", 0, 1, "")
