"""The order book of one instrument and one trading day: price-time priority between the day's limit prices."""

from collections.abc import Iterator
from typing import Never

from tradepit.trading.matching.kernel import FREE, MAX_TICKS, SPAN, TRADES, available, lower, remove, rest, take
from tradepit.trading.matching.kernel_storage import ListStorage
from tradepit.trading.matching.kernel_walk import depth_of, occupied, waiting
from tradepit.trading.model.errors import BadRequest, DuplicateId, PriceNotValid, VolumeNotValid
from tradepit.trading.model.terms import OrderType, Side

Match = tuple[int, int, int]
_BIDS, _ASKS = 0, 1
# Looking a member up in its enumeration costs as much as several steps of the kernel.
_BUY, _SELL, _LIMIT, _MARKET, _FOK = Side.BUY, Side.SELL, OrderType.LIMIT, OrderType.MARKET, OrderType.FOK


class OrderBook:
    """Mutable. Prices are ticks, ``low_tick`` and ``high_tick`` included; volumes are lots; a match is (maker id, price, lots).

    Order ids are positive integers, each used once. The way from an id to its place is a dict of the waiting orders only: after
    millions of orders in a day the book is as small as what waits in it, which an array over all ids of the day would not be.
    It runs the interpreted kernel: calls take microseconds, and no code has to be compiled first.

    Matching and waiting are separate steps, so that a venue can look (``peek``) before it matches, and can gather the orders of a
    call auction without matching: then the book may be crossed, and ``auction.uncross`` resolves it.
    Raises BadRequest when the band is empty, not positive or too wide.
    """

    __slots__ = ("_asks_from", "_book", "_node_of", "_storage", "high_tick", "low_tick")

    def __init__(self, low_tick: int, high_tick: int) -> None:
        if not 1 <= low_tick <= high_tick or high_tick - low_tick >= MAX_TICKS:
            raise BadRequest("Not a band of prices.", low_tick=low_tick, high_tick=high_tick)
        self.low_tick = low_tick
        self.high_tick = high_tick
        self.clear()

    def clear(self) -> None:
        """Forget every order."""
        self._storage = ListStorage(1, self.high_tick - self.low_tick + 1)
        self._book = self._storage.book
        self._asks_from = self._book[0][SPAN] - self.low_tick  # the place of an ask is this and its price
        self._node_of: dict[int, int] = {}

    def __len__(self) -> int:
        """Number of waiting orders."""
        return len(self._node_of)

    def __contains__(self, order_id: int) -> bool:
        """True while the order waits."""
        return order_id in self._node_of

    def add(
        self, order_id: int, side: Side, price_ticks: int, lots: int, kind: OrderType = OrderType.LIMIT
    ) -> tuple[list[Match], int]:
        """Match an order and let what is left of a limit order wait: (matches, lots not traded).

        A market order takes any price; FAK and market remainders and unfillable FOK orders do not wait. Raises as ``rest``.
        """
        if kind is _MARKET:
            price_ticks = self.high_tick if side is _BUY else self.low_tick
        if lots <= 0 or not self.low_tick <= price_ticks <= self.high_tick or order_id < 1 or order_id in self._node_of:
            self._refuse(order_id, price_ticks, lots)
        if side is _BUY:
            maker_side, limit = _ASKS, self._asks_from + price_ticks
        else:
            maker_side, limit = _BIDS, self.high_tick - price_ticks
        matches: list[Match] = []
        if self._book[1][maker_side] <= limit:
            if kind is _FOK and available(self._book, maker_side, limit, lots) < lots:
                return matches, lots
            matches = self._take(maker_side, limit, lots)
            for match in matches:
                lots -= match[2]
        if lots and kind is _LIMIT:
            self._wait(order_id, side, price_ticks, lots)
        return matches, lots

    def match(self, side: Side, limit_ticks: int, lots: int) -> list[Match]:
        """Trade up to ``lots`` of an incoming order of ``side`` with what waits at ``limit_ticks`` or better; none of it rests.

        A limit outside the band is taken as it reads: beyond the far edge it takes all, beyond the near one nothing.
        """
        maker_side, limit = self._reach(side, limit_ticks)
        return self._take(maker_side, limit, lots) if lots > 0 and self._book[1][maker_side] <= limit else []

    def _take(self, maker_side: int, limit: int, lots: int) -> list[Match]:
        """Trade with at least one order."""
        book = self._book
        state = book[0]
        state[TRADES] = 0
        take(book, maker_side, limit, lots, 0)
        count = state[TRADES]
        _, makers, ticks, traded = book[5]
        low, node_of = self.low_tick, self._node_of
        # All but the last are gone; the last too, unless its node still names it.
        last = makers[count - 1]
        if book[3][3][node_of[last]] != last:
            del node_of[last]
        if count == 1:
            return [(last, ticks[0] + low, traded[0])]
        matches = [(makers[trade], ticks[trade] + low, traded[trade]) for trade in range(count)]
        for maker_id in makers[: count - 1]:
            del node_of[maker_id]
        return matches

    def rest(self, order_id: int, side: Side, price_ticks: int, lots: int) -> None:
        """Let an order wait behind those of its price, without matching, be it crossed or not.

        Raises PriceNotValid outside the band, VolumeNotValid, DuplicateId while the id waits, BadRequest for an id below 1.
        """
        if lots <= 0 or not self.low_tick <= price_ticks <= self.high_tick or order_id < 1 or order_id in self._node_of:
            self._refuse(order_id, price_ticks, lots)
        self._wait(order_id, side, price_ticks, lots)

    def _wait(self, order_id: int, side: Side, price_ticks: int, lots: int) -> None:
        book = self._book
        if book[0][FREE] == 0:
            self._storage.reserve(len(book[3][0]) + 1, 0, 0)
        if side is _BUY:
            self._node_of[order_id] = rest(book, _BIDS, self.high_tick - price_ticks, lots, order_id)
        else:
            self._node_of[order_id] = rest(book, _ASKS, self._asks_from + price_ticks, lots, order_id)

    def cancel(self, order_id: int) -> int:
        """Take an order out; returns its lots, 0 when it does not wait (any more)."""
        node = self._node_of.pop(order_id, 0)
        return remove(self._book, node) if node else 0

    def reduce(self, order_id: int, by_lots: int) -> int:
        """Lower a waiting order; it keeps its turn. By all it has or more: a cancel. Returns the lots taken away, 0 when unknown.

        Raises VolumeNotValid when ``by_lots`` is not positive.
        """
        if by_lots <= 0:
            raise VolumeNotValid(by_lots=by_lots)
        node = self._node_of.get(order_id, 0)
        if not node:
            return 0
        taken = lower(self._book, node, by_lots)
        if self._book[3][3][node] != order_id:
            del self._node_of[order_id]
        return taken

    def remaining(self, order_id: int) -> int:
        """Lots of a waiting order, 0 when it does not wait (any more)."""
        node = self._node_of.get(order_id, 0)
        return self._book[3][2][node] if node else 0

    def price_of(self, order_id: int) -> int:
        """Price of a waiting order in ticks, 0 when it does not wait (any more)."""
        node = self._node_of.get(order_id, 0)
        if not node:
            return 0
        place = self._book[3][4][node]
        return self.high_tick - place if place < self._book[0][SPAN] else place - self._asks_from

    def best(self, side: Side) -> int:
        """The best price of a side in ticks, 0 when nothing waits there."""
        place = self._book[1][side is _SELL]
        if side is _BUY:
            price = self.high_tick - place
            return price if price >= self.low_tick else 0
        price = place - self._asks_from
        return price if price <= self.high_tick else 0

    def peek(self, side: Side) -> int:
        """Id of the order of ``side`` that trades next, 0 when nothing waits there."""
        node = self._book[4][0][self._book[1][side is _SELL]]
        return self._book[3][3][node] if node else 0

    def available(self, side: Side, limit_ticks: int, lots: int) -> int:
        """Lots an order of ``side`` could trade at ``limit_ticks`` or better; counting stops at ``lots`` or a little more."""
        return available(self._book, *self._reach(side, limit_ticks), lots)

    def depth(self, side: Side, levels: int) -> list[tuple[int, int]]:
        """The best ``levels`` prices of a side, best first: (price, lots)."""
        low = self.low_tick
        return [(tick + low, lots) for tick, lots in depth_of(self._book, int(side is _SELL), levels)]

    def total_lots(self, side: Side) -> int:
        """All lots waiting on a side."""
        total = self._book[4][2]
        return sum(total[place] for place in occupied(self._book, int(side is _SELL)))

    def orders(self, side: Side) -> Iterator[tuple[int, int, int]]:
        """What waits on a side in priority order: (order id, price, lots). Do not change the book while walking it."""
        low = self.low_tick
        return ((order_id, tick + low, lots) for order_id, tick, lots in waiting(self._book, int(side is _SELL)))

    def _reach(self, side: Side, limit_ticks: int) -> tuple[int, int]:
        """The side that makes, and the last of its places that is within a taker's limit (before its first when none is)."""
        if side is _BUY:
            price = self.high_tick if limit_ticks > self.high_tick else limit_ticks  # noqa: FURB136 - min() is a slow call
            return _ASKS, self._asks_from + price if price >= self.low_tick else -1
        price = self.low_tick if limit_ticks < self.low_tick else limit_ticks  # noqa: FURB136 - as above
        return _BIDS, self.high_tick - price if price <= self.high_tick else -1

    def _refuse(self, order_id: int, price_ticks: int, lots: int) -> Never:
        """Say what is wrong with an order that may not wait."""
        if lots <= 0:
            raise VolumeNotValid(lots=lots)
        if not self.low_tick <= price_ticks <= self.high_tick:
            raise PriceNotValid(price_ticks=price_ticks, low_tick=self.low_tick, high_tick=self.high_tick)
        if order_id < 1:
            raise BadRequest("Order ids begin at 1.", order_id=order_id)
        raise DuplicateId(order_id=order_id)
