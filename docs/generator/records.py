"""The page of the records: every table with its columns, which of them are the bot platform document's, and who writes them."""

from generator.text import code, doc, fields, table
from tradepit.services.record_settings import RecordSettings
from tradepit.wire.record_tables import TABLES, RecordColumn, RecordTable

_INTRO = """# Records

The tables that the roles `market-records` and `order-records` (profile `pit`, where `store` is set) keep in PostgreSQL or
SQLite. Columns marked ● are the bot platform document's, with its types, defaults and checks: its statements work unchanged.
All others are the house's own, and may be left out by whoever inserts a row. A table that exists already is taken with its
rows and gets the columns it lacks. See [the how-to](../how-to/query-records.md), and [ADR 23](../adr/0023-records.md) for the
UUIDs and how `ticks` is kept by days.
"""
_KINDS = {
    "instant": "timestamptz",
    "text": "text",
    "number": "numeric",
    "lots": "bigint",
    "id": "uuid",
    "json": "jsonb",
    "day": "integer",
    "entry": "bigint",
    "flag": "boolean",
}
_DEFAULTS = {"now": "now()", "new_id": "gen_random_uuid()", "zero": "0", "new": "'new'", "false": "false"}
_SQLITE = """On SQLite a `uuid` is a text of 36 characters, an instant the text `YYYY-MM-DD HH:MM:SS.ffffff` in UTC, and a number has
fifteen exact digits. `record_progress` (how far the journal was told), `record_folds` (what was known then) and `tick_places` (up
to where each contract's stream is whole) are the writers' own.
"""


def page() -> str:
    """The page."""
    parts = [_INTRO]
    for each in TABLES:
        parts += [f"## {each.name}", each.meaning, _columns(each)]
    return "\n\n".join([*parts, "## Types", _SQLITE, "## Settings", doc(RecordSettings), fields(RecordSettings)])


def _columns(told: RecordTable) -> str:
    rows = [
        (
            code(column.name) + (" ●" if column.documented else ""),
            _KINDS[column.kind],
            _rule(column, told),
            column.meaning,
        )
        for column in told.columns
    ]
    return table(("column", "type", "", "meaning"), rows)


def _rule(column: RecordColumn, told: RecordTable) -> str:
    words = []
    if column.name in told.key:
        words.append("key")
    elif column.required:
        words.append("not null")
    if column.default:
        words.append(f"default {_DEFAULTS[column.default]}")
    return ", ".join(words)
