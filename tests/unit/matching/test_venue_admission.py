from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tradepit.trading.matching.commands import OpenAccount, SubmitOrder
from tradepit.trading.model.terms import Exchange, Offset, OrderType, Side

BUY, SELL = Side.BUY, Side.SELL
OPEN = "2025-01-06 09:31"
Pits = Callable[..., Any]


@pytest.mark.parametrize(
    ("price", "lots", "offset", "order_type", "code"),
    [
        (20_901, 1, Offset.OPEN, OrderType.LIMIT, "PRICE_OVER_LIMIT"),
        (17_099, 1, Offset.OPEN, OrderType.LIMIT, "PRICE_OVER_LIMIT"),
        (0, 1, Offset.OPEN, OrderType.LIMIT, "PRICE_NOT_VALID"),
        (-5, 1, Offset.OPEN, OrderType.FAK, "PRICE_NOT_VALID"),
        (19_000, 1, Offset.OPEN, OrderType.MARKET, "PRICE_NOT_VALID"),
        (19_000, 0, Offset.OPEN, OrderType.LIMIT, "VOLUME_NOT_VALID"),
        (19_000, 21, Offset.OPEN, OrderType.LIMIT, "VOLUME_NOT_VALID"),
        (0, 11, Offset.OPEN, OrderType.MARKET, "VOLUME_NOT_VALID"),
        (19_000, 1, Offset.CLOSE, OrderType.LIMIT, "OVER_CLOSE_POSITION"),
        (19_000, 1, Offset.NET, OrderType.LIMIT, "OFFSET_NOT_VALID"),
    ],
)
def test_a_refused_order_is_recorded_with_its_code(
    pit: Pits, price: int, lots: int, offset: Offset, order_type: OrderType, code: str
) -> None:
    market = pit("IF2501", start=OPEN)
    assert market.told(market.order("ann", "a1", BUY, price, lots, offset, order_type)) == ["a1 REJECTED"]
    assert market.state("ann", "a1") == ("REJECTED", 0, 0, code)
    assert market.order("ann", "a1", BUY, price, lots, offset, order_type) == [], "the outcome is known by its id"
    assert market.venue.order("ann", "a1").order_id == ""


def test_the_limits_themselves_are_tradable(pit: Pits) -> None:
    market = pit("IF2501", start=OPEN)
    market.order("ann", "top", BUY, 20_900, 1)
    market.order("bob", "bottom", SELL, 20_900, 1)
    assert market.state("ann", "top")[0] == "FILLED"


def test_unknown_account_instrument_and_exchange(pit: Pits) -> None:
    market = pit("IF2501", start=OPEN)
    good = market.intent("ann", "a1", BUY, 19_000, 1)
    wrong = {
        "ACCOUNT_NOT_FOUND": {"account": "zed"},
        "INSTRUMENT_NOT_FOUND": {"symbol": "IF2512"},
    }
    for code, change in wrong.items():
        fields = {name: getattr(good, name) for name in good.__struct_fields__} | change
        market.do(SubmitOrder(intent=type(good)(**fields)))
        assert market.state(fields["account"], "a1")[3] == code
    fields = {name: getattr(good, name) for name in good.__struct_fields__} | {"exchange": Exchange.DCE, "client_order_id": "a2"}
    market.do(SubmitOrder(intent=type(good)(**fields)))
    assert market.state("ann", "a2")[3] == "INSTRUMENT_NOT_FOUND"


def test_money_is_frozen_by_working_orders(pit: Pits) -> None:
    market = pit("IF2501", start=OPEN)
    market.do(OpenAccount(account="poor", deposit=Decimal(100_000)))
    market.order("poor", "p1", BUY, 19_000, 1)
    market.order("poor", "p2", BUY, 19_000, 1)
    assert market.state("poor", "p1")[0] == "OPEN"
    assert market.state("poor", "p2") == ("REJECTED", 0, 0, "INSUFFICIENT_MONEY")
    market.cancel("poor", "p1")
    market.order("poor", "p3", BUY, 19_000, 1)
    assert market.state("poor", "p3")[0] == "OPEN"


def test_an_auction_takes_limit_orders_only_and_a_close_must_name_the_bucket_on_shfe(pit: Pits) -> None:
    market = pit("rb2505", start="2025-01-06 09:01")
    market.order("ann", "a1", BUY, 3300, 5)
    market.order("bob", "b1", SELL, 3300, 5)
    market.order("ann", "close", SELL, 3300, 1, Offset.CLOSE)
    market.order("ann", "yesterday", SELL, 3300, 1, Offset.CLOSEYESTERDAY)
    market.order("ann", "today", SELL, 3400, 5, Offset.CLOSETODAY)
    market.order("ann", "more", SELL, 3300, 1, Offset.CLOSETODAY)
    codes = [market.state("ann", name)[3] for name in ("close", "yesterday", "today", "more")]
    assert codes == ["OVER_CLOSEYESTERDAY", "OVER_CLOSEYESTERDAY", "", "OVER_CLOSETODAY"]
    market.at("20:56")
    market.order("ann", "fak", SELL, 3300, 1, Offset.CLOSE, OrderType.FAK)
    market.order("ann", "history", SELL, 3300, 5, Offset.CLOSE)
    assert market.state("ann", "fak")[3] == "PRICETYPE_NOT_SUPPORTED"
    assert market.state("ann", "history")[0] == "OPEN", "today's lots are yesterday's after settlement"


def test_an_exchange_without_market_orders_refuses_them(pit: Pits) -> None:
    market = pit("rb2505", start="2025-01-06 09:01")
    market.order("ann", "m", BUY, 0, 1, Offset.OPEN, OrderType.MARKET)
    supported = OrderType.MARKET in market.instruments["rb2505"].product.order_types
    assert market.state("ann", "m")[3] == ("REMAINDER" if supported else "PRICETYPE_NOT_SUPPORTED")
