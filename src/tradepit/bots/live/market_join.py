"""Where the past that a bot was shown meets the market it hears: nothing missing between them, nothing twice."""

from collections import deque
from collections.abc import Mapping

from tradepit.trading.model.tick import Tick

_MS = 1_000_000


class MarketJoin:
    """Holds back what comes while the past is read, at most ``most`` ticks; then tells what of it, and of what follows, is new.

    The past may tell instants in whole milliseconds: a tick of the same millisecond with the same price and lots is the same one.
    """

    def __init__(self, most: int) -> None:
        self._held: deque[Tick] = deque(maxlen=most)
        self._shown: dict[str, Tick] = {}

    def hold(self, tick: Tick) -> None:
        """A tick that comes before the bot can be called with it."""
        self._held.append(tick)

    @property
    def held(self) -> list[Tick]:
        """What was held back so far."""
        return list(self._held)

    def show(self, newest: Mapping[str, Tick]) -> list[Tick]:
        """The newest tick of each contract that the bot was shown; those held back that came after it, in order."""
        self._shown = dict(newest)
        held, self._held = self._held, deque(maxlen=self._held.maxlen)
        return [tick for tick in held if self.is_new(tick)]

    def is_new(self, tick: Tick) -> bool:
        """Whether a tick comes after what was shown of its contract; the first that does ends the question."""
        shown = self._shown.get(tick.symbol)
        if shown is None:
            return True
        if (tick.time_ns // _MS, tick.volume_lots) < (shown.time_ns // _MS, shown.volume_lots) or _same(tick, shown):
            return False
        del self._shown[tick.symbol]
        return True


def _same(one: Tick, other: Tick) -> bool:
    told = [(tick.time_ns // _MS, tick.volume_lots, tick.last_ticks) for tick in (one, other)]
    return told[0] == told[1]
