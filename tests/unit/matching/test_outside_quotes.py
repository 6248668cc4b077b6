"""What the outside shows waits beside the book, enters it in its turn, and leaves it again."""

from tradepit.trading.matching.order_book import OrderBook
from tradepit.trading.matching.outside_quotes import OutsideQuotes, take_youngest
from tradepit.trading.model.terms import Side


def _quotes(side: Side, *orders: tuple[int, int, int]) -> OutsideQuotes:
    quotes = OutsideQuotes(side)
    for order in orders:
        quotes.restore(*order)
    return quotes


def test_an_order_meets_what_its_limit_reaches_in_the_order_of_coming_and_the_rest_leaves_again() -> None:
    book = OrderBook(1, 100)
    book.rest(2, Side.SELL, 10, 5)
    quotes = _quotes(Side.SELL, (1, 10, 3), (4, 10, 1), (3, 12, 2))
    assert not quotes.enter(book, 9)
    assert quotes.enter(book, 11)
    assert list(book.orders(Side.SELL)) == [(1, 10, 3), (2, 10, 5), (4, 10, 1)]
    assert book.match(Side.BUY, 11, 2) == [(1, 10, 2)]
    quotes.traded(1, 10, 2)
    quotes.leave(book)
    assert list(book.orders(Side.SELL)) == [(2, 10, 5)]
    assert quotes.queues == {10: {1: 1, 4: 1}, 12: {3: 2}}


def test_what_was_traded_away_is_gone() -> None:
    quotes = _quotes(Side.BUY, (1, 10, 3), (2, 9, 4))
    quotes.traded(1, 10, 3)
    assert quotes.queues == {9: {2: 4}}
    quotes.traded(2, 9, 4)
    assert quotes.queues == {}


def test_the_youngest_lots_are_taken_first() -> None:
    queue = {1: 3, 5: 2, 7: 4}
    take_youngest(queue, 5)
    assert queue == {1: 3, 5: 1}
