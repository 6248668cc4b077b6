"""One side of an order book: its prices in order, and the orders that wait at each, oldest first."""

from bisect import bisect_left, insort


class PriceLadder:
    """``levels`` maps a *key* to the lots that wait there, by order id in the order of coming; ``keys`` are those keys, rising.

    A bid's key is its price, an ask's the price with a minus: on both sides the best order is under the last key, where a list
    grows and shrinks at no cost. ``sign`` turns a price into its key, and a key into its price.
    """

    __slots__ = ("keys", "levels", "sign")

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.keys: list[int] = []
        self.levels: dict[int, dict[int, int]] = {}

    def put(self, key: int, order_id: int, lots: int) -> None:
        """An order waits behind the others of its price."""
        level = self.levels.get(key)
        if level is not None:
            level[order_id] = lots
            return
        self.levels[key] = {order_id: lots}
        keys = self.keys
        if keys and key < keys[-1]:
            insort(keys, key)
        else:
            keys.append(key)

    def drop(self, key: int) -> None:
        """Nobody waits at a price any more."""
        del self.levels[key]
        keys = self.keys
        if keys[-1] == key:
            keys.pop()
        else:
            del keys[bisect_left(keys, key)]

    def available(self, limit_key: int, lots: int) -> int:
        """Lots that wait from the best price up to a key; counting stops at ``lots`` or a little more."""
        found = 0
        for key in reversed(self.keys):
            if key < limit_key or found >= lots:
                break
            found += sum(self.levels[key].values())
        return found
