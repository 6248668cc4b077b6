"""The tables of orders and their events, and beside them what tells newer from older and new from repeated."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None

_DECIMAL = sa.Numeric().with_variant(sa.DECIMAL(), "sqlite")


def upgrade() -> None:
    """Make the tables. Where another program has made the two documented ones already, they are taken as they are."""
    op.create_table(
        "order_history",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("exchange_order_id", sa.String()),
        sa.Column("portfolio_id", sa.String(), nullable=False),
        sa.Column("symbol", sa.String(), nullable=False),
        sa.Column("direction", sa.String(), nullable=False),
        sa.Column(sa.quoted_name("offset", quote=True), sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("volume_orign", sa.Integer()),
        sa.Column("volume_left", sa.Integer()),
        sa.Column("filled_quantity", sa.Integer()),
        sa.Column("limit_price", _DECIMAL),
        sa.Column("trade_price", _DECIMAL),
        sa.Column("insert_date_time", sa.BigInteger()),
        sa.Column("created_at", sa.TIMESTAMP(), server_default=sa.func.now()),
        sa.Column("updated_at", sa.TIMESTAMP(), server_default=sa.func.now()),
        if_not_exists=True,
    )
    op.create_table(
        "order_event",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("order_id", sa.String(), nullable=False),
        sa.Column("portfolio_id", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("msg", sa.JSON().with_variant(JSONB(), "postgresql")),
        sa.Column("created_at", sa.TIMESTAMP(), server_default=sa.func.now()),
        if_not_exists=True,
    )
    op.create_table(
        "order_history_rank",
        sa.Column("order_id", sa.String(), primary_key=True),
        sa.Column("finished", sa.Boolean()),
        sa.Column("status_filled", sa.Integer()),
        sa.Column("status_ns", sa.BigInteger()),
        sa.Column("status_sequence", sa.BigInteger()),
        sa.Column("fill_ns", sa.BigInteger()),
        sa.Column("fill_sequence", sa.BigInteger()),
    )
    op.create_table(
        "order_event_identity",
        sa.Column("order_id", sa.String(), primary_key=True),
        sa.Column("kind", sa.String(), primary_key=True),
        sa.Column("identity", sa.String(), primary_key=True),
    )
    op.create_index("order_history_by_portfolio", "order_history", ["portfolio_id"], if_not_exists=True)
    op.create_index("order_event_by_order", "order_event", ["order_id"], if_not_exists=True)
