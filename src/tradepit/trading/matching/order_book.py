"""The order book of one instrument and one trading day: price-time priority between the day's limit prices."""

from bisect import bisect_left, insort
from collections.abc import Iterator

from tradepit.trading.matching.kernel import MAX_TICKS
from tradepit.trading.model.errors import BadRequest, DuplicateId, PriceNotValid, VolumeNotValid
from tradepit.trading.model.terms import OrderType, Side

Match = tuple[int, int, int]
_MANY = 256  # orders of a level from which on its holes are counted
# Looking a member up in its enumeration costs as much as several steps of matching.
_BUY, _SELL, _LIMIT, _MARKET, _FOK = Side.BUY, Side.SELL, OrderType.LIMIT, OrderType.MARKET, OrderType.FOK


class OrderBook:
    """Mutable. Prices are ticks, ``low_tick`` and ``high_tick`` included; volumes are lots; a match is (maker id, price, lots).

    Order ids are positive integers, each used once. The book is as small as what waits in it, whatever the day has seen.

    A level is a dict of the lots of its orders by id, for dicts keep the order of arrival and forget an order in one step. Its
    *key* is the price of bids and the negative price of asks: the best key of either side is its greatest, the last of its
    sorted keys. Dicts of integers alone are nothing the garbage collector looks into: no order waits for it. In plain Python this
    is quicker than the kernel's arrays, which are made for being compiled.

    Matching and waiting are separate steps, so that a venue can look (``peek``) before it matches, and can gather the orders of a
    call auction without matching: then the book may be crossed, and ``auction.uncross`` resolves it.
    Raises BadRequest when the band is empty, not positive or too wide.
    """

    __slots__ = ("_holes", "_key_of", "_keys", "_levels", "high_tick", "low_tick")

    def __init__(self, low_tick: int, high_tick: int) -> None:
        if not 1 <= low_tick <= high_tick or high_tick - low_tick >= MAX_TICKS:
            raise BadRequest("Not a band of prices.", low_tick=low_tick, high_tick=high_tick)
        self.low_tick = low_tick
        self.high_tick = high_tick
        self.clear()

    def clear(self) -> None:
        """Forget every order."""
        self._keys: tuple[list[int], list[int]] = ([], [])  # of bids and of asks
        self._levels: dict[int, dict[int, int]] = {}
        self._key_of: dict[int, int] = {}
        self._holes: dict[int, int] = {}

    def __len__(self) -> int:
        """Number of waiting orders."""
        return len(self._key_of)

    def __contains__(self, order_id: int) -> bool:
        """True while the order waits."""
        return order_id in self._key_of

    def add(
        self, order_id: int, side: Side, price_ticks: int, lots: int, kind: OrderType = OrderType.LIMIT
    ) -> tuple[list[Match], int]:
        """Match an order and let what is left of a limit order wait: (matches, lots not traded).

        A market order takes any price; FAK and market remainders and unfillable FOK orders do not wait. Raises as ``rest``.
        """
        if kind is _MARKET:
            price_ticks = self.high_tick if side is _BUY else self.low_tick
        if side is _BUY:
            keys, limit = self._keys[1], -price_ticks
        else:
            keys, limit = self._keys[0], price_ticks
        crosses = len(keys) > 0 and keys[-1] >= limit
        # What only waits is checked by ``rest``.
        if crosses or kind is not _LIMIT:
            self._check(order_id, price_ticks, lots)
        matches: list[Match] = []
        if crosses:
            if kind is _FOK and self.available(side, price_ticks, lots) < lots:
                return matches, lots
            while lots and keys and keys[-1] >= limit:
                lots = self._take(keys, lots, matches)
        if kind is _LIMIT and (lots or not crosses):
            self.rest(order_id, side, price_ticks, lots)
        return matches, lots

    def match(self, side: Side, limit_ticks: int, lots: int) -> list[Match]:
        """Trade up to ``lots`` of an incoming order of ``side`` with what waits at ``limit_ticks`` or better; none of it rests.

        A limit outside the band is taken as it reads: beyond the far edge it takes all, beyond the near one nothing.
        """
        if side is _BUY:
            keys, limit = self._keys[1], -limit_ticks
        else:
            keys, limit = self._keys[0], limit_ticks
        matches: list[Match] = []
        while lots > 0 and keys and keys[-1] >= limit:
            lots = self._take(keys, lots, matches)
        return matches

    def _take(self, keys: list[int], lots: int, matches: list[Match]) -> int:
        """Trade with the best level; returns the lots left over."""
        key, key_of, filled = keys[-1], self._key_of, 0
        level, price = self._levels[key], key if key > 0 else -key
        start = len(matches)
        for maker_id, waiting in level.items():
            if lots < waiting:
                if lots:
                    level[maker_id] = waiting - lots
                    matches.append((maker_id, price, lots))
                    lots = 0
                break
            matches.append((maker_id, price, waiting))
            lots -= waiting
            filled += 1
            del key_of[maker_id]
        if filled == len(level):
            self._end_level(keys, key)
        elif filled:
            for match in matches[start : start + filled]:
                del level[match[0]]
            self._note_holes(key, filled)
        return lots

    def rest(self, order_id: int, side: Side, price_ticks: int, lots: int) -> None:
        """Let an order wait behind those of its price, without matching, be it crossed or not.

        Raises PriceNotValid outside the band, VolumeNotValid, DuplicateId while the id waits, BadRequest for an id below 1.
        """
        if lots <= 0 or not self.low_tick <= price_ticks <= self.high_tick or order_id < 1 or order_id in self._key_of:
            self._check(order_id, price_ticks, lots)  # which says what is wrong; most orders are spared the call
        key = price_ticks if side is _BUY else -price_ticks
        self._key_of[order_id] = key
        level = self._levels.get(key)
        if level is None:
            self._levels[key] = {order_id: lots}
            insort(self._keys[side is _SELL], key)
        else:
            level[order_id] = lots

    def cancel(self, order_id: int) -> int:
        """Take an order out; returns its lots, 0 when it does not wait (any more)."""
        key = self._key_of.pop(order_id, 0)
        if not key:
            return 0
        level = self._levels[key]
        lots = level.pop(order_id)
        if not level:
            self._end_level(self._keys[key < 0], key)
        elif len(level) >= _MANY:
            self._note_holes(key, 1)
        return lots

    def _end_level(self, keys: list[int], key: int) -> None:
        """No order waits at the level any more."""
        del self._levels[key]
        self._holes.pop(key, None)
        if keys[-1] == key:
            keys.pop()
        else:
            del keys[bisect_left(keys, key)]

    def _note_holes(self, key: int, count: int) -> None:
        """Orders left the level. A dict keeps holes where they were, and walks over them to its first order.

        It is copied without them when they are many for its size: seldom enough that copies cost little for each order gone, soon
        enough that walking takes a microsecond with a thousand orders waiting, ten with a hundred thousand.
        """
        level, holes = self._levels[key], self._holes.get(key, 0) + count
        if holes * holes > 2048 * (len(level) + 16):
            self._levels[key] = dict(level)
            holes = 0
        self._holes[key] = holes

    def reduce(self, order_id: int, by_lots: int) -> int:
        """Lower a waiting order; it keeps its turn. By all it has or more: a cancel. Returns the lots taken away, 0 when unknown.

        Raises VolumeNotValid when ``by_lots`` is not positive.
        """
        if by_lots <= 0:
            raise VolumeNotValid(by_lots=by_lots)
        waiting = self.remaining(order_id)
        if by_lots >= waiting:
            return self.cancel(order_id)
        self._levels[self._key_of[order_id]][order_id] = waiting - by_lots
        return by_lots

    def remaining(self, order_id: int) -> int:
        """Lots of a waiting order, 0 when it does not wait (any more)."""
        key = self._key_of.get(order_id, 0)
        return self._levels[key][order_id] if key else 0

    def best(self, side: Side) -> int:
        """The best price of a side in ticks, 0 when nothing waits there."""
        if side is _BUY:
            bids = self._keys[0]
            return bids[-1] if bids else 0
        asks = self._keys[1]
        return -asks[-1] if asks else 0

    def peek(self, side: Side) -> int:
        """Id of the order of ``side`` that trades next, 0 when nothing waits there."""
        keys = self._keys[side is _SELL]
        return next(iter(self._levels[keys[-1]])) if keys else 0

    def available(self, side: Side, limit_ticks: int, lots: int) -> int:
        """Lots an order of ``side`` could trade at ``limit_ticks`` or better; counting stops at ``lots`` or a little more."""
        limit, found = -limit_ticks if side is _BUY else limit_ticks, 0
        for key in reversed(self._keys[side is _BUY]):
            if key < limit:
                break
            for waiting in self._levels[key].values():
                found += waiting
                if found >= lots:
                    return found
        return found

    def depth(self, side: Side, levels: int) -> list[tuple[int, int]]:
        """The best ``levels`` prices of a side, best first: (price, lots)."""
        keys = self._keys[side is _SELL]
        return [(abs(key), sum(self._levels[key].values())) for key in keys[: -levels - 1 : -1]]

    def total_lots(self, side: Side) -> int:
        """All lots waiting on a side."""
        return sum(sum(self._levels[key].values()) for key in self._keys[side is _SELL])

    def orders(self, side: Side) -> Iterator[tuple[int, int, int]]:
        """What waits on a side in priority order: (order id, price, lots). Do not change the book while walking it."""
        for key in reversed(self._keys[side is _SELL]):
            price = abs(key)
            for order_id, lots in self._levels[key].items():
                yield order_id, price, lots

    def _check(self, order_id: int, price_ticks: int, lots: int) -> None:
        if lots <= 0:
            raise VolumeNotValid(lots=lots)
        if not self.low_tick <= price_ticks <= self.high_tick:
            raise PriceNotValid(price_ticks=price_ticks, low_tick=self.low_tick, high_tick=self.high_tick)
        if order_id < 1:
            raise BadRequest("Order ids begin at 1.", order_id=order_id)
        if order_id in self._key_of:
            raise DuplicateId(order_id=order_id)
