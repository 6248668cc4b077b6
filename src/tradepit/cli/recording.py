"""What a recording says about itself, before it is played."""

from pathlib import Path

import polars as pl

from tradepit.cli.recording_comparison import Comparison
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


def compare(source: Path, copy: Path) -> Comparison:
    """Compare the recording that was played with what the recorder wrote while it was."""
    played = pl.concat([pl.read_parquet(file) for file in tick_files(source)])
    parts = sorted(copy.rglob("*.parquet"))
    if not parts:
        return Comparison(rows=played.height, copied=0, equal=False)
    written = pl.concat([pl.read_parquet(part) for part in parts])
    same = written.height == played.height and set(played.columns) <= set(written.columns)
    return Comparison(
        rows=played.height, copied=written.height, equal=same and written.select(played.columns).equals(played, null_equal=True)
    )
