"""Segments appear whole, are numbered, and say where their stream stood."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from tradepit.runtime.tick_columns import columns
from tradepit.runtime.tick_row import COLUMNS
from tradepit.runtime.tick_segments import clear_unfinished, last_seen, write_segment
from tradepit.runtime.tick_sequence import Seen

Values = dict[str, object]


def row(values: Values, **deeper: object) -> tuple[object, ...]:
    return tuple((values | deeper).get(name, 0) for name in COLUMNS)


def test_a_segment_holds_its_rows_in_the_recorded_form(tmp_path: Path, rows: list[Values]) -> None:
    path = write_segment(tmp_path / "IF2501" / "20250106", [row(each) for each in rows], Seen("r", 3), "w")
    assert path.name == "part-00001.parquet"
    frame = pl.read_parquet(path)
    assert tuple(frame.columns) == columns(1)
    assert frame.schema["datetime"] == pl.Datetime("ms", "Asia/Shanghai")
    assert frame["datetime"].dt.convert_time_zone("UTC").to_list() == [each["datetime"] for each in rows]
    assert frame.drop("datetime").to_dicts() == [{name: each[name] for name in columns(1)[1:]} for each in rows]


def test_levels_are_kept_as_deep_as_they_are_used(tmp_path: Path, rows: list[Values]) -> None:
    deep = row(rows[0], bid_price_3=3899.4, bid_volume_3=2)
    frame = pl.read_parquet(write_segment(tmp_path, [row(rows[0]), deep], Seen("", 0), "w"))
    assert tuple(frame.columns) == columns(3)


def test_instants_finer_than_a_millisecond_are_kept(tmp_path: Path, rows: list[Values]) -> None:
    fine = row(rows[0], datetime=datetime(2025, 1, 6, 1, 30, 0, 1, tzinfo=UTC))
    frame = pl.read_parquet(write_segment(tmp_path, [fine], Seen("", 0), "w"))
    assert frame.schema["datetime"] == pl.Datetime("us", "Asia/Shanghai")
    assert frame["datetime"][0].microsecond == 1


def test_segments_are_numbered_on_and_never_replaced(tmp_path: Path, rows: list[Values]) -> None:
    names = [write_segment(tmp_path, [row(each)], Seen("", 0), "w").name for each in rows]
    assert names == ["part-00001.parquet", "part-00002.parquet", "part-00003.parquet"]
    assert not list(tmp_path.glob(".*"))


def test_what_a_killed_writer_left_is_cleared_and_only_that(tmp_path: Path) -> None:
    (tmp_path / "IF2501").mkdir()
    for writer in ("mine", "other"):
        (tmp_path / "IF2501" / f".{writer}.tmp").write_bytes(b"half")
    assert clear_unfinished(tmp_path, "mine") == 1
    assert [path.name for path in tmp_path.rglob(".*.tmp")] == [".other.tmp"]


def test_the_newest_segment_says_where_the_stream_stood(tmp_path: Path, rows: list[Values]) -> None:
    for day, number in (("20250106", 5), ("20250107", 9)):
        write_segment(tmp_path / "IF2501" / day, [row(rows[0])], Seen("run", number), "w")
    (tmp_path / "IC2501" / "20250106").mkdir(parents=True)
    (tmp_path / "IC2501" / "20250106" / "part-00001.parquet").write_bytes(b"damaged")
    assert last_seen(tmp_path) == {"IF2501": Seen("run", 9)}
