"""The ticks of one contract as DIFF charts show them, oldest first, with ids that only grow."""

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from tradepit.web.diff.bars import MARK_NS, ChartTick
from tradepit.web.diff.quotes import NOTHING

Record = dict[str, Any]
_BEAT_NS = 1_000_000
_KEPT = 20_000
_SLACK = 5_000


class TickSeries:
    """The newest 20,000 ticks and more of history, if it was given. The first id is the first tick's place in time."""

    def __init__(self, ticks: Sequence[ChartTick] = ()) -> None:
        self._ticks = list(ticks)
        self._kept = max(_KEPT, len(self._ticks) + _KEPT)
        self._first_id = (self._ticks[0].time_ns - MARK_NS) // _BEAT_NS if self._ticks else 0

    @property
    def first_id(self) -> int:
        """The id of the oldest tick there is."""
        return self._first_id

    @property
    def last_id(self) -> int:
        """The id of the newest tick, -1 when there is none."""
        return self._first_id + len(self._ticks) - 1 if self._ticks else -1

    def take(self, tick: ChartTick) -> bool:
        """Add a tick; False for one that is not newer than the newest."""
        if self._ticks and tick.time_ns <= self._ticks[-1].time_ns:
            return False
        if not self._ticks:
            self._first_id = (tick.time_ns - MARK_NS) // _BEAT_NS
        self._ticks.append(tick)
        if len(self._ticks) > self._kept + _SLACK:
            gone = len(self._ticks) - self._kept
            del self._ticks[:gone]
            self._first_id += gone
        return True

    def after(self, time_ns: int) -> list[ChartTick]:
        """Ticks later than an instant."""
        return self._ticks[bisect_right(self._ticks, time_ns, key=_time) :]

    def id_at(self, time_ns: int) -> int:
        """The id of the last tick no later than an instant, else of the first of all."""
        return self._first_id + max(0, bisect_right(self._ticks, time_ns, key=_time) - 1)

    def records(self, left_id: int, right_id: int) -> dict[str, Record]:
        """Ticks by id, both ends included; ids outside the series are left out."""
        left, right = max(left_id, self._first_id), min(right_id, self.last_id)
        return {str(number): _record(self._ticks[number - self._first_id]) for number in range(left, right + 1)}


def _record(tick: ChartTick) -> Record:
    return {
        "datetime": tick.time_ns,
        "last_price": tick.last or NOTHING,
        "average": NOTHING,
        "highest": tick.highest or NOTHING,
        "lowest": tick.lowest or NOTHING,
        "bid_price1": tick.bid if tick.bid_lots else NOTHING,
        "bid_volume1": tick.bid_lots,
        "ask_price1": tick.ask if tick.ask_lots else NOTHING,
        "ask_volume1": tick.ask_lots,
        "volume": tick.volume,
        "amount": tick.amount,
        "open_interest": tick.interest,
    }


def _time(tick: ChartTick) -> int:
    return tick.time_ns
