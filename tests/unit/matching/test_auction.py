"""The call auction's price, step by step of its rule, and its trades."""

import pytest

from tradepit.trading.matching.auction import auction_price, call_auction, uncross
from tradepit.trading.matching.order_book import OrderBook
from tradepit.trading.model.terms import Side

BUY, SELL = Side.BUY, Side.SELL


def gather(*orders: tuple[Side, int, int]) -> OrderBook:
    book = OrderBook(900, 1100)
    for number, (side, price, lots) in enumerate(orders, start=1):
        book.rest(number, side, price, lots)
    return book


@pytest.mark.parametrize(
    ("orders", "reference", "price"),
    [
        pytest.param([], 1000, 0, id="nothing"),
        pytest.param([(BUY, 1000, 5)], 1000, 0, id="one side"),
        pytest.param([(BUY, 999, 5), (SELL, 1000, 5)], 1000, 0, id="not crossed"),
        pytest.param([(BUY, 1000, 5), (SELL, 1000, 5)], 1050, 1000, id="one price"),
        pytest.param([(BUY, 1010, 5), (BUY, 1000, 5), (SELL, 990, 10), (SELL, 1005, 5)], 1100, 1000, id="most volume"),
        pytest.param([(BUY, 1010, 5), (SELL, 990, 5), (SELL, 1005, 4)], 1008, 1004, id="least imbalance"),
        pytest.param([(BUY, 1010, 5), (SELL, 990, 5)], 1003, 1003, id="the reference between"),
        pytest.param([(BUY, 1010, 5), (SELL, 990, 5)], 1050, 1010, id="nearest from above"),
        pytest.param([(BUY, 1010, 5), (SELL, 990, 5)], 950, 990, id="nearest from below"),
    ],
)
def test_the_price(orders: list[tuple[Side, int, int]], reference: int, price: int) -> None:
    assert auction_price(gather(*orders), reference) == price


def test_better_prices_trade_first_then_earlier_orders_and_the_rest_waits() -> None:
    book = gather((BUY, 1000, 4), (BUY, 1005, 3), (BUY, 1000, 4), (SELL, 1000, 5), (SELL, 995, 4), (SELL, 1001, 9))
    assert call_auction(book, 1000) == (1000, [(2, 5, 3), (1, 5, 1), (1, 4, 3), (3, 4, 2)])
    assert list(book.orders(BUY)) == [(3, 1000, 2)]
    assert list(book.orders(SELL)) == [(6, 1001, 9)]
    assert call_auction(book, 1000) == (0, [])


def test_trades_name_their_price() -> None:
    book = gather((BUY, 1001, 4), (SELL, 1001, 3))
    assert uncross(book, 1000) == [(1, 2, 1001, 3)]
    assert uncross(book, 1000) == []


BAND = (900, 1100)


def at_market(*orders: tuple[Side, int, int]) -> OrderBook:
    """A book whose orders at the market (price 0) wait a tick beyond the band."""
    book = OrderBook(899, 1101)
    for number, (side, price, lots) in enumerate(orders, start=1):
        book.rest(number, side, price or (1101 if side is BUY else 899), lots)
    return book


@pytest.mark.parametrize(
    ("orders", "reference", "price"),
    [
        pytest.param([(BUY, 0, 5), (SELL, 0, 5)], 1000, 1000, id="at the market only: the reference"),
        pytest.param([(BUY, 0, 5), (SELL, 0, 5)], 1200, 1100, id="within the band"),
        pytest.param([(BUY, 0, 5), (SELL, 1005, 5)], 1000, 1005, id="the only price"),
        pytest.param([(BUY, 0, 5), (BUY, 1010, 5), (SELL, 1005, 5), (SELL, 1010, 5)], 1000, 1010, id="most volume"),
        pytest.param([(SELL, 0, 9), (BUY, 1000, 4), (BUY, 995, 4)], 1000, 995, id="a market sell goes down for volume"),
        pytest.param([(BUY, 1100, 3), (BUY, 0, 5), (SELL, 1100, 6)], 1000, 1100, id="with a bid at the ceiling"),
    ],
)
def test_the_price_with_orders_at_the_market(orders: list[tuple[Side, int, int]], reference: int, price: int) -> None:
    assert auction_price(at_market(*orders), reference, BAND) == price


def test_orders_at_the_market_come_before_earlier_limit_orders_at_the_ceiling() -> None:
    book = at_market((BUY, 1100, 3), (BUY, 0, 5), (SELL, 1100, 6))
    assert call_auction(book, 1000, BAND) == (1100, [(2, 3, 5), (1, 3, 1)])
