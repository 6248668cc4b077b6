"""What the outside shows on one side of a market, as orders that wait beside the book until an order may meet them."""

from tradepit.trading.matching.order_book import OrderBook
from tradepit.trading.model.terms import Side

_BUY = Side.BUY  # named for each order: see ``at_hand``


class OutsideQuotes:
    """``queues`` are the outside's orders by price, best price first: lots by their number in the book, oldest first, none without lots.

    Most quotes are gone before an order reaches them, and entering each in the book would be a tick's largest part. The book
    therefore holds the accounts' orders alone; quotes enter it for as long as an order that reaches them is matched, in the places
    among the others that their numbers give them.
    """

    __slots__ = ("buys", "queues", "side")

    def __init__(self, side: Side) -> None:
        self.side = side
        self.queues: dict[int, dict[int, int]] = {}
        self.buys = side is _BUY

    def enter(self, book: OrderBook, limit_ticks: int) -> bool:
        """Let what an order of the other side reaches at its limit wait in the book; False when that is nothing."""
        entered = False
        for price, queue in self.queues.items():
            if price < limit_ticks if self.buys else price > limit_ticks:
                break
            book.rest_in_turn(self.side, price, queue)
            entered = True
        return entered

    def leave(self, book: OrderBook) -> None:
        """Take out of the book what entered it and is left."""
        for queue in self.queues.values():
            for number in queue:
                book.cancel(number)

    def traded(self, number: int, price_ticks: int, lots: int) -> None:
        """An account's order took lots of one of these."""
        queue = self.queues[price_ticks]
        queue[number] -= lots
        if not queue[number]:
            del queue[number]
            if not queue:
                del self.queues[price_ticks]

    def restore(self, number: int, price_ticks: int, lots: int) -> None:
        """One more, worse or younger than all before."""
        self.queues.setdefault(price_ticks, {})[number] = lots


def take_youngest(queue: dict[int, int], excess: int) -> None:
    """Take lots away from the orders of a price, the youngest first; there are more than that."""
    while excess:
        number, lots = queue.popitem()
        if lots > excess:
            queue[number] = lots - excess
            return
        excess -= lots
