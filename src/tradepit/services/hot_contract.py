"""One contract of the hot window as its writer holds it: the ticks of the window, which of them the cache has, and what is newest."""

from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import msgspec

from tradepit.ports.series import Sample, TimeSeries
from tradepit.runtime.tick_row import COLUMNS, Row
from tradepit.wire.market_series import ASK, ASK_LOTS, BID, BID_LOTS, PRICE, VOLUME, hot_series

_EPOCH, _MS = datetime(1970, 1, 1, tzinfo=UTC), timedelta(milliseconds=1)
_METRICS = (PRICE, VOLUME, BID, ASK, BID_LOTS, ASK_LOTS)
_PLACES = tuple(
    COLUMNS.index(name) for name in ("last_price", "volume", "bid_price_1", "ask_price_1", "bid_volume_1", "ask_volume_1")
)
_TIME = COLUMNS.index("datetime")
# Of these 0 is told where there is none.
_NONE_AT_0 = frozenset({PRICE, BID, ASK})


class HotTick(NamedTuple):
    """An instant (UTC ms) and a tick's numbers in the order of the metrics."""

    at_ms: int
    numbers: tuple[float, ...]


class Newest(msgspec.Struct):
    """A message as it came, the UTC ns it was received at, and whether the cache has yet to be told."""

    payload: bytes
    received_ns: int
    untold: bool = True


def hot_tick(row: Row) -> HotTick:
    """What the window keeps of a checked row."""
    at = row[_TIME]
    assert isinstance(at, datetime)  # noqa: S101 - the row was checked
    return HotTick((at - _EPOCH) // _MS, tuple(float(row[place]) for place in _PLACES))  # type: ignore[arg-type]  # checked numbers


class HotContract:
    """Lives on one loop. Ticks of one instant: the last one told counts, here as in the cache."""

    def __init__(self, symbol: str, *, window_ms: int, bars_ms: int, most_ticks: int) -> None:
        self.symbol, self._window_ms = symbol, window_ms
        self._series = hot_series(symbol, window_ms=window_ms, bars_ms=bars_ms)
        self._held: deque[HotTick] = deque(maxlen=most_ticks)
        self._waiting: deque[HotTick] = deque(maxlen=most_ticks)
        self._again = self._writing = False
        self.since_ms = 0
        self.tick: Newest | None = None
        self.depth: Newest | None = None
        self.phase: Newest | None = None

    @property
    def waiting(self) -> int:
        """How many ticks the cache does not have yet."""
        return len(self._held) if self._again else len(self._waiting)

    @property
    def busy(self) -> bool:
        """Whether there is something to write."""
        return bool(self.waiting) or any(newest is not None and newest.untold for newest in (self.tick, self.depth, self.phase))

    def take(self, tick: HotTick, payload: bytes, received_ns: int, *, unbroken: bool) -> None:
        """One more tick. ``unbroken``: none is known to be missing right before it."""
        if not unbroken or not self.since_ms:
            self.since_ms = tick.at_ms
        if not self._held or tick.at_ms >= self._held[-1].at_ms:
            self.tick = Newest(payload, received_ns)
        self._held.append(tick)
        self._waiting.append(tick)
        while self._held[0].at_ms < tick.at_ms - self._window_ms:
            self._held.popleft()

    def precede(self, ticks: Sequence[HotTick]) -> None:
        """Older ticks that the cache has now: they are held too, as far as there is room."""
        room = (self._held.maxlen or 0) - len(self._held)
        oldest_ms = self._held[-1].at_ms - self._window_ms if self._held else 0
        first_ms = self._held[0].at_ms if self._held else 0
        older = [tick for tick in ticks if oldest_ms <= tick.at_ms < first_ms]
        self._held.extendleft(reversed(older[-room:] if room else []))

    def write_all_again(self) -> None:
        """The cache has lost something of it."""
        self._again = bool(self._held)
        for newest in (self.tick, self.depth, self.phase):
            if newest is not None:
                newest.untold = True

    def begin(self) -> list[HotTick]:
        """What has to be written; then comes ``end``."""
        ticks = list(self._held if self._again else self._waiting)
        self._again, self._writing = False, True
        self._waiting.clear()
        return ticks

    def end(self, *, done: bool) -> None:
        """What was begun is over. Not ``done``: nobody knows what the cache has of it, all is written again."""
        self._writing = False
        self._again = self._again or (not done and bool(self._held))

    def samples(self, ticks: Sequence[HotTick]) -> dict[TimeSeries, list[Sample]]:
        """Ticks as samples of the contract's series."""
        return {
            self._series[metric]: [
                Sample(tick.at_ms, tick.numbers[place]) for tick in ticks if tick.numbers[place] or metric not in _NONE_AT_0
            ]
            for place, metric in enumerate(_METRICS)
        }

    def recent(self, span_ms: int) -> list[int]:
        """The instants of the newest ``span_ms``, of what the cache should have, in order; none while something waits or is being written."""
        if self.waiting or self._writing or not self._held:
            return []
        oldest_ms = self._held[-1].at_ms - span_ms
        found: set[int] = set()
        for tick in reversed(self._held):
            if tick.at_ms < oldest_ms:
                break
            found.add(tick.at_ms)
        return sorted(found)
