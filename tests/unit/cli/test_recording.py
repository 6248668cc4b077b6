"""Recordings: their first tick, and the recorder's copy beside the original."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tradepit.cli.recording import compare, first_tick
from tradepit.trading.model.errors import RecordingRefused

Row = dict[str, Any]


def written(rows: list[Row], path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pl.DataFrame(rows).with_columns(
        pl.col("datetime").cast(pl.Datetime("us", "UTC")), pl.col("volume").cast(pl.Int64)
    ).write_parquet(path)
    return path


def test_the_first_tick_that_can_be_played(rows: list[Row], tmp_path: Path) -> None:
    broken = [rows[0] | {"last_price": 3900.1}, *rows[1:]]
    tick = first_tick(written(broken, tmp_path / "a.parquet"))
    assert (tick.symbol, tick.volume_lots, tick.last_ticks) == ("IF2501", 11, 19_501)


def test_a_recording_without_any_is_refused(rows: list[Row], tmp_path: Path) -> None:
    path = written([row | {"last_price": 3900.1} for row in rows], tmp_path / "a.parquet")
    with pytest.raises(RecordingRefused) as refused:
        first_tick(path)
    assert refused.value.reason_code == "FILE_EMPTY"
    with pytest.raises(RecordingRefused):
        first_tick(tmp_path / "nothing")


def test_copies_are_compared_row_by_row(rows: list[Row], tmp_path: Path) -> None:
    source = written(rows, tmp_path / "source.parquet")
    copy = tmp_path / "copy"
    assert compare(source, copy).copied == 0
    written(rows[:2], copy / "day" / "part-1.parquet")
    short = compare(source, copy)
    assert (short.rows, short.copied, short.equal) == (3, 2, False)
    written(rows[2:], copy / "day" / "part-2.parquet")
    assert compare(source, copy).equal
    written([rows[2] | {"last_price": 3900.4}], copy / "day" / "part-2.parquet")
    assert not compare(source, copy).equal


def test_a_copy_may_have_more_columns_but_not_fewer(rows: list[Row], tmp_path: Path) -> None:
    source = written(rows, tmp_path / "source.parquet")
    written([row | {"received": 1} for row in rows], tmp_path / "more" / "a.parquet")
    assert compare(source, tmp_path / "more").equal
    fewer = [{name: value for name, value in row.items() if name != "turnover"} for row in rows]
    written(fewer, tmp_path / "fewer" / "a.parquet")
    assert not compare(source, tmp_path / "fewer").equal
