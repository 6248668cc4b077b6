"""What commands print: tables for people, one JSON document for programs."""

import sys
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tradepit.cli.exits import exit_of
from tradepit.runtime.nats_connection import NO_SERVER
from tradepit.runtime.order_client import Refused
from tradepit.trading.model.errors import TradepitError
from tradepit.wire.simulator_codec import encode


def print_json(value: object) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(encode(value).decode() + "\n")


def print_line(text: str) -> None:
    """One line on standard output, there at once whoever reads it."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table on standard output."""
    table = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        # What is wider than the terminal goes on below: half an instant, or half a limit, tells nobody anything.
        table.add_column(column, overflow="fold")
    for row in rows:
        # As plain text: a value in square brackets is no markup.
        table.add_row(*(Text(str(cell)) for cell in row))
    Console().print(table)


def print_fields(title: str, fields: Mapping[str, object]) -> None:
    """Names and values on standard output."""
    print_table(title, ("", ""), [(name, value) for name, value in fields.items()])


def fail(error: TradepitError, *, json: bool) -> int:
    """Tell of an error (JSON on standard output, or a line on standard error); the exit code to end with."""
    details = {key: str(value) for key, value in error.details.items()}
    if isinstance(error, Refused) and isinstance(error.reply.get("details"), dict):
        details |= {str(key): str(value) for key, value in dict(error.reply["details"]).items()}  # type: ignore[call-overload]  # JSON
    if json:
        # Bytes on the command line that are no UTF-8 come as lone surrogates, which JSON has no place for.
        details = {key: _sayable(value) for key, value in details.items()}
        print_json({"success": False, "error": error.reason_code, "message": _sayable(error.message), "details": details})
    else:
        extra = " ".join(f"{key}={value}" for key, value in details.items())
        sys.stderr.write(f"{error.reason_code}: {error.message}" + (f" ({extra})" if extra else "") + "\n")
        if error.message == NO_SERVER:
            sys.stderr.write("Is the house running? `tradepit demo` starts one here, --config names the settings of another.\n")
    return int(exit_of(error))


def _sayable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
