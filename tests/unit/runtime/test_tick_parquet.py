"""Recordings are read whole or refused by name: file, row, column, reason."""

from pathlib import Path
from random import Random
from typing import Any

import polars as pl
import pytest

from tradepit.runtime.tick_parquet import RowRefused, TickFile, tick_files
from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.model.errors import RecordingRefused
from tradepit.trading.model.terms import SessionPhase
from tradepit.trading.model.tick import Level, Tick

REAL = Path(__file__).parents[4] / "shared" / "data" / "cffex_if2101_ticks_20210104_20210105.parquet"
Row = dict[str, Any]


def write(path: Path, rows: list[Row], **casts: pl.DataType) -> Path:
    frame = pl.DataFrame(rows, infer_schema_length=None).with_columns(pl.col("datetime").dt.convert_time_zone("Asia/Shanghai"))
    frame.with_columns(pl.col(name).cast(kind) for name, kind in casts.items()).write_parquet(path)
    return path


def read(path: Path, chunk_rows: int = 2) -> tuple[list[Tick], list[RowRefused]]:
    ticks: list[Tick] = []
    refused: list[RowRefused] = []
    for batch in TickFile(path, load_catalog()).batches(chunk_rows):
        ticks += batch.ticks
        refused += batch.refused
    return ticks, refused


def test_good_rows_become_ticks(tmp_path: Path, rows: list[Row]) -> None:
    ticks, refused = read(write(tmp_path / "a.parquet", rows))
    assert refused == []
    assert [tick.volume_lots for tick in ticks] == [10, 11, 12]
    assert ticks[0].bids == (Level(19_500, 1),)
    assert ticks[0].asks == (Level(19_502, 2),)
    assert ticks[0].phase is SessionPhase.CONTINUOUS
    assert (ticks[0].lower_limit_ticks, ticks[0].upper_limit_ticks) == (17_550, 21_450)


BAD: list[tuple[str, Any, str, str]] = [
    ("last_price", float("nan"), "VALUE_NOT_FINITE", "last_price"),
    ("last_price", float("inf"), "VALUE_NOT_FINITE", "last_price"),
    ("last_price", None, "VALUE_MISSING", "last_price"),
    ("last_price", 3900.1, "PRICE_WRONG_TICK", "last_price"),
    ("last_price", 3900.2000001, "PRICE_WRONG_TICK", "last_price"),
    ("last_price", 4290.2, "PRICE_OUT_OF_LIMIT", "last_price"),
    ("low_price", 3509.8, "PRICE_OUT_OF_LIMIT", "low_price"),
    ("last_price", -3900.2, "PRICE_NOT_VALID", "last_price"),
    ("last_price", 1e300, "PRICE_WRONG_TICK", "last_price"),
    ("limit_up", 0.0, "PRICE_NOT_VALID", "limit_up"),
    ("limit_up", 3000.0, "LIMITS_NOT_VALID", "limit_up"),
    ("pre_settlement", 0.0, "PRICE_NOT_VALID", "pre_settlement"),
    ("volume", -1, "VOLUME_NOT_VALID", "volume"),
    ("volume", 2**40, "VOLUME_NOT_VALID", "volume"),
    ("turnover", -1.0, "TURNOVER_NOT_VALID", "turnover"),
    ("bid_price_1", 4300.0, "PRICE_OUT_OF_LIMIT", "bid_price_1"),
    ("bid_volume_1", 0, "LEVEL_NOT_VALID", "bid_price_1"),
    ("ask_price_1", 3900.0, "BOOK_CROSSED", "ask_price_1"),
    ("symbol", "ZZ2501", "INSTRUMENT_NOT_FOUND", "symbol"),
    ("symbol", "../../x", "INSTRUMENT_NOT_FOUND", "symbol"),
    ("exchange", "SHFE", "EXCHANGE_MISMATCH", "exchange"),
    ("trading_day", "20250107", "TRADING_DAY_MISMATCH", "trading_day"),
    ("trading_day", "20251301", "TRADING_DAY_NOT_VALID", "trading_day"),
    ("trading_day", "2025-1-6", "TRADING_DAY_NOT_VALID", "trading_day"),
    ("trading_day", "19990104", "TRADING_DAY_MISMATCH", "trading_day"),
]


@pytest.mark.parametrize(("column", "value", "code", "named"), BAD)
def test_a_bad_row_is_refused_by_code_and_column_and_the_others_are_played(
    tmp_path: Path, rows: list[Row], column: str, value: object, code: str, named: str
) -> None:
    rows[1][column] = value
    path = write(tmp_path / "a.parquet", rows)
    ticks, refused = read(path)
    assert refused == [RowRefused(file=str(path), row=2, column=named, code=code)]
    assert len(ticks) == 2


def test_time_that_runs_backwards_is_refused(tmp_path: Path, rows: list[Row]) -> None:
    ticks, refused = read(write(tmp_path / "a.parquet", [rows[1], rows[0], rows[2]]))
    assert [(fault.row, fault.code, fault.column) for fault in refused] == [(2, "TIME_BACKWARDS", "datetime")]
    assert len(ticks) == 2


def test_deeper_levels_must_be_sorted(tmp_path: Path, rows: list[Row]) -> None:
    for row in rows:
        row |= {"bid_price_2": 3899.8, "bid_volume_2": 3, "ask_price_2": 0.0, "ask_volume_2": 0}
    rows[2]["bid_price_2"] = 3900.0
    ticks, refused = read(write(tmp_path / "a.parquet", rows))
    assert [level.price_ticks for level in ticks[0].bids] == [19_500, 19_499]
    assert [(fault.row, fault.code, fault.column) for fault in refused] == [(3, "LEVELS_NOT_SORTED", "bid_price_2")]


def test_a_wrong_schema_is_refused_by_its_column(tmp_path: Path, rows: list[Row]) -> None:
    def refusal(path: Path) -> tuple[str, object]:
        with pytest.raises(RecordingRefused) as caught:
            TickFile(path, load_catalog())
        return caught.value.reason_code, caught.value.details.get("column")

    missing = [{name: value for name, value in row.items() if name != "turnover"} for row in rows]
    assert refusal(write(tmp_path / "a.parquet", missing)) == ("SCHEMA_MISSING_COLUMN", "turnover")
    assert refusal(write(tmp_path / "b.parquet", [row | {"x": 1} for row in rows])) == ("SCHEMA_UNKNOWN_COLUMN", "x")
    assert refusal(write(tmp_path / "c.parquet", rows, last_price=pl.String())) == ("SCHEMA_WRONG_TYPE", "last_price")
    assert refusal(write(tmp_path / "d.parquet", rows, volume=pl.Float64())) == ("SCHEMA_WRONG_TYPE", "volume")
    naive = tmp_path / "e.parquet"
    pl.read_parquet(write(naive, rows)).with_columns(pl.col("datetime").dt.replace_time_zone(None)).write_parquet(naive)
    assert refusal(naive) == ("SCHEMA_WRONG_TYPE", "datetime")


@pytest.mark.parametrize("content", [b"", b"hello", b"PAR1" * 20, bytes(4000)])
def test_what_is_not_parquet_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.parquet"
    path.write_bytes(content)
    with pytest.raises(RecordingRefused) as caught:
        TickFile(path, load_catalog())
    assert caught.value.reason_code == "FILE_NOT_PARQUET"


def test_truncated_and_damaged_files_account_for_every_row(tmp_path: Path, rows: list[Row]) -> None:
    path = write(tmp_path / "a.parquet", rows * 1)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(RecordingRefused):
        TickFile(path, load_catalog())
    chance = Random(4)
    for _ in range(60):
        harmed = bytearray(content)
        for _ in range(chance.randint(1, 40)):
            harmed[chance.randrange(len(harmed))] = chance.randrange(256)
        path.write_bytes(harmed)
        try:
            file = TickFile(path, load_catalog())
        except RecordingRefused:
            continue
        if file.rows > 1_000:
            continue
        batches = list(file.batches())
        assert sum(len(batch.ticks) + len(batch.refused) for batch in batches) == file.rows


def test_files_of_a_directory_come_in_order(tmp_path: Path, rows: list[Row]) -> None:
    for name in ("b", "a"):
        (tmp_path / name).mkdir()
        write(tmp_path / name / "part.parquet", rows)
    assert [path.parent.name for path in tick_files(tmp_path)] == ["a", "b"]
    with pytest.raises(RecordingRefused):
        tick_files(tmp_path / "nowhere")


@pytest.mark.skipif(not REAL.exists(), reason="the recorded days of IF2101 are not on this machine")
def test_both_recorded_days_are_read_without_a_refusal() -> None:
    ticks, refused = read(REAL, 16_384)
    assert refused == []
    assert len(ticks) == 56_209
    assert {tick.trading_day for tick in ticks} == {20210104, 20210105}
