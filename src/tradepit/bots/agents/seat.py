"""One agent's place in the market: its account, its working orders, and what it can still close."""

import msgspec

from tradepit.bots.agents.view import Holding, Place, Resting
from tradepit.trading.ledger.book import Book
from tradepit.trading.model.product import CloseRule
from tradepit.trading.model.terms import Offset, Side
from tradepit.trading.model.trade import Trade


class Working(msgspec.Struct):
    """An order sent and not known to be finished; ``left_lots`` may still trade."""

    place: Place
    left_lots: int
    sent_ns: int


class Seat:
    """Folds what happens to the agent's own orders. Instants are monotonic ns."""

    def __init__(self, account: str, symbol: str) -> None:
        self.account, self.symbol = account, symbol
        self.working: dict[str, Working] = {}

    def sent(self, client_order_id: str, place: Place, now_ns: int) -> None:
        """The order is on its way: from here on it may trade."""
        self.working[client_order_id] = Working(place=place, left_lots=place.lots, sent_ns=now_ns)

    def traded(self, trade: Trade) -> None:
        """A trade of this account; the lots of an order that has traded in full are freed."""
        order = self.working.get(trade.client_order_id)
        if order is not None:
            order.left_lots -= trade.volume_lots
            if order.left_lots <= 0:
                del self.working[trade.client_order_id]

    def ended(self, client_order_id: str) -> None:
        """The order will not trade any more. Telling it twice changes nothing."""
        self.working.pop(client_order_id, None)

    def resting(self, now_ns: int) -> tuple[Resting, ...]:
        """The agent's working orders, oldest first."""
        return tuple(
            Resting(
                client_order_id=client_order_id,
                side=order.place.side,
                price_ticks=order.place.price_ticks,
                left_lots=order.left_lots,
                age_s=(now_ns - order.sent_ns) / 1e9,
            )
            for client_order_id, order in self.working.items()
        )

    def holding(self, book: Book | None) -> Holding:
        """What is held in ``book`` less what working orders are going to close."""
        if book is None:
            return Holding()
        rule = book.contract.close_rule
        long = _free(book.long.today_lots, book.long.history_lots, *self._closing(Side.SELL), rule)
        short = _free(book.short.today_lots, book.short.history_lots, *self._closing(Side.BUY), rule)
        return Holding(long_today=long[0], long_history=long[1], short_today=short[0], short_history=short[1], net=book.net_lots)

    def _closing(self, side: Side) -> tuple[int, int]:
        """Lots working orders of ``side`` will close: of today by name, and others."""
        today = other = 0
        for order in self.working.values():
            if order.place.side is side and order.place.offset is not Offset.OPEN:
                if order.place.offset is Offset.CLOSETODAY:
                    today += order.left_lots
                else:
                    other += order.left_lots
        return today, other


def _free(today: int, history: int, closing_today: int, closing: int, rule: CloseRule) -> tuple[int, int]:
    if rule is CloseRule.NAMED:
        return max(0, today - closing_today), max(0, history - closing)
    # One bucket, history first: what is left of the sum counts, in which part does not matter.
    closing += closing_today
    from_history = min(history, closing)
    return max(0, today - (closing - from_history)), history - from_history
