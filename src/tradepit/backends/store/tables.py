"""The store's tables as SQLAlchemy speaks of them: those of the wire contract, and beside them what only the store needs."""

from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator, TypeEngine, UserDefinedType

from tradepit.wire.order_tables import (
    ORDER_EVENT,
    ORDER_EVENT_COLUMNS,
    ORDER_EVENT_KEY,
    ORDER_HISTORY,
    ORDER_HISTORY_COLUMNS,
    ORDER_HISTORY_KEY,
    Column,
)


class _SqliteDecimal(UserDefinedType[Any]):
    cache_ok = True

    def get_col_spec(self, **_: object) -> str:
        return "DECIMAL"


class Price(TypeDecorator[Decimal]):
    """DECIMAL without bounds. SQLite keeps a number with 15 exact digits, which is what a price has at most."""

    impl = sa.Numeric
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(_SqliteDecimal() if dialect.name == "sqlite" else sa.Numeric())

    def process_bind_param(self, value: Decimal | None, dialect: sa.Dialect) -> Any:  # noqa: ANN401 - what the driver takes
        return str(value) if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> Decimal | None:  # noqa: ANN401 - what the driver gives
        del dialect
        return None if value is None else Decimal(str(value))


_TYPES: dict[str, TypeEngine[Any]] = {
    "text": sa.String(),
    "lots": sa.Integer(),
    "price": Price(),
    "instant_ns": sa.BigInteger(),
    "json": sa.JSON().with_variant(JSONB(), "postgresql"),
    "serial": sa.Integer(),
    "row_time": sa.TIMESTAMP(),
}

METADATA = sa.MetaData()


def _table(name: str, columns: tuple[Column, ...], key: str) -> sa.Table:
    return sa.Table(
        name,
        METADATA,
        *(
            sa.Column(
                # Quoted wherever it appears: one of them, offset, is a reserved word.
                sa.quoted_name(column.name, quote=True),
                _TYPES[column.kind],
                key=column.field or column.name,
                primary_key=column.name == key,
                nullable=not column.required,
                server_default=sa.func.now() if column.kind == "row_time" else None,
            )
            for column in columns
        ),
    )


ORDERS = _table(ORDER_HISTORY, ORDER_HISTORY_COLUMNS, ORDER_HISTORY_KEY)
EVENTS = _table(ORDER_EVENT, ORDER_EVENT_COLUMNS, ORDER_EVENT_KEY)
RANKS = sa.Table(
    "order_history_rank",
    METADATA,
    sa.Column("order_id", sa.String(), primary_key=True),
    sa.Column("finished", sa.Boolean()),
    sa.Column("status_filled", sa.Integer()),
    sa.Column("status_ns", sa.BigInteger()),
    sa.Column("status_sequence", sa.BigInteger()),
    sa.Column("fill_ns", sa.BigInteger()),
    sa.Column("fill_sequence", sa.BigInteger()),
)
IDENTITIES = sa.Table(
    "order_event_identity",
    METADATA,
    sa.Column("order_id", sa.String(), primary_key=True),
    sa.Column("kind", sa.String(), primary_key=True),
    sa.Column("identity", sa.String(), primary_key=True),
)
