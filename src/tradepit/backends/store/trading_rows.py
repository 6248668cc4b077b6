"""Rows of the records of trading as a database takes them and gives them back, and the ids by which orders are found there."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tradepit.backends.store.record_tables import ORDERS
from tradepit.trading.ledger.statement import SettlementStatement
from tradepit.trading.model.position import Position
from tradepit.trading.model.terms import OrderStatus
from tradepit.trading.records.row_ids import bot_uuid, order_uuid, other_order_uuid
from tradepit.trading.records.rows import (
    ExecutionRow,
    LimitRow,
    OrderKey,
    OrderRow,
    PnlRow,
    PositionRow,
    RiskEventRow,
)

Ids = Mapping[OrderKey, str]
FINISHED = tuple(status.value.lower() for status in OrderStatus if status.terminal)
_BATCH = 500
_AMOUNTS = ("opening", "deposits", "withdrawals", "realised", "mark_to_market", "fees", "closing", "margin", "available")
_ORDER_FIELDS = tuple(name for name in OrderRow.__struct_fields__)
_EVENT_FIELDS = tuple(name for name in RiskEventRow.__struct_fields__ if name != "order")
_FILL_FIELDS = tuple(name for name in ExecutionRow.__struct_fields__ if name != "order")


async def ids_of(connection: AsyncConnection, keys: Iterable[OrderKey]) -> dict[OrderKey, str]:
    """The ids of orders: those under which they are kept, and for new ones their own, or another where that is taken."""
    wanted = sorted(keys, key=lambda key: (key[2], key))
    taken: dict[str, OrderKey] = {}
    for start in range(0, len(wanted), _BATCH):
        part = wanted[start : start + _BATCH]
        asked = {order_uuid(*key[:2]) for key in part} | {other_order_uuid(*key) for key in part}
        query = sa.select(ORDERS.c.id, ORDERS.c.account, ORDERS.c.client_order_id, ORDERS.c.accepted_entry)
        for row in await connection.execute(query.where(ORDERS.c.id.in_(sorted(asked)))):
            taken[str(row.id)] = (row.account, row.client_order_id, row.accepted_entry)
    found = {}
    for key in wanted:
        own, other = order_uuid(*key[:2]), other_order_uuid(*key)
        found[key] = own if other not in taken and taken.get(own, key) == key else other
        taken[found[key]] = key
    return found


def order_row(row: OrderRow, ids: Ids) -> dict[str, object]:
    """What is kept of an order."""
    told: dict[str, object] = {name: getattr(row, name) for name in _ORDER_FIELDS}
    return told | {"id": ids[row.key], "bot_id": bot_uuid(row.bot)}


def execution_row(row: ExecutionRow, ids: Ids) -> dict[str, object]:
    """What is kept of a fill."""
    told: dict[str, object] = {name: getattr(row, name) for name in _FILL_FIELDS}
    return told | {"order_id": ids[row.order]}


def event_row(row: RiskEventRow, ids: Ids) -> dict[str, object]:
    """What is kept of an event."""
    told: dict[str, object] = {name: getattr(row, name) for name in _EVENT_FIELDS}
    return told | {"order_id": ids.get(row.order) if row.order is not None else None}


def statement_row(statement: SettlementStatement, time_ns: int) -> dict[str, object]:
    """What is kept of a statement."""
    told: dict[str, object] = {name: getattr(statement, name) for name in ("trading_day", "account", "currency", *_AMOUNTS)}
    return told | {"positions": msgspec.json.encode(statement.positions).decode(), "updated_at": time_ns}


def order_of(row: Mapping[Any, Any]) -> OrderRow:
    """A row as an order."""
    return OrderRow(**{**{name: row[name] for name in _ORDER_FIELDS}, **_lots(row, "qty", "filled_qty", "left_qty")})


def execution_of(row: Mapping[Any, Any]) -> ExecutionRow:
    """A row, joined with its order's, as a fill."""
    told = (
        {name: row[name] for name in _FILL_FIELDS}
        | {"id": str(row["id"]), "order_id": str(row["order_id"])}
        | _lots(row, "fill_qty")
    )
    return ExecutionRow(**told, order=(row["account"], row["client_order_id"], row["accepted_entry"]))


def position_of(row: Mapping[Any, Any]) -> PositionRow:
    """A row as a position."""
    return PositionRow(**{name: row[name] for name in PositionRow.__struct_fields__})


def pnl_of(row: Mapping[Any, Any]) -> PnlRow:
    """A row as a day's result."""
    return PnlRow(**{name: row[name] for name in PnlRow.__struct_fields__} | _lots(row, "volume"))


def limit_of(row: Mapping[Any, Any]) -> LimitRow:
    """A row as a scope's limits."""
    return LimitRow(**{name: row[name] for name in LimitRow.__struct_fields__})


def event_of(row: Mapping[Any, Any]) -> RiskEventRow:
    """A row as an event; its order is left out."""
    return RiskEventRow(**{name: row[name] for name in _EVENT_FIELDS} | {"entry": row["entry"] or 0})


def statement_of(row: Mapping[Any, Any]) -> SettlementStatement:
    """A row as a statement."""
    amounts = {name: row[name] for name in ("trading_day", "account", "currency", *_AMOUNTS)}
    return SettlementStatement(**amounts, positions=msgspec.json.decode(row["positions"], type=tuple[Position, ...]))


def _lots(row: Mapping[Any, Any], *names: str) -> dict[str, Any]:
    return {name: int(row[name] or 0) for name in names}
