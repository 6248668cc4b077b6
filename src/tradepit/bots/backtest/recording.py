"""The ticks of a backtest: from recordings, all files together in the order of time."""

from collections.abc import Sequence
from operator import attrgetter
from pathlib import Path

import msgspec

from tradepit.runtime.tick_parquet import RowRefused, TickFile, tick_files
from tradepit.trading.calendar.catalog import Catalog
from tradepit.trading.model.errors import RecordingRefused
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.tick import Tick


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """``ticks`` by time, ``instruments`` by symbol, and the rows that could not be read: rows = ticks + refused."""

    ticks: list[Tick]
    instruments: dict[str, Instrument]
    rows: int
    refused: list[RowRefused]


def read_recording(paths: Sequence[Path], catalog: Catalog) -> Recording:
    """All ticks of files and folders. Raises RecordingRefused: what ``TickFile`` raises, FILE_NOT_FOUND, NO_TICKS.

    Unlike a replay, a backtest does not go on without a file it was told to use.
    """
    files = [TickFile(path, catalog) for given in paths for path in tick_files(given)]
    ticks: list[Tick] = []
    refused: list[RowRefused] = []
    instruments: dict[str, Instrument] = {}
    for file in files:
        for batch in file.batches():
            ticks += batch.ticks
            refused += batch.refused
        instruments |= file.instruments
    # Stable: rows of one instant stay in the order of the files, and of the rows in them.
    ticks.sort(key=attrgetter("time_ns"))
    if not ticks:
        raise RecordingRefused("NO_TICKS", "There is not one tick to test with.", path=str(paths[0]) if paths else "")
    return Recording(ticks=ticks, instruments=instruments, rows=sum(file.rows for file in files), refused=refused)
