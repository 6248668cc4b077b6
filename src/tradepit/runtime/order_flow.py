"""Signed order flow with a long memory: large parents are worked in small children of the same sign."""

from math import exp
from random import Random

_PARENTS = 4
_TAIL = 1.5
_LONGEST = 2_000
_LARGEST = 120
_EXCITES, _CALMS = 0.35, 0.5


class OrderFlow:
    """Trades as (sign, lots). Parent lengths are Pareto distributed with exponent 1.5, so signs stay correlated over many trades
    (Lillo, Mike and Farmer 2005); every trade excites more of them for a while, so activity clusters.
    """

    def __init__(self, random: Random) -> None:
        self._random = random
        self._parents = [self._parent() for _ in range(_PARENTS)]
        self._excitement = 0.0

    def trades(self, expected: float) -> list[tuple[int, int]]:
        """The trades of an interval in which ``expected`` of them are usual; at most 200."""
        count = min(200, self._poisson(expected * (1 + self._excitement)))
        self._excitement = self._excitement * exp(-_CALMS) + _EXCITES * min(count, 6) / 6
        return [(self._sign(), self._lots()) for _ in range(count)]

    def _parent(self) -> list[int]:
        children = min(_LONGEST, int(self._random.paretovariate(_TAIL)))
        return [1 if self._random.random() < 0.5 else -1, children]

    def _sign(self) -> int:
        slot = self._random.randrange(_PARENTS)
        parent = self._parents[slot]
        parent[1] -= 1
        if parent[1] <= 0:
            self._parents[slot] = self._parent()
        return parent[0]

    def _lots(self) -> int:
        return min(_LARGEST, int(self._random.paretovariate(1.8)))

    def _poisson(self, mean: float) -> int:
        if mean <= 0:
            return 0
        limit, count, product = exp(-min(mean, 500.0)), 0, self._random.random()
        while product > limit:
            count += 1
            product *= self._random.random()
        return count
