"""The tables in which other programs look up TqSDK orders: their columns, spelled as those programs spell them."""

from typing import Literal

import msgspec

ColumnKind = Literal["text", "lots", "price", "instant_ns", "json", "serial", "row_time"]


class Column(msgspec.Struct, frozen=True):
    """A column, and the field of the row's record that it holds; a field is empty where the database fills the column itself."""

    name: str
    field: str
    kind: ColumnKind = "text"
    required: bool = False


ORDER_HISTORY = "order_history"
ORDER_HISTORY_KEY = "id"
ORDER_HISTORY_COLUMNS = (
    Column("id", "order_id", required=True),
    Column("exchange_order_id", "exchange_order_id"),
    Column("portfolio_id", "portfolio_id", required=True),
    Column("symbol", "symbol", required=True),
    Column("direction", "side", required=True),
    Column("offset", "offset", required=True),
    Column("status", "status", required=True),
    Column("volume_orign", "volume_lots", "lots"),
    Column("volume_left", "left_lots", "lots"),
    Column("filled_quantity", "filled_lots", "lots"),
    Column("limit_price", "limit_price", "price"),
    Column("trade_price", "trade_price", "price"),
    Column("insert_date_time", "inserted_ns", "instant_ns"),
    Column("created_at", "", "row_time"),
    Column("updated_at", "", "row_time"),
)
UPDATED_AT = "updated_at"

ORDER_EVENT = "order_event"
ORDER_EVENT_KEY = "id"
ORDER_EVENT_COLUMNS = (
    Column("id", "", "serial", required=True),
    Column("order_id", "order_id", required=True),
    Column("portfolio_id", "portfolio_id", required=True),
    Column("status", "kind", required=True),
    Column("msg", "body", "json"),
    Column("created_at", "", "row_time"),
)

FINISHED = "FINISHED"
"""The status of a TqSDK order that can trade no more."""
