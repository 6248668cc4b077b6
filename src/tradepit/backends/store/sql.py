"""The store in a SQL database: the order tables other programs read, on SQLite and PostgreSQL."""

from collections.abc import Mapping, Sequence
from functools import cache
from itertools import islice
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from tradepit.backends.store.database import Raced
from tradepit.backends.store.migrated import MigratedDatabase
from tradepit.backends.store.revisions import Steps
from tradepit.backends.store.tables import EVENTS, IDENTITIES, ORDERS, RANKS
from tradepit.ports.store import Kept, SchemaStatus
from tradepit.trading.orders.order_record import (
    OrderEvent,
    OrderRecord,
    OrderUpdate,
    check_event,
    check_update,
    identity_of,
    merge,
    merge_all,
)
from tradepit.wire.order_tables import FINISHED, ORDER_HISTORY_COLUMNS, UPDATED_AT

_ORDER_FIELDS = tuple(column.field for column in ORDER_HISTORY_COLUMNS if column.field)
_NAMES = ("order_id", "kind", "identity")
_BATCH = 500
_STEPS = Steps("0001", (ORDERS, EVENTS))


class SqlStore:
    """One member's view of a database; any number of them may write at once. ``migrates``: ``connect`` may change the tables."""

    def __init__(self, url: str, *, migrates: bool = True, timeout_s: float = 5.0) -> None:
        self._database = MigratedDatabase(url, _STEPS, migrates=migrates, timeout_s=timeout_s)

    async def connect(self) -> None:
        await self._database.connect()

    async def schema(self) -> SchemaStatus:
        return await self._database.schema()

    async def migrate(self) -> SchemaStatus:
        return await self._database.migrate()

    async def keep(self, updates: Sequence[OrderUpdate], events: Sequence[OrderEvent] = ()) -> Kept:
        records = merge_all(map(check_update, updates))
        told: dict[tuple[str, str, str], OrderEvent] = {}
        for event in events:
            told.setdefault(identity_of(check_event(event)), event)

        async def work(connection: AsyncConnection) -> Kept:
            changed = 0
            remaining = iter(records.items())
            while batch := dict(islice(remaining, _BATCH)):
                changed += await _keep_orders(connection, batch)
            fresh = await _keep_events(connection, told)
            return Kept(changed=changed, unchanged=len(records) - changed, events=fresh)

        return await self._database.write(work)

    async def order(self, order_id: str) -> OrderRecord | None:
        found = await self._database.read(lambda connection: _known(connection, _orders().where(ORDERS.c.order_id == order_id)))
        return found.get(order_id)

    async def orders(self, portfolio_id: str, *, unfinished: bool = False) -> list[OrderRecord]:
        query = _orders().where(ORDERS.c.portfolio_id == portfolio_id).order_by(ORDERS.c.order_id)
        if unfinished:
            query = query.where(ORDERS.c.status != FINISHED, sa.func.coalesce(RANKS.c.finished, sa.false()).is_(sa.false()))
        return list((await self._database.read(lambda connection: _known(connection, query))).values())

    async def events(self, order_id: str) -> list[OrderEvent]:
        query = sa.select(EVENTS).where(EVENTS.c.order_id == order_id).order_by(EVENTS.c.id)

        async def work(connection: AsyncConnection) -> list[OrderEvent]:
            return [_event(row) for row in await connection.execute(query)]

        return await self._database.read(work)

    async def forget(self, portfolio_id: str) -> int:
        async def work(connection: AsyncConnection) -> int:
            mine = sa.select(ORDERS.c.order_id).where(ORDERS.c.portfolio_id == portfolio_id)
            told = sa.select(EVENTS.c.order_id).where(EVENTS.c.portfolio_id == portfolio_id)
            await connection.execute(sa.delete(IDENTITIES).where(IDENTITIES.c.order_id.in_(told)))
            await connection.execute(sa.delete(EVENTS).where(EVENTS.c.portfolio_id == portfolio_id))
            await connection.execute(sa.delete(RANKS).where(RANKS.c.order_id.in_(mine)))
            return (await connection.execute(sa.delete(ORDERS).where(ORDERS.c.portfolio_id == portfolio_id))).rowcount

        return await self._database.write(work)

    async def close(self) -> None:
        await self._database.close()


async def _keep_orders(connection: AsyncConnection, told: dict[str, OrderRecord]) -> int:
    """Merge into the rows what was told of them; how many orders changed."""
    say = _statements(connection.dialect.name)
    # Taking the rank's row first, in the order of ids, makes writers of the same orders wait for one another.
    await connection.execute(say.take_ranks, [{"order_id": order_id} for order_id in told])
    known = await _known(connection, say.known_orders, {"order_ids": list(told)})
    merged = {order_id: merge(known[order_id], record) if order_id in known else record for order_id, record in told.items()}
    changed = {order_id: record for order_id, record in merged.items() if record != known.get(order_id)}
    fresh = [_row(record) for order_id, record in changed.items() if order_id not in known]
    if fresh and len((await connection.execute(say.insert_orders, fresh)).all()) < len(fresh):
        raise Raced("an order's row was made by another program")
    if stale := [_row(record) for order_id, record in changed.items() if order_id in known]:
        await connection.execute(say.update_orders, stale)
    if changed:
        await connection.execute(say.mark_ranks, [_rank(each) for each in changed.values()])
    return len(changed)


async def _keep_events(connection: AsyncConnection, told: dict[tuple[str, str, str], OrderEvent]) -> int:
    """Keep the events that are new, in the order in which they were told; how many they are."""
    if not told:
        return 0
    say = _statements(connection.dialect.name)
    found = await connection.execute(say.name_events, [dict(zip(_NAMES, identity, strict=True)) for identity in sorted(told)])
    fresh = {tuple(row) for row in found}
    rows = [
        {"order_id": event.order_id, "portfolio_id": event.portfolio_id, "kind": event.kind, "body": event.body.decode()}
        for identity, event in told.items()
        if identity in fresh
    ]
    if rows:
        await connection.execute(say.insert_events, rows)
    return len(rows)


class _Statements(NamedTuple):
    """What is written for every update, in one dialect. Made once: making them anew costs as much as having them carried out."""

    take_ranks: Any
    known_orders: Any
    insert_orders: Any
    update_orders: Any
    mark_ranks: Any
    name_events: Any
    insert_events: Any


@cache
def _statements(dialect: str) -> _Statements:
    insert = (postgresql if dialect == "postgresql" else sqlite).insert
    rank, order = insert(RANKS), insert(ORDERS)
    marks = {column.name: rank.excluded[column.name] for column in RANKS.columns if not column.primary_key}
    values: dict[Any, Any] = {ORDERS.c[field]: order.excluded[field] for field in _ORDER_FIELDS if field != "order_id"}
    values[ORDERS.c[UPDATED_AT]] = sa.func.now()
    asked = ORDERS.c.order_id.in_(sa.bindparam("order_ids", expanding=True))
    return _Statements(
        take_ranks=rank.on_conflict_do_update(index_elements=[RANKS.c.order_id], set_={"order_id": rank.excluded.order_id}),
        # The rank is looked up beside the locked row, not joined: PostgreSQL locks no outer join's missing side.
        known_orders=_orders().where(asked).with_for_update(of=ORDERS),
        insert_orders=order.on_conflict_do_nothing(index_elements=[ORDERS.c.order_id]).returning(ORDERS.c.order_id),
        update_orders=order.on_conflict_do_update(index_elements=[ORDERS.c.order_id], set_=values),
        mark_ranks=rank.on_conflict_do_update(index_elements=[RANKS.c.order_id], set_=marks),
        name_events=insert(IDENTITIES).on_conflict_do_nothing().returning(*(IDENTITIES.c[name] for name in _NAMES)),
        insert_events=sa.insert(EVENTS),
    )


def _orders() -> sa.Select[Any]:
    ranks = [column.label(f"rank_{column.name}") for column in RANKS.columns]
    return sa.select(*(ORDERS.c[field] for field in _ORDER_FIELDS), *ranks).outerjoin_from(
        ORDERS, RANKS, ORDERS.c.order_id == RANKS.c.order_id
    )


async def _known(
    connection: AsyncConnection, query: sa.Select[Any], parameters: Mapping[str, Any] | None = None
) -> dict[str, OrderRecord]:
    found = (_record(row) for row in (await connection.execute(query, parameters)).mappings())
    return {record.order_id: record for record in found}


def _row(record: OrderRecord) -> dict[str, object]:
    return {field: getattr(record, field) for field in _ORDER_FIELDS}


def _record(row: Mapping[str, Any]) -> OrderRecord:
    """A row as a record. One that another program wrote has no rank: then it counts as told before anything else."""
    fields: dict[str, Any] = {field: row[field] for field in _ORDER_FIELDS}
    fields |= {name: fields[name] or 0 for name in ("volume_lots", "left_lots", "filled_lots")}
    mark = {column.name: row[f"rank_{column.name}"] for column in RANKS.columns}
    finished = bool(mark["finished"]) or fields["status"] == FINISHED
    filled = mark["status_filled"] if mark["status_filled"] is not None else fields["filled_lots"]
    priced = fields["trade_price"] is not None
    return OrderRecord(
        **fields,
        finished=finished,
        status_rank=(int(finished), filled, mark["status_ns"] or 0, mark["status_sequence"] or 0),
        fill_rank=(fields["filled_lots"], int(priced), mark["fill_ns"] or 0, mark["fill_sequence"] or 0),
    )


def _rank(record: OrderRecord) -> dict[str, object]:
    _, status_filled, status_ns, status_sequence = record.status_rank
    _, _, fill_ns, fill_sequence = record.fill_rank
    return {
        "order_id": record.order_id,
        "finished": record.finished,
        "status_filled": status_filled,
        "status_ns": status_ns,
        "status_sequence": status_sequence,
        "fill_ns": fill_ns,
        "fill_sequence": fill_sequence,
    }


def _event(row: sa.Row[Any]) -> OrderEvent:
    body = row.body if isinstance(row.body, str) else "null"
    return OrderEvent(order_id=row.order_id, portfolio_id=row.portfolio_id, kind=row.kind, body=body.encode())
