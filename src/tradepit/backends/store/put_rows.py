"""Rows that are inserted, or replace those with the same key: on both dialects, and never by one that is older."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection


def insert_into(connection: AsyncConnection, table: sa.Table) -> Any:  # noqa: ANN401 - an insert of either dialect
    """An insert that can say what to do about a row that is there."""
    return (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)


async def put_rows(
    connection: AsyncConnection, table: sa.Table, rows: Sequence[Mapping[str, object]], *, first: Sequence[str] = ()
) -> None:
    """Insert rows, or replace those with the same key, unless a later entry has told them. ``first`` columns keep what is there."""
    if not rows:
        return
    insert = insert_into(connection, table)
    kept = {column.name for column in table.primary_key} | set(first)
    values = {column.name: insert.excluded[column.name] for column in table.columns if column.name not in kept}
    older = sa.or_(table.c.entry.is_(None), table.c.entry <= insert.excluded.entry) if "entry" in table.c else None
    put = insert.on_conflict_do_update(index_elements=list(table.primary_key), set_=values, where=older)
    await connection.execute(put, rows)
