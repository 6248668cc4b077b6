"""The order book of one instrument and one trading day: price-time priority between the day's limit prices."""

from collections.abc import Iterator
from typing import Never

from tradepit.trading.matching.kernel import MAX_TICKS
from tradepit.trading.matching.price_ladder import PriceLadder
from tradepit.trading.model.errors import BadRequest, DuplicateId, PriceNotValid, VolumeNotValid
from tradepit.trading.model.terms import OrderType, Side

Match = tuple[int, int, int]
# Looking a member up in its enumeration costs as much as several steps of the book.
_BUY, _LIMIT, _MARKET, _FOK = Side.BUY, OrderType.LIMIT, OrderType.MARKET, OrderType.FOK


class OrderBook:
    """Mutable. Prices are ticks, ``low_tick`` and ``high_tick`` included; volumes are lots; a match is (maker id, price, lots).

    Order ids are positive integers, each used once. Only what waits is kept: after millions of orders in a day the book is as
    small as its waiting orders. It is made of dicts and sorted lists, each step of which does what takes several of the kernel's
    where nothing is compiled; for many symbols, in bulk and compiled there is ``MatchingEngine``.

    Matching and waiting are separate steps, so that a venue can look (``peek``) before it matches, and can gather the orders of a
    call auction without matching: then the book may be crossed, and ``auction.uncross`` resolves it.
    Raises BadRequest when the band is empty, not positive or too wide.
    """

    __slots__ = ("_asks", "_bids", "_place_of", "high_tick", "low_tick")

    def __init__(self, low_tick: int, high_tick: int) -> None:
        if not 1 <= low_tick <= high_tick or high_tick - low_tick >= MAX_TICKS:
            raise BadRequest("Not a band of prices.", low_tick=low_tick, high_tick=high_tick)
        self.low_tick = low_tick
        self.high_tick = high_tick
        self.clear()

    def clear(self) -> None:
        """Forget every order."""
        self._bids, self._asks = PriceLadder(1), PriceLadder(-1)
        self._place_of: dict[int, tuple[PriceLadder, int]] = {}

    def __len__(self) -> int:
        """Number of waiting orders."""
        return len(self._place_of)

    def __contains__(self, order_id: int) -> bool:
        """True while the order waits."""
        return order_id in self._place_of

    def add(
        self, order_id: int, side: Side, price_ticks: int, lots: int, kind: OrderType = OrderType.LIMIT
    ) -> tuple[list[Match], int]:
        """Match an order and let what is left of a limit order wait: (matches, lots not traded).

        A market order takes any price; FAK and market remainders and unfillable FOK orders do not wait. Raises as ``rest``.
        """
        if kind is _MARKET:
            price_ticks = self.high_tick if side is _BUY else self.low_tick
        if lots <= 0 or not self.low_tick <= price_ticks <= self.high_tick or order_id < 1 or order_id in self._place_of:
            self._refuse(order_id, price_ticks, lots)
        if side is _BUY:
            own, makers, limit = self._bids, self._asks, -price_ticks
        else:
            own, makers, limit = self._asks, self._bids, price_ticks
        matches: list[Match] = []
        keys = makers.keys
        if keys and keys[-1] >= limit:
            if kind is _FOK and makers.available(limit, lots) < lots:
                return matches, lots
            matches = self._take(makers, limit, lots)
            for match in matches:
                lots -= match[2]
        if lots and kind is _LIMIT:
            own.put(-limit, order_id, lots)
            self._place_of[order_id] = own, -limit
        return matches, lots

    def match(self, side: Side, limit_ticks: int, lots: int) -> list[Match]:
        """Trade up to ``lots`` of an incoming order of ``side`` with what waits at ``limit_ticks`` or better; none of it rests.

        A limit outside the band is taken as it reads: beyond the far edge it takes all, beyond the near one nothing.
        """
        makers, limit = (self._asks, -limit_ticks) if side is _BUY else (self._bids, limit_ticks)
        keys = makers.keys
        return self._take(makers, limit, lots) if lots > 0 and keys and keys[-1] >= limit else []

    def _take(self, makers: PriceLadder, limit: int, lots: int) -> list[Match]:
        """Trade with one side from its best price down to a key."""
        matches: list[Match] = []
        keys, levels, place_of = makers.keys, makers.levels, self._place_of
        while lots and keys and keys[-1] >= limit:
            key, first = keys[-1], len(matches)
            level, price, left = levels[key], key * makers.sign, 0
            for maker_id, waiting in level.items():
                dealt = lots if lots < waiting else waiting  # noqa: FURB136 - min() is a slow call
                matches.append((maker_id, price, dealt))
                lots -= dealt
                if not lots:
                    left = waiting - dealt
                    break
            if left:
                level[matches[-1][0]] = left
            for maker_id, _, _ in matches[first : -1 if left else None]:
                del level[maker_id], place_of[maker_id]
            if not level:
                makers.drop(key)
        return matches

    def rest(self, order_id: int, side: Side, price_ticks: int, lots: int) -> None:
        """Let an order wait behind those of its price, without matching, be it crossed or not.

        Raises PriceNotValid outside the band, VolumeNotValid, DuplicateId while the id waits, BadRequest for an id below 1.
        """
        if lots <= 0 or not self.low_tick <= price_ticks <= self.high_tick or order_id < 1 or order_id in self._place_of:
            self._refuse(order_id, price_ticks, lots)
        place = (self._bids, price_ticks) if side is _BUY else (self._asks, -price_ticks)
        place[0].put(place[1], order_id, lots)
        self._place_of[order_id] = place

    def rest_in_turn(self, side: Side, price_ticks: int, orders: dict[int, int]) -> None:
        """Let orders (lots by id) wait at a price among those that wait there already, all in the order of their ids.

        Raises as ``rest``.
        """
        ladder, key = (self._bids, price_ticks) if side is _BUY else (self._asks, -price_ticks)
        meets_others = key in ladder.levels
        for order_id, lots in orders.items():
            self.rest(order_id, side, price_ticks, lots)
        if meets_others:
            ladder.levels[key] = dict(sorted(ladder.levels[key].items()))

    def cancel(self, order_id: int) -> int:
        """Take an order out; returns its lots, 0 when it does not wait (any more)."""
        place = self._place_of.pop(order_id, None)
        if place is None:
            return 0
        ladder, key = place
        level = ladder.levels[key]
        lots = level.pop(order_id)
        if not level:
            ladder.drop(key)
        return lots

    def reduce(self, order_id: int, by_lots: int) -> int:
        """Lower a waiting order; it keeps its turn. By all it has or more: a cancel. Returns the lots taken away, 0 when unknown.

        Raises VolumeNotValid when ``by_lots`` is not positive.
        """
        if by_lots <= 0:
            raise VolumeNotValid(by_lots=by_lots)
        place = self._place_of.get(order_id)
        if place is None:
            return 0
        level = place[0].levels[place[1]]
        if by_lots >= level[order_id]:
            return self.cancel(order_id)
        level[order_id] -= by_lots
        return by_lots

    def remaining(self, order_id: int) -> int:
        """Lots of a waiting order, 0 when it does not wait (any more)."""
        place = self._place_of.get(order_id)
        return place[0].levels[place[1]][order_id] if place is not None else 0

    def price_of(self, order_id: int) -> int:
        """Price of a waiting order in ticks, 0 when it does not wait (any more)."""
        place = self._place_of.get(order_id)
        return place[1] * place[0].sign if place is not None else 0

    def best(self, side: Side) -> int:
        """The best price of a side in ticks, 0 when nothing waits there."""
        ladder = self._bids if side is _BUY else self._asks
        return ladder.keys[-1] * ladder.sign if ladder.keys else 0

    def peek(self, side: Side) -> int:
        """Id of the order of ``side`` that trades next, 0 when nothing waits there."""
        ladder = self._bids if side is _BUY else self._asks
        return next(iter(ladder.levels[ladder.keys[-1]])) if ladder.keys else 0

    def available(self, side: Side, limit_ticks: int, lots: int) -> int:
        """Lots an order of ``side`` could trade at ``limit_ticks`` or better; counting stops at ``lots`` or a little more."""
        makers, limit = (self._asks, -limit_ticks) if side is _BUY else (self._bids, limit_ticks)
        return makers.available(limit, lots)

    def depth(self, side: Side, levels: int) -> list[tuple[int, int]]:
        """The best ``levels`` prices of a side, best first: (price, lots)."""
        ladder = self._bids if side is _BUY else self._asks
        best = ladder.keys[: -levels - 1 : -1] if levels > 0 else []
        return [(key * ladder.sign, sum(ladder.levels[key].values())) for key in best]

    def total_lots(self, side: Side) -> int:
        """All lots waiting on a side."""
        return sum(sum(level.values()) for level in (self._bids if side is _BUY else self._asks).levels.values())

    def orders(self, side: Side) -> Iterator[tuple[int, int, int]]:
        """What waits on a side in priority order: (order id, price, lots). Do not change the book while walking it."""
        ladder = self._bids if side is _BUY else self._asks
        return (
            (order_id, key * ladder.sign, lots) for key in reversed(ladder.keys) for order_id, lots in ladder.levels[key].items()
        )

    def _refuse(self, order_id: int, price_ticks: int, lots: int) -> Never:
        """Say what is wrong with an order that may not wait."""
        if lots <= 0:
            raise VolumeNotValid(lots=lots)
        if not self.low_tick <= price_ticks <= self.high_tick:
            raise PriceNotValid(price_ticks=price_ticks, low_tick=self.low_tick, high_tick=self.high_tick)
        if order_id < 1:
            raise BadRequest("Order ids begin at 1.", order_id=order_id)
        raise DuplicateId(order_id=order_id)
