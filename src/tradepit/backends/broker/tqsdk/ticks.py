"""The TqSDK process's eye on its quotes: what has changed is told a few times a second, each contract once, as it is then."""

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any

from tradepit.backends.broker.tqsdk.frames import Ticks
from tradepit.backends.broker.tqsdk.reading import read_tick
from tradepit.ports.clock import Clock

# China's exchanges tell a contract's market twice a second: nothing of that is lost.
_PAUSE_NS = 50_000_000
_PLACES = range(1, 6)
_FIELDS = ("datetime", "last_price", "volume", "open_interest", "upper_limit", "lower_limit", "pre_settlement")
_BOOK = tuple(f"{side}_{what}{place}" for side in ("bid", "ask") for what in ("price", "volume") for place in _PLACES)
_look_at = attrgetter(*_FIELDS, *_BOOK)
_NEVER_S = 3600.0


class TickTeller:
    """``known`` are the quotes by symbol, those to come included. Nothing is told before ``begin``, and then at most every 50 ms."""

    def __init__(self, known: Mapping[str, Any], tell: Callable[[Ticks], None], clock: Clock) -> None:
        self._known, self._tell, self._clock = known, tell, clock
        self._seen: dict[str, tuple[Any, ...]] = {}
        self._told_ns = 0
        self._wanted = self._pending = False

    def begin(self) -> None:
        """Tell all there is with the next look, and from then on what changes. Idempotent: all is told again."""
        self._wanted = self._pending = True
        self._seen.clear()
        self._told_ns = self._clock.monotonic_ns() - _PAUSE_NS

    @property
    def due_s(self) -> float:
        """In how many seconds another look is due although nothing may have come by then."""
        if not self._pending:
            return _NEVER_S
        return max(0.001, (self._told_ns + _PAUSE_NS - self._clock.monotonic_ns()) / 1e9)

    def look(self, *, changed: bool) -> None:
        """Tell what is new; ``changed`` says that something has come since the last look."""
        self._pending = self._wanted and (self._pending or changed)
        now_ns = self._clock.monotonic_ns()
        if not self._pending or now_ns - self._told_ns < _PAUSE_NS:
            return
        self._pending, self._told_ns = False, now_ns
        found = []
        for symbol, quote in self._known.items():
            seen = _look_at(quote)
            if self._seen.get(symbol) != seen:
                self._seen[symbol] = seen
                if (tick := read_tick(symbol, quote)) is not None:
                    found.append(tick)
        if found:
            self._tell(Ticks(ticks=found))
