"""One chart of a DIFF client: the window of a series that it looks at, and what has to be told to keep it current."""

from typing import Any

import msgspec

from tradepit.web.diff.bars import BarSeries
from tradepit.web.diff.chart_store import Series
from tradepit.web.diff.outlet import Patch

MAX_WIDTH = 10_000


class SetChart(msgspec.Struct, frozen=True, kw_only=True):
    """``set_chart`` as the client sends it. ``focus_*`` and ``left_kline_id`` ask for a piece of the past."""

    chart_id: str
    ins_list: str = ""
    duration: int = 0
    view_width: int = 0
    focus_datetime: int | None = None
    focus_position: int = 0
    left_kline_id: int | None = None


class Chart:
    """``names`` are the contracts, the first of them the master, ``owners`` whose series they are, ``state`` the request, letter for letter."""

    def __init__(
        self, request: SetChart, state: dict[str, Any], names: list[str], owners: list[str], series: list[Series]
    ) -> None:
        self._request, self._state, self._series = request, state, series
        self.names, self.owners, self.duration_ns = names, owners, request.duration
        self._width = min(max(request.view_width, 1), MAX_WIDTH)
        self._pinned = self._left_of_request()
        self._left, self._right = self._window()

    def opening(self) -> list[Patch]:
        """All of it: first that it is being made, then its bars, then that it is ready."""
        chart_id = self._request.chart_id
        begun = {"left_id": -1, "right_id": -1, "more_data": True, "ready": False, "state": self._state}
        ready = {"left_id": self._left, "right_id": self._right, "more_data": False, "ready": True}
        return [
            {"charts": {chart_id: begun}, "mdhis_more_data": True},
            self._data(self._left, self._right),
            {"charts": {chart_id: ready}, "mdhis_more_data": False},
        ]

    def news(self) -> Patch:
        """After a tick: the newest bar of every contract, and the window if it has moved."""
        former = self._right
        self._left, self._right = self._window()
        patch = self._data(max(self._left, former), self._right)
        patch["charts"] = {self._request.chart_id: {"left_id": self._left, "right_id": self._right}}
        return patch

    def _left_of_request(self) -> int | None:
        """Where the window begins when the client pinned it; None for one that follows the newest bar."""
        if self._request.left_kline_id is not None:
            return self._request.left_kline_id
        if self._request.focus_datetime is not None:
            master = self._series[0]
            return max(master.first_id, master.id_at(self._request.focus_datetime) - self._request.focus_position)
        return None

    def _window(self) -> tuple[int, int]:
        master = self._series[0]
        last = master.last_id
        if last < 0:
            return -1, -1
        if self._pinned is None:
            return max(master.first_id, last - self._width + 1), last
        return self._pinned, min(last, self._pinned + self._width - 1)

    def _data(self, left: int, right: int) -> Patch:
        master, name = self._series[0], self.names[0]
        if not isinstance(master, BarSeries):
            return {"ticks": {name: {"last_id": master.last_id, "data": master.records(left, right)}}}
        duration = str(self.duration_ns)
        own: dict[str, Any] = {"last_id": master.last_id, "data": master.records(left, right)}
        own |= {"trading_day_start_id": master.first_id, "trading_day_end_id": master.last_id}
        klines: dict[str, Any] = {name: {duration: own}}
        for other, series in zip(self.names[1:], self._series[1:], strict=True):
            if isinstance(series, BarSeries):
                bound = _binding(master, series, left, right)
                own.setdefault("binding", {})[other] = bound
                ids = sorted(bound.values())
                data = series.records(ids[0], ids[-1]) if ids else {}
                klines.setdefault(other, {})[duration] = {"last_id": series.last_id, "data": data}
        return {"klines": klines}


def _binding(master: BarSeries, other: BarSeries, left: int, right: int) -> dict[str, int]:
    """Which bar of ``other`` begins together with which of ``master``."""
    if left < 0:
        return {}
    pairs = ((number, other.id_of(master.start_of(number))) for number in range(max(left, master.first_id), right + 1))
    return {str(number): bound for number, bound in pairs if bound >= 0}
