"""The records of trading in a SQL database, on SQLite and PostgreSQL: written with the place in the journal that tells them."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tradepit.backends.store.migrated import MigratedDatabase
from tradepit.backends.store.put_rows import insert_into, put_rows
from tradepit.backends.store.record_steps import RECORD_STEPS
from tradepit.backends.store.record_tables import (
    EXECUTIONS,
    FOLDS,
    ORDERS,
    PNL,
    POSITIONS,
    PROGRESS,
    RISK_EVENTS,
    RISK_LIMITS,
    SETTLEMENTS,
)
from tradepit.backends.store.trading_rows import (
    FINISHED,
    event_of,
    event_row,
    execution_of,
    execution_row,
    ids_of,
    limit_of,
    order_of,
    order_row,
    pnl_of,
    position_of,
    statement_of,
    statement_row,
)
from tradepit.ports.store import SchemaStatus
from tradepit.ports.trading_records import Choice, KeptFold, Told, TradingTable
from tradepit.trading.ledger.statement import SettlementStatement
from tradepit.trading.model.errors import JournalConflict
from tradepit.trading.records.row_ids import bot_uuid
from tradepit.trading.records.rows import ExecutionRow, LimitRow, OrderRow, PnlRow, PositionRow, RecordBatch, RiskEventRow

_SOURCE = "orders"
_SLICE = 1_000
_FORGET_S = 600.0


class SqlTradingRecords:
    """One member's view of a database; any number of them may read, and tell the same journal, at once.

    ``migrates``: ``connect`` may change the tables.
    """

    def __init__(self, url: str, *, migrates: bool = True, timeout_s: float = 5.0) -> None:
        self._database = MigratedDatabase(url, RECORD_STEPS, migrates=migrates, timeout_s=timeout_s)

    async def connect(self) -> None:
        await self._database.connect()

    async def schema(self) -> SchemaStatus:
        return await self._database.schema()

    async def migrate(self) -> SchemaStatus:
        return await self._database.migrate()

    async def told(self) -> Told:
        return await self._database.read(_told)

    async def keep(self, news: RecordBatch, told: Told) -> None:
        async def work(connection: AsyncConnection) -> None:
            before = await _told(connection, lock=True)
            if before.entry < news.after or before.origin not in ("", told.origin):
                raise JournalConflict("the records are not told up to there", expected=news.after, found=before.entry)
            if before.entry < news.through:
                await _keep_rows(connection, news)
                await put_rows(connection, PROGRESS, [{"source": _SOURCE, **_progress(told)}])

        await self._database.write(work)

    async def keep_fold(self, fold: KeptFold) -> None:
        told = {
            "source": _SOURCE,
            "place": fold.told.entry,
            "mark": fold.told.mark,
            "origin": fold.told.origin,
            "body": fold.body,
        }
        await self._database.write(lambda connection: put_rows(connection, FOLDS, [told]))

    async def fold(self) -> KeptFold | None:
        found = await self._find(sa.select(FOLDS).where(FOLDS.c.source == _SOURCE))
        if not found:
            return None
        row = found[0]
        return KeptFold(told=Told(entry=row["place"], mark=row["mark"], origin=row["origin"]), body=bytes(row["body"]))

    async def keep_statements(self, statements: Sequence[SettlementStatement], time_ns: int) -> None:
        rows = [statement_row(statement, time_ns) for statement in statements]
        await self._database.write(lambda connection: put_rows(connection, SETTLEMENTS, rows))

    async def keep_events(self, events: Sequence[RiskEventRow]) -> int:
        rows = [{**event_row(event, {}), "entry": None} for event in events]

        async def work(connection: AsyncConnection) -> int:
            if not rows:
                return 0
            put = insert_into(connection, RISK_EVENTS).on_conflict_do_nothing().returning(RISK_EVENTS.c.id)
            return len((await connection.execute(put, rows)).all())

        return await self._database.write(work)

    async def forget(self) -> None:
        async def work(connection: AsyncConnection) -> None:
            for table in (EXECUTIONS, ORDERS, POSITIONS, PNL, RISK_LIMITS, RISK_EVENTS):
                await connection.execute(sa.delete(table).where(table.c.entry.is_not(None)))
            for table in (PROGRESS, FOLDS):
                await connection.execute(sa.delete(table).where(table.c.source == _SOURCE))

        await self._database.write(work, timeout_s=_FORGET_S)

    async def order(self, account: str, client_order_id: str) -> OrderRow | None:
        mine = (ORDERS.c.account == account, ORDERS.c.client_order_id == client_order_id)
        found = await self._find(sa.select(ORDERS).where(*mine).order_by(ORDERS.c.accepted_entry.desc()).limit(1))
        return order_of(found[0]) if found else None

    async def orders(self, choice: Choice, *, after: str = "", limit: int = 1_000) -> list[tuple[str, OrderRow]]:
        query = _chosen(ORDERS, choice, ORDERS.c.id).where(ORDERS.c.entry.is_not(None)).limit(limit)
        found = await self._find(query.where(ORDERS.c.id > after) if after else query)
        return [(str(row["id"]), order_of(row)) for row in found]

    async def executions(self, choice: Choice) -> list[ExecutionRow]:
        of = (ORDERS.c.client_order_id, ORDERS.c.accepted_entry)
        joined = EXECUTIONS.join(ORDERS, EXECUTIONS.c.order_id == ORDERS.c.id)
        chosen = _chosen(EXECUTIONS, choice, EXECUTIONS.c.filled_at, EXECUTIONS.c.id).where(EXECUTIONS.c.entry.is_not(None))
        return [execution_of(row) for row in await self._find(chosen.select_from(joined).add_columns(*of))]

    async def positions(self, choice: Choice) -> list[PositionRow]:
        query = _chosen(POSITIONS, choice, POSITIONS.c.account, POSITIONS.c.bot, POSITIONS.c.symbol)
        return [position_of(row) for row in await self._find(query)]

    async def pnl(self, choice: Choice) -> list[PnlRow]:
        query = _chosen(PNL, choice, PNL.c.trading_day, PNL.c.account, PNL.c.bot, PNL.c.symbol)
        return [pnl_of(row) for row in await self._find(query)]

    async def statement(self, account: str, trading_day: int) -> SettlementStatement | None:
        mine = (SETTLEMENTS.c.account == account, SETTLEMENTS.c.trading_day == trading_day)
        found = await self._find(sa.select(SETTLEMENTS).where(*mine))
        return statement_of(found[0]) if found else None

    async def statement_days(self, account: str) -> list[int]:
        day = SETTLEMENTS.c.trading_day
        found = await self._find(sa.select(day).where(SETTLEMENTS.c.account == account).order_by(day))
        return [row["trading_day"] for row in found]

    async def limits(self) -> list[LimitRow]:
        return [limit_of(row) for row in await self._find(sa.select(RISK_LIMITS).order_by(RISK_LIMITS.c.scope))]

    async def risk_events(self, *, kind: str = "", limit: int = 1_000) -> list[RiskEventRow]:
        query = sa.select(RISK_EVENTS).order_by(RISK_EVENTS.c.at.desc(), RISK_EVENTS.c.id.desc()).limit(limit)
        found = await self._find(query.where(RISK_EVENTS.c.kind == kind) if kind else query)
        return [event_of(row) for row in found]

    async def drop_before(self, table: TradingTable, instant_ns: int) -> int:
        drop = _drop_orders if table == "orders" else _drop_events
        return await self._database.write(lambda connection: drop(connection, instant_ns))

    async def close(self) -> None:
        await self._database.close()

    async def _find(self, query: sa.Select[Any]) -> list[sa.RowMapping]:
        async def work(connection: AsyncConnection) -> list[sa.RowMapping]:
            return list((await connection.execute(query)).mappings())

        return await self._database.read(work)


def _progress(told: Told) -> dict[str, object]:
    return {"entry": told.entry, "mark": told.mark, "origin": told.origin}


async def _told(connection: AsyncConnection, *, lock: bool = False) -> Told:
    query = sa.select(PROGRESS).where(PROGRESS.c.source == _SOURCE)
    row = (await connection.execute(query.with_for_update() if lock else query)).first()
    return Told() if row is None else Told(entry=row.entry, mark=row.mark, origin=row.origin)


async def _keep_rows(connection: AsyncConnection, news: RecordBatch) -> None:
    named = {execution.order for execution in news.executions.values()} | news.orders.keys()
    ids = await ids_of(connection, named | {event.order for event in news.events.values() if event.order is not None})
    await put_rows(connection, ORDERS, [order_row(row, ids) for row in news.orders.values()], first=("created_at",))
    executions = [execution_row(row, ids) for row in news.executions.values()]
    if executions:
        await connection.execute(insert_into(connection, EXECUTIONS).on_conflict_do_nothing(), executions)
    for table, rows in ((POSITIONS, news.positions.values()), (PNL, news.pnl.values())):
        await put_rows(connection, table, [{**_fields(row), "bot_id": bot_uuid(row.bot)} for row in rows])
    await put_rows(connection, RISK_LIMITS, [_fields(row) for row in news.limits.values()])
    await put_rows(connection, RISK_EVENTS, [event_row(row, ids) for row in news.events.values()])


def _fields(row: PositionRow | PnlRow | LimitRow) -> dict[str, object]:
    return {name: getattr(row, name) for name in row.__struct_fields__}


def _chosen(table: sa.Table, choice: Choice, *order: sa.Column[Any]) -> sa.Select[Any]:
    query = sa.select(table).order_by(*order)
    if choice.account:
        query = query.where(table.c.account == choice.account)
    if choice.bot is not None:
        query = query.where(table.c.bot == choice.bot)
    if choice.symbol:
        query = query.where(table.c.symbol == choice.symbol)
    if "trading_day" in table.c:
        if choice.first_day:
            query = query.where(table.c.trading_day >= choice.first_day)
        if choice.last_day:
            query = query.where(table.c.trading_day <= choice.last_day)
    return query


async def _drop_orders(connection: AsyncConnection, instant_ns: int) -> int:
    old = sa.select(ORDERS.c.id).where(ORDERS.c.created_at < instant_ns, ORDERS.c.status.in_(FINISHED))
    ids = [row.id for row in await connection.execute(old.order_by(ORDERS.c.created_at).limit(_SLICE))]
    if not ids:
        return 0
    fills = (await connection.execute(sa.delete(EXECUTIONS).where(EXECUTIONS.c.order_id.in_(ids)))).rowcount
    return fills + (await connection.execute(sa.delete(ORDERS).where(ORDERS.c.id.in_(ids)))).rowcount


async def _drop_events(connection: AsyncConnection, instant_ns: int) -> int:
    old = sa.select(RISK_EVENTS.c.id).where(RISK_EVENTS.c.at < instant_ns).order_by(RISK_EVENTS.c.at).limit(_SLICE)
    return (await connection.execute(sa.delete(RISK_EVENTS).where(RISK_EVENTS.c.id.in_(old)))).rowcount
