"""Recorded ticks from Parquet: every row becomes a tick or is refused with a code, its row and its column."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from tradepit.runtime.tick_columns import MAX_LEVELS, columns, is_count, is_text, level_columns
from tradepit.runtime.tick_rules import LISTED_ON, TICK_OVER, TICK_UNDER, first_fault, ticks_of
from tradepit.trading.calendar.catalog import Catalog
from tradepit.trading.calendar.sessions import PhaseWindow
from tradepit.trading.model.errors import RecordingRefused, TradepitError
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.tick import Level, Tick

CHUNK_ROWS = 16_384
_TICK_PRICES = ("last_price", "open_price", "high_price", "low_price", "limit_up", "limit_down", "pre_close")


class RowRefused(msgspec.Struct, frozen=True, kw_only=True):
    """One row that cannot be replayed. ``row`` counts from 1 in ``file``; ``column`` is empty when the whole row is at fault."""

    file: str
    row: int
    column: str
    code: str


class TickBatch(msgspec.Struct, frozen=True, kw_only=True):
    """Consecutive rows: their ticks in order, and the rows that were refused. Together they are all rows read."""

    ticks: list[Tick]
    refused: list[RowRefused]


def tick_files(path: Path) -> list[Path]:
    """The file itself, or every ``*.parquet`` under a directory by path. Raises RecordingRefused FILE_NOT_FOUND."""
    files = sorted(path.rglob("*.parquet")) if path.is_dir() else [path] if path.is_file() else []
    if not files:
        raise RecordingRefused("FILE_NOT_FOUND", "There is no recording of ticks.", path=str(path))
    return files


class TickFile:
    """One Parquet file of ticks, checked when opened.

    Raises RecordingRefused: FILE_NOT_PARQUET (not Parquet, or truncated), FILE_EMPTY, SCHEMA_MISSING_COLUMN,
    SCHEMA_UNKNOWN_COLUMN, SCHEMA_WRONG_TYPE (``column`` in the details).
    """

    def __init__(self, path: Path, catalog: Catalog) -> None:
        self._path, self._catalog = path, catalog
        self._instruments: dict[tuple[str, str], Instrument | str] = {}
        self._window: dict[tuple[str, str], PhaseWindow] = {}
        self._newest: dict[str, int] = {}
        try:
            schema = pl.read_parquet_schema(path)
            self.rows: int = pl.scan_parquet(path, glob=False).select(pl.len()).collect().item()
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
            raise RecordingRefused("FILE_NOT_PARQUET", "The file is not readable as Parquet.", path=str(path)) from error
        self.levels = _check_schema(schema, path)

    @property
    def instruments(self) -> dict[str, Instrument]:
        """The instruments of the rows read so far, by symbol."""
        return {symbol: found for (symbol, _), found in self._instruments.items() if isinstance(found, Instrument)}

    def batches(self, chunk_rows: int = CHUNK_ROWS) -> Iterator[TickBatch]:
        """All rows in order, in chunks. A file that turns out damaged refuses all of its remaining rows with FILE_DAMAGED."""
        for start in range(0, self.rows, chunk_rows):
            try:
                frame = pl.scan_parquet(self._path, glob=False).slice(start, chunk_rows).collect()
            except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError):
                rest = range(start + 1, self.rows + 1)
                yield TickBatch(ticks=[], refused=[self._refused(row, "FILE_DAMAGED", "") for row in rest])
                return
            yield self._read(frame.select(columns(self.levels)), start)

    def _read(self, frame: pl.DataFrame, start: int) -> TickBatch:
        faults = self._listed(frame).with_row_index("_row", start + 1)
        faults = faults.with_columns(_fault=first_fault(self.levels))
        bad = faults.filter(pl.col("_fault").is_not_null())
        refused = [self._refused(row, *fault.split(":")) for row, fault in bad.select("_row", "_fault").iter_rows()]
        good = faults.filter(pl.col("_fault").is_null()).select(
            "_row",
            pl.col("datetime").dt.epoch("ns"),
            pl.exclude("_row", "datetime", *self._prices()),
            *[ticks_of(name) for name in self._prices()],
        )
        ticks = []
        for row in good.iter_rows(named=True):
            try:
                ticks.append(self._tick(row))
            except TradepitError as error:
                refused.append(self._refused(row["_row"], error.reason_code, str(error.details.get("column", ""))))
        return TickBatch(ticks=ticks, refused=sorted(refused, key=lambda fault: fault.row))

    def _prices(self) -> list[str]:
        deep = [name for number in range(1, self.levels + 1) for name in level_columns(number)[::2]]
        return [*_TICK_PRICES, *deep]

    def _listed(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The frame with each row's tick size and exchange; null where the instrument or its trading day is not known."""
        keys = frame.select("symbol", "trading_day").unique().drop_nulls()
        facts: list[tuple[str, str, int, int, str]] = []
        for symbol, day in keys.iter_rows():
            found = self._instruments.setdefault((symbol, day), self._find(symbol, day))
            if isinstance(found, Instrument):
                over, under = found.product.tick_size.as_integer_ratio()
                facts.append((symbol, day, over, under, found.product.exchange.value))
        schema = {"symbol": pl.String, "trading_day": pl.String, TICK_OVER: pl.Int64, TICK_UNDER: pl.Int64, LISTED_ON: pl.String}
        table = pl.DataFrame(facts, schema=schema, orient="row")
        return frame.join(table, on=["symbol", "trading_day"], how="left", maintain_order="left")

    def _find(self, symbol: str, day: str) -> Instrument | str:
        try:
            on = date.fromisoformat(day) if len(day) == 8 else date.min
            # The listing price of a recording is not known and not used: limits travel with every row.
            return self._catalog.instrument(symbol, on=on, listing_price=Decimal(1))
        except (TradepitError, ValueError, OverflowError) as error:
            return error.reason_code if isinstance(error, TradepitError) else "TRADING_DAY_NOT_VALID"

    def _tick(self, row: dict[str, Any]) -> Tick:
        symbol, day, time_ns = row["symbol"], row["trading_day"], row["datetime"]
        instrument = self._instruments[symbol, day]
        assert isinstance(instrument, Instrument)  # noqa: S101 - rows without one were refused before
        window = self._window.get((symbol, day))
        group = instrument.product.session_group
        if window is None or not window.start_ns <= time_ns < window.end_ns:
            calendar = self._catalog.calendar
            if calendar.trading_day_of(time_ns, group) != date.fromisoformat(day):
                raise RecordingRefused("TRADING_DAY_MISMATCH", column="trading_day")
            window = self._window[symbol, day] = calendar.window_at(time_ns, group)
        if time_ns < self._newest.get(symbol, 0):
            raise RecordingRefused("TIME_BACKWARDS", column="datetime")
        self._newest[symbol] = time_ns
        return Tick(
            symbol=symbol,
            exchange=instrument.product.exchange,
            time_ns=time_ns,
            trading_day=int(day),
            last_ticks=row["last_price"],
            volume_lots=row["volume"],
            turnover=Decimal(str(row["turnover"])),
            open_interest=row["open_interest"],
            open_ticks=row["open_price"],
            high_ticks=row["high_price"],
            low_ticks=row["low_price"],
            upper_limit_ticks=row["limit_up"],
            lower_limit_ticks=row["limit_down"],
            pre_close_ticks=row["pre_close"],
            pre_settlement=Decimal(str(row["pre_settlement"])),
            bids=self._side(row, "bid"),
            asks=self._side(row, "ask"),
            phase=window.phase,
        )

    def _side(self, row: dict[str, Any], side: str) -> tuple[Level, ...]:
        levels = []
        for number in range(1, self.levels + 1):
            lots = row[f"{side}_volume_{number}"]
            if not lots:
                break
            levels.append(Level(row[f"{side}_price_{number}"], lots))
        return tuple(levels)

    def _refused(self, row: int, code: str, column: str) -> RowRefused:
        return RowRefused(file=str(self._path), row=row, column=column, code=code)


def _check_schema(schema: "dict[str, pl.DataType] | pl.Schema", path: Path) -> int:
    levels = next((number for number in range(MAX_LEVELS, 0, -1) if level_columns(number)[0] in schema), 1)
    for name in columns(levels):
        if name not in schema:
            raise RecordingRefused("SCHEMA_MISSING_COLUMN", column=name, path=str(path))
        if not _fits(name, schema[name]):
            raise RecordingRefused("SCHEMA_WRONG_TYPE", column=name, type=str(schema[name]), path=str(path))
    for name in schema:
        if name not in columns(levels):
            raise RecordingRefused("SCHEMA_UNKNOWN_COLUMN", column=name[:64], path=str(path))
    return levels


def _fits(name: str, kind: pl.DataType) -> bool:
    if name == "datetime":
        return isinstance(kind, pl.Datetime) and kind.time_zone is not None
    if is_text(name):
        return kind == pl.String
    return kind.is_integer() if is_count(name) else kind == pl.Float64
