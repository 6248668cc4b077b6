"""Reading a kernel's book: prices of places, depth, orders in priority order."""

from tradepit.trading.matching.kernel import BUY, LIMIT, SELL, submit
from tradepit.trading.matching.kernel_storage import ListStorage
from tradepit.trading.matching.kernel_walk import depth_of, occupied, tick_at, waiting


def test_both_sides_of_every_symbol_read_best_first() -> None:
    storage = ListStorage(2, 5000)
    storage.reserve(20, 20, 20)
    book = storage.book
    for order_id, (side, tick) in enumerate([(BUY, 7), (BUY, 4000), (BUY, 7), (SELL, 4999), (SELL, 4001)]):
        submit(book, LIMIT, side, 1, tick, order_id + 1, order_id)
    assert list(waiting(book, 2)) == [(1, 4000, 2), (0, 7, 1), (2, 7, 3)]
    assert list(waiting(book, 3)) == [(4, 4001, 5), (3, 4999, 4)]
    assert depth_of(book, 2, 5) == [(4000, 2), (7, 4)]
    assert depth_of(book, 3, 1) == [(4001, 5)]
    assert depth_of(book, 2, 0) == []
    assert list(occupied(book, 0)) == list(occupied(book, 1)) == []
    assert [tick_at(book[0], 2, place) for place in occupied(book, 2)] == [4000, 7]
