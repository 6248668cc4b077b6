"""What a recording says about itself, before it is played."""

from pathlib import Path

from tradepit.runtime.tick_parquet import TickFile, tick_files
from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.model.errors import RecordingRefused
from tradepit.trading.model.tick import Tick


def first_tick(path: Path) -> Tick:
    """The recording's first tick that can be played. Raises RecordingRefused."""
    for file in tick_files(path):
        for batch in TickFile(file, load_catalog()).batches():
            for tick in batch.ticks:
                return tick
    raise RecordingRefused("FILE_EMPTY", "The recording holds no tick that can be played.", file=str(path))
