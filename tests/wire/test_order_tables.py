"""The order tables' columns, in the order and with the words of the TqSDK documents."""

from tradepit.wire.order_tables import ORDER_EVENT_COLUMNS, ORDER_HISTORY_COLUMNS


def test_the_columns_are_those_of_the_documents() -> None:
    assert [column.name for column in ORDER_HISTORY_COLUMNS] == [
        "id", "exchange_order_id", "portfolio_id", "symbol", "direction", "offset", "status", "volume_orign", "volume_left",
        "filled_quantity", "limit_price", "trade_price", "insert_date_time", "created_at", "updated_at",
    ]  # fmt: skip
    assert [column.name for column in ORDER_EVENT_COLUMNS] == ["id", "order_id", "portfolio_id", "status", "msg", "created_at"]


def test_what_may_be_missing_is_what_the_documents_let_be_missing() -> None:
    required = {column.name for column in ORDER_HISTORY_COLUMNS if column.required}
    assert required == {"id", "portfolio_id", "symbol", "direction", "offset", "status"}
