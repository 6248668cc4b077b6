"""What the exchanges count of an account in a contract on a trading day: cancelled orders, trades with oneself, lots opened."""

import msgspec

from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.terms import Offset, OrderType
from tradepit.trading.model.trade import Trade

_OPEN, _LIMIT = Offset.OPEN, OrderType.LIMIT  # named for each order: see ``at_hand``
_REMEMBERED = 64


class Cancels(msgspec.Struct):
    """Cancelled orders, and how many there were of each size (lots as ordered)."""

    count: int = 0
    sizes: dict[int, int] = {}

    def add(self, lots: int) -> None:
        """One more order of this size."""
        self.count += 1
        self.sizes[lots] = self.sizes.get(lots, 0) + 1

    def of_at_least(self, lots: int) -> int:
        """How many were of that size or larger."""
        return sum(count for size, count in self.sizes.items() if size >= lots)


class DayCounts(msgspec.Struct):
    """``resting`` are cancelled limit orders, ``immediate`` FAK and FOK orders that were cancelled with lots left.

    ``trades`` are the numbers of the last trades: a number met again is the other side of the same match, a trade with oneself.
    ``warned`` are the counts a warning was given of.
    """

    resting: Cancels = msgspec.field(default_factory=Cancels)
    immediate: Cancels = msgspec.field(default_factory=Cancels)
    self_trades: int = 0
    opened_lots: int = 0
    trades: list[str] = []
    warned: list[str] = []

    def on_cancelled(self, intent: OrderIntent) -> None:
        """An order ended cancelled."""
        if intent.order_type is _LIMIT:
            self.resting.add(intent.volume_lots)
        elif intent.order_type.priced:
            self.immediate.add(intent.volume_lots)

    def on_trade(self, trade: Trade) -> None:
        """A fill, told once."""
        if trade.offset is _OPEN:
            self.opened_lots += trade.volume_lots
        if trade.trade_id in self.trades:
            self.self_trades += 1
            self.trades.remove(trade.trade_id)
            return
        self.trades.append(trade.trade_id)
        if len(self.trades) > _REMEMBERED:
            del self.trades[0]
