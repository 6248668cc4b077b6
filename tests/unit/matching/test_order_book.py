"""The order book of one instrument and day."""

import pytest

from tradepit.trading.matching.order_book import OrderBook
from tradepit.trading.model.errors import BadRequest, DuplicateId, PriceNotValid, VolumeNotValid
from tradepit.trading.model.terms import OrderType, Side

BUY, SELL = Side.BUY, Side.SELL


@pytest.fixture
def book() -> OrderBook:
    return OrderBook(23473, 28689)


def test_adding_matches_and_the_rest_waits(book: OrderBook) -> None:
    assert book.add(1, SELL, 26000, 3) == ([], 3)
    assert book.add(2, SELL, 25999, 3) == ([], 3)
    assert book.add(3, BUY, 26000, 8) == ([(2, 25999, 3), (1, 26000, 3)], 2)
    assert (book.best(BUY), book.best(SELL), book.peek(BUY), book.remaining(3)) == (26000, 0, 3, 2)
    assert 3 in book
    assert 1 not in book


def test_only_limit_orders_wait(book: OrderBook) -> None:
    book.rest(1, SELL, 28689, 3)
    assert book.add(2, BUY, 28689, 4, OrderType.FOK) == ([], 4)
    assert book.add(3, BUY, 0, 2, OrderType.MARKET) == ([(1, 28689, 2)], 0)
    assert book.add(4, BUY, 28689, 2, OrderType.FAK) == ([(1, 28689, 1)], 1)
    assert len(book) == 0


def test_the_edges_of_the_band_are_prices(book: OrderBook) -> None:
    book.rest(1, BUY, 23473, 1)
    book.rest(2, SELL, 28689, 1)
    assert (book.best(BUY), book.best(SELL)) == (23473, 28689)
    for price in (23472, 28690, 0, -5):
        with pytest.raises(PriceNotValid):
            book.rest(3, BUY, price, 1)
    assert book.match(BUY, 10**9, 5) == [(2, 28689, 1)]
    assert book.match(SELL, -(10**9), 5) == [(1, 23473, 1)]


def test_a_limit_short_of_the_band_matches_nothing(book: OrderBook) -> None:
    book.rest(1, BUY, 23473, 1)
    book.rest(2, SELL, 23473, 1)
    assert book.match(BUY, 23472, 5) == book.match(SELL, 30000, 5) == book.match(BUY, 23473, 0) == []
    assert book.available(BUY, 23472, 5) == book.available(SELL, 30000, 5) == 0


def test_a_reduced_order_keeps_its_turn_a_renewed_one_does_not(book: OrderBook) -> None:
    for number in (1, 2, 3):
        book.rest(number, BUY, 25000, 5)
    assert book.reduce(1, 2) == 2
    assert book.cancel(2) == 5
    book.rest(4, BUY, 25000, 5)
    assert list(book.orders(BUY)) == [(1, 25000, 3), (3, 25000, 5), (4, 25000, 5)]
    assert book.match(SELL, 25000, 4) == [(1, 25000, 3), (3, 25000, 1)]
    assert book.reduce(3, 4) == 4
    assert (book.reduce(3, 1), book.cancel(3), book.remaining(3)) == (0, 0, 0)
    assert book.peek(BUY) == 4


def test_a_crossed_book_stays_crossed_until_matched(book: OrderBook) -> None:
    book.rest(1, BUY, 26010, 2)
    book.rest(2, SELL, 25990, 3)
    assert (book.best(BUY), book.best(SELL)) == (26010, 25990)
    assert (book.depth(BUY, 5), book.depth(SELL, 5)) == ([(26010, 2)], [(25990, 3)])


def test_depth_counts_lots_by_price(book: OrderBook) -> None:
    for number, price in enumerate((25000, 25002, 25000, 24000), start=1):
        book.rest(number, BUY, price, number)
    assert book.depth(BUY, 2) == [(25002, 2), (25000, 4)]
    assert book.total_lots(BUY) == 10
    book.clear()
    assert (len(book), book.depth(BUY, 2), book.total_lots(BUY)) == (0, [], 0)
    assert book.add(1, BUY, 25000, 1) == ([], 1)


def test_bad_requests_change_nothing(book: OrderBook) -> None:
    book.rest(7, BUY, 25000, 1)
    for lots in (0, -1):
        with pytest.raises(VolumeNotValid):
            book.add(8, BUY, 25000, lots)
        with pytest.raises(VolumeNotValid):
            book.reduce(7, lots)
    with pytest.raises(DuplicateId):
        book.add(7, SELL, 25000, 1)
    with pytest.raises(BadRequest):
        book.rest(0, BUY, 25000, 1)
    assert list(book.orders(BUY)) == [(7, 25000, 1)]
    for low, high in ((0, 10), (10, 9), (1, 2**20 + 1)):
        with pytest.raises(BadRequest):
            OrderBook(low, high)


def test_a_long_day_leaves_no_trace(book: OrderBook) -> None:
    """Memory follows what waits, not how many orders there ever were."""
    for number in range(1, 20_001, 2):
        book.rest(number, SELL, 26000, 2)
        assert book.add(number + 1, BUY, 26000, 2) == ([(number, 26000, 2)], 0)
    assert len(book) == 0
    assert len(book._place_of) == 0
    assert not book._asks.keys
    assert not book._asks.levels


def test_orders_that_enter_in_turn_trade_by_their_ids_among_those_that_wait(book: OrderBook) -> None:
    book.rest(2, SELL, 26000, 7)
    book.rest_in_turn(SELL, 26000, {1: 5, 3: 9})
    book.rest_in_turn(SELL, 26001, {4: 1})
    assert book.match(BUY, 26001, 21) == [(1, 26000, 5), (2, 26000, 7), (3, 26000, 9)]
    assert book.peek(SELL) == 4
