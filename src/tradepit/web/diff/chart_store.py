"""The series that charts are cut from: the recorded past of each contract, then its live ticks."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradepit.trading.model.errors import BadRequest
from tradepit.web.diff.bars import BarSeries, ChartTick
from tradepit.web.diff.tick_series import TickSeries
from tradepit.wire.simulator import TickData
from tradepit.wire.simulator_codec import from_iso

if TYPE_CHECKING:
    from tradepit.web.diff.history import History

Series = BarSeries | TickSeries
Record = dict[str, Any]
_SHORTEST_NS = 1_000_000_000
_LONGEST_NS = 28 * 86_400 * 1_000_000_000


class ChartStore:
    """Series by name outside and duration (ns, 0 = ticks), made when first asked for and kept current from then on.

    Live ticks are kept from the start, so that a chart asked for later misses none of what the recorder has not written yet.
    ``place`` is the file or folder of recorded ticks.
    """

    def __init__(self, place: Path) -> None:
        self._place = place
        self._live: dict[str, TickSeries] = {}
        self._series: dict[tuple[str, int], Series] = {}
        self._lock = asyncio.Lock()

    async def series(self, name: str, duration_ns: int) -> Series:
        """The series. Raises BadRequest for a duration that is none."""
        if duration_ns and not (_SHORTEST_NS <= duration_ns <= _LONGEST_NS):
            raise BadRequest("no such duration", duration=duration_ns)
        key = (name, duration_ns)
        async with self._lock:
            if key not in self._series:
                symbol = name.rpartition(".")[2]
                self._series[key] = await (self._bars(name, symbol, duration_ns) if duration_ns else self._ticks(name, symbol))
        return self._series[key]

    def take(self, name: str, tick: TickData) -> list[int]:
        """A live tick; the durations whose series it changed."""
        seen = chart_tick(tick)
        if not self._live.setdefault(name, TickSeries()).take(seen):
            return []
        return [duration for (owner, duration), series in self._series.items() if owner == name and series.take(seen)]

    async def _bars(self, name: str, symbol: str, duration_ns: int) -> Series:
        bars, newest = await asyncio.to_thread(lambda: self._history().bars(symbol, duration_ns))
        series = BarSeries(duration_ns, bars)
        if newest is not None:
            series.begin_after(newest)
        return self._with_live(series, name, newest)

    async def _ticks(self, name: str, symbol: str) -> Series:
        ticks = await asyncio.to_thread(lambda: self._history().ticks(symbol))
        return self._with_live(TickSeries(ticks), name, ticks[-1] if ticks else None)

    def _history(self) -> "History":
        from tradepit.web.diff.history import History  # noqa: PLC0415 - polars is heavy, and a house may never be asked for a chart

        return History(self._place)

    def _with_live(self, series: Series, name: str, newest: ChartTick | None) -> Series:
        live = self._live.get(name)
        for tick in live.after(newest.time_ns if newest is not None else 0) if live is not None else ():
            series.take(tick)
        return series


def chart_tick(tick: TickData) -> ChartTick:
    """What charts keep of a tick."""
    return ChartTick(
        time_ns=from_iso(tick.datetime),
        day=int(tick.trading_day),
        last=float(tick.last_price),
        volume=tick.volume,
        amount=float(tick.turnover),
        interest=tick.open_interest,
        highest=float(tick.high_price),
        lowest=float(tick.low_price),
        bid=float(tick.bid_price_1),
        bid_lots=tick.bid_volume_1,
        ask=float(tick.ask_price_1),
        ask_lots=tick.ask_volume_1,
    )
