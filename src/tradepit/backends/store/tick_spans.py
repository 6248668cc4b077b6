"""Looks at spans of many symbols at once: one statement for all of them on PostgreSQL, one for each on SQLite."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from tradepit.backends.store.record_tables import BARS, TICKS
from tradepit.backends.store.tick_rows import bar_of, tick_of
from tradepit.trading.records.bars import LENGTHS_NS, Bar, BarLength, start_of
from tradepit.trading.records.tick_record import TickRecord

Spans = Mapping[str, tuple[int, int]]
"""By symbol two instants (UTC ns)."""
Bound = sa.ColumnElement[Any]
Query = Callable[[Bound, Bound, Bound, Bound], sa.Select[Any]]
"""A select by a span's symbol, its two instants, and one that lies further back than any trading day's beginning."""
# A trading day begins at most on a Friday evening and ends on a Monday. Further back nothing is looked for, in however many parts.
_LONGEST_DAY_NS = 4 * 86_400_000_000_000
_SECOND_NS = LENGTHS_NS["1s"]
_INSTANT = TICKS.c.ts.type
_SPAN = (sa.column("symbol", sa.Text()), *(sa.column(name, _INSTANT) for name in ("start", "end", "since")))


async def find_around(connection: AsyncConnection, spans: Spans) -> dict[str, tuple[list[TickRecord], TickRecord | None]]:
    """For spans (both ends included), what is known of their whole seconds and of that of the next tick, and the tick before.

    One before may be missing where it is of a former trading day.
    """
    following = {tick.symbol: tick.time_ns for tick in await _find(connection, spans, _following)}
    wider = {
        symbol: (start_of(first_ns, "1s"), start_of(following.get(symbol, last_ns), "1s") + _SECOND_NS)
        for symbol, (first_ns, last_ns) in spans.items()
    }
    found: dict[str, list[TickRecord]] = {symbol: [] for symbol in spans}
    for tick in await _find(connection, wider, _within(TICKS)):
        found[tick.symbol].append(tick)
    former = {tick.symbol: tick for tick in await _find(connection, wider, _former)}
    return {symbol: (sorted(ticks, key=_time_of), former.get(symbol)) for symbol, ticks in found.items()}


async def find_bars(connection: AsyncConnection, length: BarLength, spans: Spans) -> list[Bar]:
    """Bars that begin in spans (their ends not included), by symbol and time."""
    rows = await _rows(connection, spans, _within(BARS[length]))
    return sorted(map(bar_of, rows), key=lambda bar: (bar.symbol, bar.start_ns))


def _following(symbol: Bound, start: Bound, end: Bound, since: Bound) -> sa.Select[Any]:
    del start, since
    return sa.select(TICKS).where(TICKS.c.symbol == symbol, TICKS.c.ts > end).order_by(TICKS.c.ts).limit(1)


def _former(symbol: Bound, start: Bound, end: Bound, since: Bound) -> sa.Select[Any]:
    del end
    within = (TICKS.c.symbol == symbol, TICKS.c.ts < start, TICKS.c.ts >= since)
    return sa.select(TICKS).where(*within).order_by(TICKS.c.ts.desc()).limit(1)


def _within(table: sa.Table) -> Query:
    return lambda symbol, start, end, _: sa.select(table).where(table.c.symbol == symbol, table.c.ts >= start, table.c.ts < end)


async def _find(connection: AsyncConnection, spans: Spans, query: Query) -> list[TickRecord]:
    return [tick_of(row) for row in await _rows(connection, spans, query)]


async def _rows(connection: AsyncConnection, spans: Spans, query: Query) -> Sequence[sa.Row[Any]]:
    """The rows that ``query`` finds for each span."""
    told = [
        {"symbol": symbol, "start": start_ns, "end": end_ns, "since": start_ns - _LONGEST_DAY_NS}
        for symbol, (start_ns, end_ns) in spans.items()
    ]
    if connection.dialect.name != "postgresql":
        one = query(*(sa.bindparam(column.name, type_=column.type) for column in _SPAN))
        return [row for span in told for row in (await connection.execute(one, span)).all()]
    arrays = [sa.bindparam(column.name, type_=ARRAY(column.type)) for column in _SPAN]
    span = sa.func.unnest(*arrays).table_valued(*_SPAN, name="span").render_derived()
    each = query(*span.c).correlate(span).lateral("each")
    every = sa.select(*each.c).select_from(span).join(each, sa.true())
    return (await connection.execute(every, {name: [one[name] for one in told] for name in told[0]})).all() if told else []


def _time_of(tick: TickRecord) -> int:
    return tick.time_ns
