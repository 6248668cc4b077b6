"""The replay plays every row in time, at its pace, and accounts for those it cannot play."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tradepit.runtime.clock import ManualClock
from tradepit.runtime.replayed_feed import ReplayedFeed
from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.model.errors import RecordingRefused
from tradepit.trading.model.tick import Tick

Row = dict[str, Any]


def write(path: Path, rows: list[Row]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    frame = pl.DataFrame(rows).with_columns(pl.col("datetime").dt.convert_time_zone("Asia/Shanghai"))
    frame.write_parquet(path)
    return path


async def play(feed: ReplayedFeed, clock: ManualClock) -> list[tuple[float, Tick]]:
    return [(clock.monotonic_ns() / 1e9, tick) async for batch in feed.batches() for tick in batch]


async def test_the_recorded_pace_and_its_multiples(tmp_path: Path, rows: list[Row]) -> None:
    rows[2]["datetime"] += timedelta(seconds=2)
    path = write(tmp_path / "a.parquet", rows)
    for speed, due in ((1.0, [0, 1, 4]), (10.0, [0, 0.1, 0.4]), (0.0, [0, 0, 0])):
        clock = ManualClock()
        played = await play(ReplayedFeed(path, load_catalog(), clock, speed=speed), clock)
        assert [when for when, _ in played] == pytest.approx(due)
        assert [tick.volume_lots for _, tick in played] == [10, 11, 12]


async def test_long_pauses_are_cut(tmp_path: Path, rows: list[Row]) -> None:
    rows[2]["datetime"] += timedelta(hours=4)
    clock = ManualClock()
    feed = ReplayedFeed(write(tmp_path / "a.parquet", rows), load_catalog(), clock, max_pause_s=5.0)
    assert [when for when, _ in await play(feed, clock)] == pytest.approx([0, 1, 6])


async def test_a_directory_is_played_together_in_time(tmp_path: Path, rows: list[Row]) -> None:
    later = [row | {"symbol": "IC2501", "datetime": row["datetime"] + timedelta(milliseconds=100)} for row in rows]
    write(tmp_path / "IF2501" / "20250106" / "part-00001.parquet", rows[:2])
    write(tmp_path / "IF2501" / "20250106" / "part-00002.parquet", rows[2:])
    write(tmp_path / "IC2501" / "20250106" / "part-00001.parquet", later)
    clock = ManualClock()
    feed = ReplayedFeed(tmp_path, load_catalog(), clock, speed=0)
    assert [tick.symbol for _, tick in await play(feed, clock)] == ["IF2501", "IC2501"] * 3
    assert set(feed.instruments) == {"IF2501", "IC2501"}
    progress = feed.progress()
    assert (progress["rows"], progress["played"], progress["share_done"], progress["finished"]) == (6, 6, 1.0, True)


async def test_every_row_is_played_passed_over_or_refused(tmp_path: Path, rows: list[Row]) -> None:
    rows[1]["last_price"] = float("nan")
    other = [row | {"symbol": "IC2501"} for row in rows[:1]]
    write(tmp_path / "a.parquet", rows)
    write(tmp_path / "b.parquet", other)
    (tmp_path / "c.parquet").write_bytes(b"junk")
    clock = ManualClock()
    feed = ReplayedFeed(tmp_path, load_catalog(), clock, speed=0, symbols=("IF2501",))
    await play(feed, clock)
    assert (feed.rows, feed.played, feed.passed_over, feed.refused_rows) == (4, 2, 1, 1)
    assert feed.reasons == {"FILE_NOT_PARQUET": 1, "VALUE_NOT_FINITE": 1}
    assert {(fault.row, fault.column) for fault in feed.refused} == {(0, ""), (2, "last_price")}


def test_nothing_to_play_is_refused(tmp_path: Path) -> None:
    (tmp_path / "c.parquet").write_bytes(b"junk")
    for path, code in ((tmp_path, "FILE_NOT_PARQUET"), (tmp_path / "none.parquet", "FILE_NOT_FOUND")):
        with pytest.raises(RecordingRefused) as caught:
            ReplayedFeed(path, load_catalog(), ManualClock())
        assert caught.value.reason_code == code
