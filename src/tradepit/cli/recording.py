"""What a recording says about itself, before it is played."""

from pathlib import Path

from tradepit.runtime.tick_parquet import TickFile, tick_files
from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.model.errors import RecordingRefused


def first_listing(path: Path) -> tuple[str, str]:
    """Symbol and previous settlement price (a decimal string) of the recording's first tick. Raises RecordingRefused."""
    for file in tick_files(path):
        for batch in TickFile(file, load_catalog()).batches():
            for tick in batch.ticks:
                return tick.symbol, str(tick.pre_settlement)
    raise RecordingRefused("the recording holds no tick", file=str(path))
