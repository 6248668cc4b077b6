"""The tables of records as SQLAlchemy speaks of them: those of the wire contract, and beside them where their writers stand."""

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, UUID
from sqlalchemy.types import TypeDecorator, TypeEngine

from tradepit.backends.store.tables import Price
from tradepit.wire import record_tables as wire

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Instant(TypeDecorator[int]):
    """UTC nanoseconds, kept to the microsecond: TIMESTAMPTZ, or on SQLite the text ``YYYY-MM-DD HH:MM:SS.ffffff`` in UTC."""

    impl = sa.TIMESTAMP(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: sa.Dialect) -> Any:  # noqa: ANN401 - what the driver takes
        if value is None:
            return None
        moment = moment_of(value)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> int | None:  # noqa: ANN401 - what the driver gives
        del dialect
        return None if value is None else ns_of(value)


def moment_of(time_ns: int) -> datetime:
    """An instant as PostgreSQL's driver takes it."""
    return _EPOCH + timedelta(microseconds=time_ns // 1_000)


def ns_of(moment: datetime) -> int:
    """An instant as it comes from a driver: with its offset, or in UTC."""
    told = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return (told - _EPOCH) // _MICROSECOND * 1_000


class Exact(Price):
    """A number as exact as the database keeps it; SQLite keeps fifteen digits."""

    cache_ok = True


_JSON = sa.JSON().with_variant(JSONB(), "postgresql")
_TYPES: dict[wire.Kind, TypeEngine[Any]] = {
    "instant": Instant(),
    "text": sa.Text(),
    "number": Exact(),
    "lots": sa.BigInteger(),
    "id": sa.String(36).with_variant(UUID(as_uuid=False), "postgresql"),
    "json": _JSON,
    "day": sa.Integer(),
    "entry": sa.BigInteger(),
    "flag": sa.Boolean(),
}
RECORDS = sa.MetaData()


def _table(table: wire.RecordTable, *more: sa.schema.SchemaItem) -> sa.Table:
    return sa.Table(
        table.name,
        RECORDS,
        *(
            sa.Column(
                # Quoted wherever they appear: some are reserved words.
                sa.quoted_name(column.name, quote=True),
                _TYPES[column.kind],
                key=column.name,
                primary_key=column.name in table.key,
                nullable=not (column.required or column.name in table.key),
            )
            for column in table.columns
        ),
        *more,
    )


TICKS = _table(wire.TICKS)
BARS = {"1s": _table(wire.BARS_1S), "1m": _table(wire.BARS_1M)}
ORDERS = _table(wire.ORDERS)
EXECUTIONS = _table(wire.EXECUTIONS, sa.ForeignKeyConstraint(["order_id"], ["orders.id"]))
POSITIONS = _table(wire.POSITIONS)
PNL = _table(wire.PNL)
SETTLEMENTS = _table(wire.SETTLEMENTS)
RISK_LIMITS = _table(wire.RISK_LIMITS)
RISK_EVENTS = _table(wire.RISK_EVENTS)
PROGRESS = sa.Table(
    "record_progress",
    RECORDS,
    sa.Column("source", sa.Text(), primary_key=True),
    sa.Column("entry", sa.BigInteger(), nullable=False),
    sa.Column("mark", sa.Text(), nullable=False),
    sa.Column("origin", sa.Text(), nullable=False),
)
FOLDS = sa.Table(
    "record_folds",
    RECORDS,
    sa.Column("source", sa.Text(), primary_key=True),
    sa.Column("place", sa.BigInteger(), nullable=False),
    sa.Column("mark", sa.Text(), nullable=False),
    sa.Column("origin", sa.Text(), nullable=False),
    sa.Column("body", sa.LargeBinary(), nullable=False),
)
PLACES = sa.Table(
    "tick_places",
    RECORDS,
    sa.Column("symbol", sa.Text(), primary_key=True),
    sa.Column("run", sa.Text(), nullable=False),
    sa.Column("sequence", sa.BigInteger(), nullable=False),
    sa.Column("ts", Instant(), nullable=False),
)
