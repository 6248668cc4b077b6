"""Many rows of ticks and bars in one statement: arrays on PostgreSQL, one row after another on SQLite."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from tradepit.backends.store.record_tables import BARS, TICKS
from tradepit.trading.records.bars import Bar, BarLength
from tradepit.trading.records.tick_record import TickRecord

_BAR_FIELDS = ("symbol", "open", "high", "low", "close", "volume", "count")
_TICK_FIELDS = (
    "symbol", "price", "volume", "exchange", "trading_day", "day_volume", "open_interest", "bid_price", "bid_volume", "ask_price",
    "ask_volume",
)  # fmt: skip


async def put_ticks(connection: AsyncConnection, ticks: Sequence[TickRecord]) -> None:
    """Insert ticks, or replace those of the same symbol and instant."""
    rows = [{"ts": tick.time_ns, **{name: getattr(tick, name) for name in _TICK_FIELDS}} for tick in ticks]
    await _put(connection, TICKS, rows)


async def put_bars(connection: AsyncConnection, length: BarLength, bars: Sequence[Bar]) -> None:
    """Insert bars, or replace those of the same symbol and beginning."""
    rows = [{"ts": bar.start_ns, **{name: getattr(bar, name) for name in _BAR_FIELDS}} for bar in bars]
    await _put(connection, BARS[length], rows)


def tick_of(row: sa.Row[Any]) -> TickRecord:
    """A row as a tick; what another program left out is not known."""
    told = row._mapping  # noqa: SLF001 - SQLAlchemy's own name of its public mapping
    return TickRecord(
        symbol=told["symbol"],
        time_ns=told["ts"],
        price=told["price"],
        volume=int(told["volume"]),
        day_volume=told["day_volume"],
        trading_day=told["trading_day"] or 0,
        exchange=told["exchange"] or "",
        open_interest=told["open_interest"] or 0,
        bid_price=told["bid_price"],
        bid_volume=told["bid_volume"] or 0,
        ask_price=told["ask_price"],
        ask_volume=told["ask_volume"] or 0,
    )


def bar_of(row: sa.Row[Any]) -> Bar:
    """A row as a bar."""
    told = row._mapping  # noqa: SLF001 - as above
    return Bar(
        symbol=told["symbol"],
        start_ns=told["ts"],
        open=told["open"],
        high=told["high"],
        low=told["low"],
        close=told["close"],
        volume=int(told["volume"]),
        count=told["count"],
    )


async def _put(connection: AsyncConnection, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        # One statement for all of them: its arrays cost a tenth of as many single inserts.
        await connection.execute(_insert_arrays(table), {name: [row[name] for row in rows] for name in rows[0]})
    else:
        await connection.execute(_insert_rows(table), rows)


@cache
def _insert_rows(table: sa.Table) -> Any:  # noqa: ANN401 - an insert of SQLite
    insert = sqlite.insert(table)
    return insert.on_conflict_do_update(index_elements=list(table.primary_key), set_=_values(table, insert.excluded))


@cache
def _insert_arrays(table: sa.Table) -> Any:  # noqa: ANN401 - an insert of PostgreSQL
    columns = list(table.columns)
    arrays = [sa.bindparam(column.name, type_=postgresql.ARRAY(column.type)) for column in columns]
    told = (
        sa.func.unnest(*arrays)
        .table_valued(*(sa.column(column.name, column.type) for column in columns), name="told")
        .render_derived()
    )
    insert = postgresql.insert(table).from_select([column.name for column in columns], sa.select(*told.columns))
    return insert.on_conflict_do_update(index_elements=list(table.primary_key), set_=_values(table, insert.excluded))


def _values(table: sa.Table, excluded: Any) -> dict[str, Any]:  # noqa: ANN401 - what a conflict calls the row that was told
    return {column.name: excluded[column.name] for column in table.columns if not column.primary_key}
