"""A report's sheet on standard output or in a file: a table, CSV, Parquet or JSON."""

import csv
import io
import os
import sys
from decimal import Decimal
from pathlib import Path
from typing import Literal

from tradepit.cli.report_sheets import Kind, Sheet, Value
from tradepit.trading.model.errors import BadRequest, Unavailable
from tradepit.wire.simulator_codec import encode

Form = Literal["table", "csv", "parquet", "json"]
_NUMBER_SCALE, _MONEY_SCALE, _PRECISION = 9, 2, 38


def check_form(form: Form, out: Path | None) -> None:
    """Raises BadRequest for what cannot be written there."""
    if form == "parquet" and out is None:
        raise BadRequest("Parquet is no text: name a file with --out")
    if out is not None and (out.is_dir() or not out.parent.is_dir()):
        raise BadRequest("there is no folder for that file", out=str(out)[:200])


def write(sheet: Sheet, form: Form, out: Path | None) -> None:
    """Write the sheet. A file replaces a former one only when it is complete. Raises Unavailable when it cannot be written."""
    data = _parquet(sheet) if form == "parquet" else _text(sheet, form).encode()
    if out is None:
        sys.stdout.write(data.decode())
        return
    part = out.with_name(f".{out.name}.part")
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(out)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise Unavailable("the report cannot be written", out=str(out)[:200], cause=str(error)[:200]) from error


def _text(sheet: Sheet, form: Form) -> str:
    if form == "json":
        names = [column.name for column in sheet.columns]
        return encode([dict(zip(names, row, strict=True)) for row in sheet.rows]).decode() + "\n"
    if form == "csv":
        return _csv(sheet)
    return _table(sheet)


def _table(sheet: Sheet) -> str:
    """Plain text, as wide as it must be: an amount that is cut off is another amount."""
    shown = [(number, column) for number, column in enumerate(sheet.columns) if not column.aside]
    lines = [[column.name for _, column in shown], *([_shown(row[number]) for number, _ in shown] for row in sheet.rows)]
    to_the_right = [column.kind != "text" for _, column in shown]
    if sheet.upright:
        lines, to_the_right = [list(words) for words in zip(*lines, strict=True)], [False, True]
    widths = [max(map(len, words)) for words in zip(*lines, strict=True)]
    rows = (
        "  ".join(
            word.rjust(width) if right else word.ljust(width)
            for word, width, right in zip(line, widths, to_the_right, strict=True)
        )
        for line in lines
    )
    return "\n".join([sheet.title, "", *(row.rstrip() for row in rows)]) + "\n"


def _csv(sheet: Sheet) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([column.name for column in sheet.columns])
    writer.writerows([_shown(value) for value in row] for row in sheet.rows)
    return text.getvalue()


def _shown(value: Value) -> str:
    if value is None:
        return ""
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def _parquet(sheet: Sheet) -> bytes:
    import polars as pl  # noqa: PLC0415 - polars loads slowly

    kinds: dict[Kind, pl.DataType] = {
        "text": pl.String(),
        "whole": pl.Int64(),
        "number": pl.Decimal(_PRECISION, _NUMBER_SCALE),
        "money": pl.Decimal(_PRECISION, _MONEY_SCALE),
    }
    schema = {column.name: kinds[column.kind] for column in sheet.columns}
    buffer = io.BytesIO()
    pl.DataFrame(sheet.rows, schema=schema, orient="row").write_parquet(buffer)
    return buffer.getvalue()
