"""The bot platform's tables of records: ticks and bars, orders and executions, positions, results, settlements, risk."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB, UUID

revision = "0002"
down_revision = "0001"

_NUMBER = sa.Numeric().with_variant(sa.DECIMAL(), "sqlite")
_ID = sa.String(36).with_variant(UUID(as_uuid=False), "postgresql")
_JSON = sa.JSON().with_variant(JSONB(), "postgresql")
_INSTANT = sa.TIMESTAMP(timezone=True)
_SQLITE_NOW = sa.text("(strftime('%Y-%m-%d %H:%M:%f000', 'now'))")
_SQLITE_ID = sa.text(
    "(lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-a'"
    " || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))))"
)


def upgrade() -> None:
    """Make the tables. Where another program has made documented ones already, they keep their rows and get the columns they lack."""
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    now = _SQLITE_NOW if on_sqlite else sa.func.now()
    new_id = _SQLITE_ID if on_sqlite else sa.text("gen_random_uuid()")
    _make_ticks()
    for name in ("bars_1s", "bars_1m"):
        _make_bars(name)
    _make_orders(now, new_id)
    _make_executions(now, new_id)
    _make_results()
    _make_risk()
    op.create_table(
        "record_progress",
        sa.Column("source", sa.Text(), primary_key=True),
        sa.Column("entry", sa.BigInteger(), nullable=False),
        sa.Column("mark", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
    )
    op.create_table(
        "record_folds",
        sa.Column("source", sa.Text(), primary_key=True),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.Column("mark", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "tick_places",
        sa.Column("symbol", sa.Text(), primary_key=True),
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("ts", _INSTANT, nullable=False),
    )


def _column(name: str, kind: Any, *, required: bool = False, default: Any = None) -> "sa.Column[Any]":  # noqa: ANN401 - as Alembic
    return sa.Column(sa.quoted_name(name, quote=True), kind, nullable=not required, server_default=default)


def _columns(kind: Any, *names: str, required: bool = False) -> "list[sa.Column[Any]]":  # noqa: ANN401 - as Alembic
    return [_column(name, kind, required=required) for name in names]


def _make(name: str, documented: "list[sa.schema.SchemaItem]", ours: "list[sa.Column[Any]]", **how: Any) -> bool:  # noqa: ANN401 - as Alembic
    """Make a documented table, or give the one that is there what it lacks of ours; True when it is new."""
    inspector = sa.inspect(op.get_bind())
    if not inspector.has_table(name):
        op.create_table(name, *documented, *ours, **how)
        return True
    found = {column["name"] for column in inspector.get_columns(name)}
    for column in ours:
        if column.name not in found:
            op.add_column(name, column)
    return False


def _make_ticks() -> None:
    bind = op.get_bind()
    on_postgres = bind.dialect.name == "postgresql"
    has_timescale = on_postgres and bool(
        bind.execute(sa.text("SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'")).first()
    )
    partitioned = on_postgres and not has_timescale
    is_new = _make(
        "ticks",
        [
            _column("ts", _INSTANT, required=True),
            _column("symbol", sa.Text(), required=True),
            *_columns(_NUMBER, "price", "volume", required=True),
            sa.PrimaryKeyConstraint("ts", "symbol"),
        ],
        [
            _column("exchange", sa.Text()),
            _column("trading_day", sa.Integer()),
            *_columns(sa.BigInteger(), "day_volume", "open_interest"),
            _column("bid_price", _NUMBER),
            _column("bid_volume", sa.BigInteger()),
            _column("ask_price", _NUMBER),
            _column("ask_volume", sa.BigInteger()),
        ],
        **({"postgresql_partition_by": "RANGE (ts)"} if partitioned else {}),
    )
    if is_new and has_timescale:
        op.execute("SELECT create_hypertable('ticks', by_range('ts', INTERVAL '1 day'), if_not_exists => TRUE)")
    if is_new and partitioned:
        # For rows of days that nobody has made a partition for: those of other programs above all.
        op.execute("CREATE TABLE ticks_rest PARTITION OF ticks DEFAULT")
    op.create_index("ticks_by_symbol", "ticks", ["symbol", "ts"], if_not_exists=True)


def _make_bars(name: str) -> None:
    op.create_table(
        name,
        _column("symbol", sa.Text(), required=True),
        _column("ts", _INSTANT, required=True),
        *_columns(_NUMBER, "open", "high", "low", "close", "volume", required=True),
        _column("count", sa.BigInteger(), required=True),
        sa.PrimaryKeyConstraint("symbol", "ts"),
    )
    op.create_index(f"{name}_by_time", name, ["ts"])


def _make_orders(now: Any, new_id: Any) -> None:  # noqa: ANN401 - as Alembic
    _make(
        "orders",
        [
            _column("id", _ID, required=True, default=new_id),
            _column("bot_id", _ID, required=True),
            *_columns(sa.Text(), "symbol", "side", required=True),
            _column("qty", _NUMBER, required=True),
            _column("price", _NUMBER),
            _column("status", sa.Text(), required=True, default="new"),
            _column("provider_order_id", sa.Text()),
            *(_column(name, _INSTANT, required=True, default=now) for name in ("created_at", "updated_at")),
            sa.PrimaryKeyConstraint("id"),
            sa.CheckConstraint("side in ('buy','sell')"),
        ],
        [
            *_columns(sa.Text(), "account", "client_order_id", "bot", "exchange", "offset", "order_type"),
            _column("filled_qty", _NUMBER, required=True, default=sa.text("0")),
            _column("left_qty", _NUMBER),
            *_columns(sa.Text(), "reason", "reference"),
            *_columns(sa.BigInteger(), "sequence", "accepted_entry", "entry"),
        ],
    )
    op.create_index("orders_by_client_order", "orders", ["account", "client_order_id"], if_not_exists=True)
    op.create_index("orders_by_time", "orders", ["created_at"], if_not_exists=True)


def _make_executions(now: Any, new_id: Any) -> None:  # noqa: ANN401 - as Alembic
    _make(
        "executions",
        [
            _column("id", _ID, required=True, default=new_id),
            _column("order_id", _ID, required=True),
            *_columns(_NUMBER, "fill_qty", "fill_price", required=True),
            _column("fee", _NUMBER, required=True, default=sa.text("0")),
            _column("filled_at", _INSTANT, required=True, default=now),
            sa.PrimaryKeyConstraint("id"),
            sa.ForeignKeyConstraint(["order_id"], ["orders.id"]),
        ],
        [
            *_columns(sa.Text(), "account", "bot", "symbol", "exchange", "side", "offset", "trade_id"),
            _column("trading_day", sa.Integer()),
            _column("entry", sa.BigInteger()),
        ],
    )
    op.create_index("executions_by_order", "executions", ["order_id"], if_not_exists=True)
    op.create_index("executions_by_day", "executions", ["trading_day", "account"], if_not_exists=True)


def _owner() -> "list[sa.Column[Any]]":
    return [*_columns(sa.Text(), "account", "bot", required=True), _column("bot_id", _ID, required=True)]


def _told() -> "list[sa.Column[Any]]":
    return [_column("currency", sa.Text()), _column("updated_at", _INSTANT)]


def _make_results() -> None:
    op.create_table(
        "positions",
        *_owner(),
        _column("symbol", sa.Text(), required=True),
        _column("lots", sa.BigInteger(), required=True),
        _column("open_price", _NUMBER),
        *_columns(_NUMBER, "open_cost", "multiplier", "realized", "fees", required=True),
        *_told(),
        _column("entry", sa.BigInteger()),
        sa.PrimaryKeyConstraint("account", "bot", "symbol"),
    )
    op.create_table(
        "pnl",
        _column("trading_day", sa.Integer(), required=True),
        *_owner(),
        _column("symbol", sa.Text(), required=True),
        _column("realized", _NUMBER, required=True),
        _column("mark_to_market", _NUMBER),
        _column("fees", _NUMBER, required=True),
        _column("net", _NUMBER),
        _column("volume", _NUMBER, required=True),
        *_columns(sa.BigInteger(), "fills", "lots", required=True),
        *_columns(_NUMBER, "day_cost", "multiplier", required=True),
        _column("settled", sa.Boolean(), required=True, default=sa.false()),
        *_told(),
        _column("entry", sa.BigInteger()),
        sa.PrimaryKeyConstraint("trading_day", "account", "bot", "symbol"),
    )
    amounts = ("opening", "deposits", "withdrawals", "realised", "mark_to_market", "fees", "closing", "margin", "available")
    op.create_table(
        "settlements",
        _column("trading_day", sa.Integer(), required=True),
        _column("account", sa.Text(), required=True),
        _column("currency", sa.Text()),
        *_columns(_NUMBER, *amounts, required=True),
        _column("positions", _JSON),
        _column("updated_at", _INSTANT),
        sa.PrimaryKeyConstraint("trading_day", "account"),
    )


def _make_risk() -> None:
    op.create_table(
        "risk_limits",
        _column("scope", sa.Text(), required=True),
        _column("limits", _JSON),
        *_columns(sa.Text(), "who", "reason"),
        _column("set_at", _INSTANT),
        _column("entry", sa.BigInteger()),
        sa.PrimaryKeyConstraint("scope"),
    )
    words = ("severity", "account", "bot", "symbol", "scope", "code", "rule", "limit_value", "value", "message", "who")
    op.create_table(
        "risk_events",
        *_columns(sa.Text(), "id", "kind", required=True),
        _column("at", _INSTANT, required=True),
        *_columns(sa.Text(), *words),
        _column("order_id", _ID),
        _column("entry", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("risk_events_by_time", "risk_events", ["at"])
