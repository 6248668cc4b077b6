"""The last ticks of one contract, column by column, as numpy arrays."""

from array import array
from typing import TYPE_CHECKING, Any

from tradepit.trading.model.errors import BadRequest

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

COLUMNS = ("time_ns", "last", "bid", "ask", "bid_lots", "ask_lots", "volume")
DEFAULT_TICKS = 4096


class Windows:
    """Keeps the newest ``size`` ticks. ``volume`` are lots traded since the tick before; prices are quoted, NaN where there is none.

    Each value is written twice, ``size`` apart, so that the newest ones always lie side by side.
    """

    def __init__(self, size: int = DEFAULT_TICKS) -> None:
        self.size = size
        self.count = 0
        self._traded = 0
        self._times = array("q", bytes(16 * size))
        self._numbers = [array("d", bytes(16 * size)) for _ in COLUMNS[1:]]

    def add(self, time_ns: int, traded: int, *numbers: float) -> None:
        """One more tick: its instant (UTC ns), the day's lots so far, and the other columns in their order."""
        at = self.count % self.size
        twin = at + self.size
        self._times[at] = self._times[twin] = time_ns
        # The first tick seen says what was traded before it, which belongs to no interval; a new day counts from nothing.
        since = traded - self._traded if self._traded <= traded else traded
        volume = since if self.count else 0
        self._traded = traded
        for column, number in zip(self._numbers, (*numbers, volume), strict=True):
            column[at] = column[twin] = number
        self.count += 1

    def column(self, name: str, ticks: int = 0) -> "np.ndarray[Any, Any]":
        """The newest ``ticks`` values (0: all that are kept), oldest first; fewer when there are not so many yet. A copy.

        Raises BadRequest for a column that does not exist.
        """
        import numpy as np  # noqa: PLC0415 - a bot without windows starts without it

        if name not in COLUMNS:
            raise BadRequest(f"A window's column is one of {', '.join(COLUMNS)}.", column=name[:32])
        kept = min(self.count, self.size)
        wanted = min(ticks, kept) if ticks > 0 else kept
        end = (self.count - 1) % self.size + 1 + self.size if self.count else 0
        numbers = self._times if name == "time_ns" else self._numbers[COLUMNS.index(name) - 1]
        kind = np.int64 if name == "time_ns" else np.float64
        return np.frombuffer(numbers, dtype=kind)[end - wanted : end].copy()

    def frame(self, ticks: int = 0) -> "pl.DataFrame":
        """The newest ``ticks`` as a polars frame; ``time_ns`` becomes ``time``, UTC."""
        import polars as pl  # noqa: PLC0415 - heavy, and few bots want it

        frame = pl.DataFrame({name: self.column(name, ticks) for name in COLUMNS})
        return frame.with_columns(pl.from_epoch("time_ns", "ns").dt.replace_time_zone("UTC")).rename({"time_ns": "time"})
