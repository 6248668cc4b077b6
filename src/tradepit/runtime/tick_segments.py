"""Recorded ticks on disk: numbered Parquet segments that appear whole or not at all, and say where their stream stood."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from tradepit.runtime.tick_columns import MAX_LEVELS, TIME_ZONE, columns, is_count, is_text, level_columns
from tradepit.runtime.tick_row import COLUMNS, Row
from tradepit.runtime.tick_sequence import Seen

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_RUN, _SEQUENCE = "tradepit.run", "tradepit.sequence"


def write_segment(directory: Path, rows: Sequence[Row], seen: Seen, writer: str) -> Path:
    """Write ``rows`` (one symbol, one trading day) as the next ``part-00001.parquet`` of ``directory``; its path.

    The segment is complete and on disk (fsync) before it has its name; a crash leaves at most a ``.tmp`` file of ``writer``
    behind. Instants are kept in ms like the exchange's own, in µs when any needs it. Levels that are empty throughout are left
    out.
    """
    directory.mkdir(parents=True, exist_ok=True)
    unfinished = directory / f".{writer}.tmp"
    _frame(rows).write_parquet(unfinished, compression="zstd", metadata={_RUN: seen.run, _SEQUENCE: str(seen.sequence)})
    with unfinished.open("rb") as file:
        os.fsync(file.fileno())
    number = 1 + max((_number(path) for path in directory.glob("part-*.parquet")), default=0)
    while True:
        final = directory / f"part-{number:05d}.parquet"
        try:
            # A hard link refuses to replace what another recorder wrote meanwhile; a rename would not.
            final.hardlink_to(unfinished)
            break
        except FileExistsError:
            number += 1
    unfinished.unlink()
    _sync(directory)
    return final


def clear_unfinished(root: Path, writer: str) -> int:
    """Remove what a killed life of ``writer`` left unfinished; how many files."""
    found = list(root.rglob(f".{writer}.tmp"))
    for path in found:
        path.unlink(missing_ok=True)
    return len(found)


def last_seen(root: Path) -> dict[str, Seen]:
    """Per symbol, where the stream stood when its newest segment was written."""
    newest: dict[str, Path] = {}
    for path in sorted(root.glob("*/*/part-*.parquet")):
        newest[path.parts[-3]] = path
    found = {}
    for symbol, path in newest.items():
        try:
            notes = pl.read_parquet_metadata(path)
        except (pl.exceptions.PolarsError, OSError):
            continue
        if notes.get(_RUN) and notes.get(_SEQUENCE, "").isdecimal():
            found[symbol] = Seen(notes[_RUN], int(notes[_SEQUENCE]))
    return found


def _number(path: Path) -> int:
    text = path.stem.removeprefix("part-")
    return int(text) if text.isdecimal() else 0


def _frame(rows: Sequence[Row]) -> pl.DataFrame:
    values = dict(zip(COLUMNS, zip(*rows, strict=True), strict=True))
    depth = max((number for number in range(1, MAX_LEVELS + 1) if _used(values, number)), default=1)
    micros = [(moment - _EPOCH) // _MICROSECOND for moment in values["datetime"]]
    fine = any(value % 1000 for value in micros)
    series = [pl.Series("datetime", micros, dtype=pl.Int64).cast(pl.Datetime("us", TIME_ZONE))]
    if not fine:
        series = [series[0].dt.cast_time_unit("ms")]
    for name in columns(depth)[1:]:
        kind = pl.String if is_text(name) else pl.Int64 if is_count(name) else pl.Float64
        series.append(pl.Series(name, values[name], dtype=kind))
    return pl.DataFrame(series)


def _used(values: dict[str, tuple[object, ...]], number: int) -> bool:
    _, bids, _, asks = level_columns(number)
    return any(values[bids]) or any(values[asks])


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
