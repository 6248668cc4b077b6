"""The kernel's functions on a book of lists."""

import pytest

from tradepit.trading.matching import kernel
from tradepit.trading.matching.kernel import BUY, FOK, IOC, LIMIT, MARKET, REJECTED, SELL, TRADES, Book
from tradepit.trading.matching.kernel_storage import ListStorage


@pytest.fixture
def book() -> Book:
    storage = ListStorage(1, 100)
    storage.reserve(50, 50, 50)
    return storage.book


def trades(book: Book) -> list[tuple[int, int, int, int]]:
    """(taker, maker, tick, lots) since the last look."""
    count, book[0][TRADES] = book[0][TRADES], 0
    taker, maker, price, traded = book[5]
    return [(taker[i], maker[i], price[i], traded[i]) for i in range(count)]


def test_price_first_then_time(book: Book) -> None:
    for order_id, tick in ((1, 52), (2, 51), (3, 51), (4, 53)):
        assert kernel.submit(book, LIMIT, SELL, 0, tick, 5, order_id) == 5
    assert kernel.submit(book, LIMIT, BUY, 0, 52, 12, 5) == 0
    assert trades(book) == [(5, 2, 51, 5), (5, 3, 51, 5), (5, 1, 52, 2)]


def test_bids_mirror_asks(book: Book) -> None:
    for order_id, tick in ((1, 48), (2, 49), (3, 49)):
        kernel.submit(book, LIMIT, BUY, 0, tick, 5, order_id)
    assert kernel.submit(book, LIMIT, SELL, 0, 49, 11, 4) == 1
    assert trades(book) == [(4, 2, 49, 5), (4, 3, 49, 5)]
    assert kernel.submit(book, LIMIT, BUY, 0, 99, 1, 5) == 0
    assert trades(book) == [(5, 4, 49, 1)]


def test_a_market_order_sweeps_to_the_edge_and_never_waits(book: Book) -> None:
    kernel.submit(book, LIMIT, SELL, 0, 99, 3, 1)
    assert kernel.submit(book, MARKET, BUY, 0, -7, 5, 2) == 2
    assert trades(book) == [(2, 1, 99, 3)]
    assert kernel.submit(book, MARKET, SELL, 0, 0, 5, 3) == 5
    assert kernel.cancel(book, 2) == kernel.cancel(book, 3) == 0


def test_ioc_and_fok(book: Book) -> None:
    kernel.submit(book, LIMIT, SELL, 0, 50, 3, 1)
    kernel.submit(book, LIMIT, SELL, 0, 90, 3, 2)
    assert kernel.submit(book, FOK, BUY, 0, 89, 4, 3) == 4
    assert trades(book) == []
    assert kernel.submit(book, FOK, BUY, 0, 90, 4, 4) == 0
    assert trades(book) == [(4, 1, 50, 3), (4, 2, 90, 1)]
    assert kernel.submit(book, IOC, BUY, 0, 95, 4, 5) == 2
    assert kernel.cancel(book, 5) == 0


def test_reducing_keeps_the_turn_and_the_last_lots_cancel(book: Book) -> None:
    for order_id in (1, 2):
        kernel.submit(book, LIMIT, BUY, 0, 40, 9, order_id)
    assert kernel.reduce(book, 1, 4) == 4
    assert kernel.submit(book, IOC, SELL, 0, 40, 6, 3) == 0
    assert trades(book) == [(3, 1, 40, 5), (3, 2, 40, 1)]
    assert kernel.reduce(book, 2, 99) == 8
    assert kernel.reduce(book, 2, 1) == kernel.reduce(book, 2, -3) == 0
    assert kernel.submit(book, IOC, SELL, 0, 0, 1, 4) == 1


@pytest.mark.parametrize(
    ("kind", "side", "symbol", "tick", "lots"),
    [
        (LIMIT, BUY, 0, -1, 1),
        (LIMIT, BUY, 0, 100, 1),
        (LIMIT, BUY, 0, 1, 0),
        (LIMIT, BUY, 0, 1, 2**31),
        (LIMIT, 2, 0, 1, 1),
        (LIMIT, -1, 0, 1, 1),
        (LIMIT, BUY, 1, 1, 1),
        (LIMIT, BUY, -1, 1, 1),
        (4, BUY, 0, 1, 1),
        (-1, BUY, 0, 1, 1),
    ],
)
def test_what_is_out_of_range_is_rejected(book: Book, kind: int, side: int, symbol: int, tick: int, lots: int) -> None:
    assert kernel.submit(book, kind, side, symbol, tick, lots, 1) == REJECTED
    assert trades(book) == []
    assert kernel.submit(book, MARKET, BUY, 0, 0, 1, 2) == kernel.submit(book, MARKET, SELL, 0, 0, 1, 3) == 1


def test_a_search_crosses_empty_words_and_groups() -> None:
    storage = ListStorage(1, 131_072)
    marks = storage.book[2]
    places = [0, 31, 32, 1023, 1024, 40_000, 131_071]
    for place in places:
        kernel.mark(marks, place)
    found, place = [], kernel.next_place(marks, 0)
    while place < 131_072:
        found.append(place)
        place = kernel.next_place(marks, place + 1)
    assert found == places
    for place in places[1:-1]:
        kernel.unmark(marks, place)
    assert kernel.next_place(marks, 1) == 131_071
