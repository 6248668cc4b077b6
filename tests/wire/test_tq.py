"""The broker connect's contract: the documents' own JSON, byte for byte in both directions, and both shapes of every request."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.model.account import Account
from tradepit.trading.model.errors import BadRequest, TradepitError
from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.position import Position
from tradepit.trading.model.terms import Exchange, Offset, OrderStatus, OrderType, Side
from tradepit.wire import tq, tq_flat
from tradepit.wire.tq_codec import (
    account_update,
    breakdowns,
    cached_account,
    cached_breakdown,
    encode,
    event_type,
    from_timestamp,
    order_update,
    position_update,
    read_update,
    refusal,
)
from tradepit.wire.tq_requests import Cancel, Salvaged, Submit, intent_of, read_request, salvage

GOLDEN = Path(__file__).parent / "golden"
SENT_NS = 1_766_053_800_000_000_000  # 2025-12-18T10:30:00Z
REBAR = load_catalog().instrument("rb2505", on=date(2025, 1, 6), listing_price=Decimal(3500))
SUBMIT = Submit(
    order_id="unique-order-id",
    portfolio_id="1234567890",
    exchange=Exchange.SHFE,
    symbol="rb2505",
    side=Side.BUY,
    offset=Offset.OPEN,
    volume_lots=10,
    limit_price=Decimal("3500.0"),
    sent_ns=SENT_NS,
)
FLAT: dict[str, Any] = {
    "symbol": "SHFE.rb2505",
    "direction": "BUY",
    "offset": "OPEN",
    "volume": 1,
    "limit_price": 3500.0,
    "order_id": "o1",
    "portfolio_id": "p1",
}


def golden(name: str) -> bytes:
    return (GOLDEN / f"tq_{name}.json").read_bytes().rstrip(b"\n")


def pretty(value: object) -> bytes:
    """What we emit, laid out as the document lays it out."""
    return msgspec.json.format(encode(value), indent=2)


def test_a_submit_is_read_as_the_document_writes_it_and_written_as_it_is_read() -> None:
    assert read_request(golden("submit")) == SUBMIT
    assert pretty(msgspec.json.decode(golden("submit"), type=tq.SubmitMessage)) == golden("submit")


def test_a_cancel() -> None:
    told = read_request(golden("cancel"))
    assert told == Cancel(order_id="unique-order-id", portfolio_id="1234567890", sent_ns=SENT_NS + 60_000_000_000)
    assert pretty(msgspec.json.decode(golden("cancel"), type=tq.CancelMessage)) == golden("cancel")


def test_a_flat_order() -> None:
    told = read_request(golden("flat_order"))
    assert told == msgspec.structs.replace(SUBMIT, portfolio_id="your_portfolio_id", volume_lots=1, sent_ns=0)
    assert pretty(msgspec.json.decode(golden("flat_order"), type=tq_flat.FlatOrder)) == golden("flat_order")


def test_flat_requests_with_action_and_nanoseconds() -> None:
    order = read_request(msgspec.json.encode({**FLAT, "action": "SUBMIT", "timestamp": SENT_NS}))
    assert isinstance(order, Submit)
    assert order.sent_ns == SENT_NS
    body = {"action": "CANCEL", "type": "order_id", "order_id": "o1", "contract_code": "", "portfolio_id": "p1"}
    assert read_request(msgspec.json.encode(body)) == Cancel(order_id="o1", portfolio_id="p1")
    assert read_request(b'{"type":"CANCEL","order_id":"o1","portfolio_id":"p1"}') == Cancel(order_id="o1", portfolio_id="p1")


def test_an_order_without_price_is_a_market_order_and_says_so_by_leaving_it_out() -> None:
    body = {name: value for name, value in FLAT.items() if name != "limit_price"}
    order = read_request(msgspec.json.encode(body))
    assert isinstance(order, Submit)
    intent = intent_of(order, REBAR, "A1")
    assert (intent.order_type, intent.price_ticks, intent.account) == (OrderType.MARKET, 0, "A1")
    assert b"limit_price" not in encode(msgspec.convert(body, tq_flat.FlatOrder))


def test_prices_become_ticks_exactly() -> None:
    index = load_catalog().instrument("IF2501", on=date(2025, 1, 6), listing_price=Decimal(3900))
    order = read_request(msgspec.json.encode({**FLAT, "symbol": "CFFEX.IF2501", "limit_price": 3900.2}))
    assert isinstance(order, Submit)
    assert intent_of(order, index, "A1").price_ticks == 19_501
    with pytest.raises(BadRequest, match="not listed there"):
        intent_of(msgspec.structs.replace(order, exchange=Exchange.SHFE), index, "A1")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"symbol": "rb2505"}, "INVALID_REQUEST"),
        ({"symbol": "HNX.VN30F2501"}, "INVALID_REQUEST"),
        ({"symbol": "SHFE."}, "ID_NOT_VALID"),
        ({"symbol": "SHFE.rb 2505"}, "ID_NOT_VALID"),
        ({"direction": "LONG"}, "INVALID_REQUEST"),
        ({"offset": "CLOSEYESTERDAY"}, "INVALID_REQUEST"),
        ({"volume": 0}, "VOLUME_NOT_VALID"),
        ({"volume": -1}, "VOLUME_NOT_VALID"),
        ({"volume": 1.5}, "VOLUME_NOT_VALID"),
        ({"volume": "1"}, "INVALID_REQUEST"),
        ({"volume": True}, "INVALID_REQUEST"),
        ({"volume": 10**30}, "VOLUME_NOT_VALID"),
        ({"limit_price": 0}, "PRICE_NOT_VALID"),
        ({"limit_price": -1.5}, "PRICE_NOT_VALID"),
        ({"limit_price": "3500"}, "INVALID_REQUEST"),
        ({"order_id": ""}, "ID_NOT_VALID"),
        ({"order_id": "a" * 65}, "ID_NOT_VALID"),
        ({"order_id": "a/b"}, "ID_NOT_VALID"),
        ({"order_id": 7}, "INVALID_REQUEST"),
        ({"portfolio_id": "帐户"}, "ID_NOT_VALID"),
        ({"timestamp": -5}, "INVALID_REQUEST"),
        ({"timestamp": "yesterday"}, "INVALID_REQUEST"),
        ({"timestamp": "2025-12-18T10:30:00"}, "INVALID_REQUEST"),
        ({"timestamp": "9999-12-31T23:59:59Z"}, "INVALID_REQUEST"),
        ({"timestamp": "1969-12-31T23:59:59Z"}, "INVALID_REQUEST"),
        ({"action": "BUY"}, "INVALID_REQUEST"),
        ({"action": "CANCEL", "type": "all"}, "INVALID_REQUEST"),
        ({"payload": 3, "type": "SUBMIT"}, "INVALID_REQUEST"),
        ({"payload": {}, "type": "ORDER_UPDATE"}, "INVALID_REQUEST"),
    ],
)
def test_a_bad_request_is_refused_with_a_code(change: dict[str, Any], code: str) -> None:
    with pytest.raises(TradepitError) as caught:
        read_request(msgspec.json.encode({**FLAT, **change}))
    assert caught.value.reason_code == code


@pytest.mark.parametrize("payload", [b"", b"[]", b"{", b"\xff\xfe", b"null", b'"x"', b"[" * 60_000, b'{"limit_price":1e999}'])
def test_bytes_that_are_no_request(payload: bytes) -> None:
    with pytest.raises(BadRequest):
        read_request(payload)
    assert salvage(payload).order_id == ""


def test_a_request_that_is_too_large() -> None:
    with pytest.raises(BadRequest) as caught:
        read_request(b'{"order_id":"' + b"a" * 70_000 + b'"}')
    assert caught.value.reason_code == "PAYLOAD_TOO_LARGE"


def test_what_is_salvaged_of_a_bad_request() -> None:
    told = salvage(msgspec.json.encode({**FLAT, "volume": 1.5, "direction": "x" * 100}))
    assert told == Salvaged(order_id="o1", portfolio_id="p1", symbol="SHFE.rb2505", offset="OPEN", limit_price=3500.0)
    assert salvage(b'{"type":"SUBMIT","payload":{"order_id":"o2"}}').order_id == "o2"
    assert salvage(b'{"order_id":"a b"}').order_id == ""


def the_order(**more: object) -> Order:
    intent = OrderIntent(
        client_order_id="unique-order-id",
        account="A1",
        symbol="rb2505",
        exchange=Exchange.SHFE,
        side=Side.BUY,
        offset=Offset.OPEN,
        order_type=OrderType.LIMIT,
        price_ticks=3500,
        volume_lots=10,
    )
    order = Order(intent=intent, status=OrderStatus.FILLED, order_id="exchange-assigned-id", traded_lots=10)
    return msgspec.structs.replace(order, inserted_ns=1_734_521_405_000_000_000, **more)


def an_update(order: Order, price: Decimal | None) -> tq.OrderUpdate:
    return order_update(order, REBAR, portfolio_id="1234567890", trade_price=price, now_ns=SENT_NS + 5_999_999_999)


def test_an_order_update_is_the_documents() -> None:
    told = an_update(the_order(), Decimal("3498.5"))
    assert pretty(told) == golden("order_update")
    assert read_update(golden("order_update"), tq.OrderUpdate, "ORDER_UPDATE") == told
    assert from_timestamp(told.timestamp) == SENT_NS + 5_000_000_000


def test_what_has_not_traded_is_left_of_a_finished_order_too() -> None:
    told = an_update(the_order(status=OrderStatus.CANCELLED, traded_lots=4), None)
    assert (told.status, told.event_type, told.volume_left, told.filled_quantity) == ("FINISHED", "CANCELLED", 6, 4)
    assert told.trade_price is None


@pytest.mark.parametrize(
    ("status", "traded", "event"),
    [
        (OrderStatus.OPEN, 0, "NEW"),
        (OrderStatus.UNKNOWN, 0, "NEW"),
        (OrderStatus.PARTIAL, 3, "PARTIAL_FILL"),
        (OrderStatus.FILLED, 10, "COMPLETE_FILL"),
        (OrderStatus.CANCELLED, 0, "CANCELLED"),
        (OrderStatus.EXPIRED, 3, "CANCELLED"),
        (OrderStatus.REJECTED, 0, "REJECTED"),
        (OrderStatus.RISK_REJECTED, 0, "REJECTED"),
    ],
)
def test_events(status: OrderStatus, traded: int, event: str) -> None:
    assert event_type(the_order(status=status, traded_lots=traded)) == event


def test_a_refusal_tells_its_code_and_nothing_else_does() -> None:
    refused = an_update(the_order(status=OrderStatus.REJECTED, traded_lots=0, reason="OVER_CLOSE_POSITION"), None)
    assert encode(refused).endswith(b'"reason": "OVER_CLOSE_POSITION"}')
    assert b"reason" not in encode(an_update(the_order(reason="REMAINDER", status=OrderStatus.CANCELLED), None))
    door = refusal(Salvaged(order_id="o1", volume=3), portfolio_id="p1", reason="INVALID_REQUEST", now_ns=SENT_NS)
    assert (door.event_type, door.insert_date_time, door.portfolio_id, door.volume_left) == ("REJECTED", 0, "p1", 3)


def held(side: Side, today: int, yesterday: int) -> Position:
    return Position(account="A1", symbol="rb2505", exchange=Exchange.SHFE, side=side, today_lots=today, yesterday_lots=yesterday)


def test_a_position_update_is_the_documents() -> None:
    [(symbol, breakdown)] = breakdowns([held(Side.BUY, 5, 5), held(Side.SELL, 0, 0)]).items()
    told = position_update(symbol, breakdown, portfolio_id="1234567890", now_ns=SENT_NS + 5_000_000_000)
    assert pretty(told) == golden("position_update")
    assert read_update(golden("position_update"), tq.PositionUpdate, "POSITION_UPDATE") == told


def test_the_breakdown_key_begins_as_the_document_shows() -> None:
    [breakdown] = breakdowns([held(Side.BUY, 5, 10), held(Side.SELL, 1, 2)]).values()
    assert encode(cached_breakdown(breakdown)).startswith(b'{"pos_long_today": 5, "pos_long_his": 10, ')
    assert (breakdown.pos_long, breakdown.pos_short) == (15, 3)


def test_an_account_update_is_the_documents() -> None:
    account = Account(
        account="A1",
        pre_balance=Decimal(997_000),
        position_profit=Decimal(3_000),
        float_profit=Decimal(5_000),
        margin=Decimal(150_000),
        frozen_margin=Decimal(50_000),
    )
    told = account_update(account, portfolio_id="1234567890", now_ns=SENT_NS + 5_000_000_000)
    assert pretty(told) == golden("account_update")
    assert read_update(golden("account_update"), tq.AccountUpdate, "ACCOUNT_UPDATE") == told
    assert encode(cached_account(told)).startswith(b'{"balance": 1000000.0, "available": 800000.0, ')


@pytest.mark.parametrize("payload", [b"", b"[]", b"{}", b'{"type":"ACCOUNT_UPDATE"}', b"\xff", b"x" * 70_000])
def test_an_update_that_cannot_be_read(payload: bytes) -> None:
    with pytest.raises(BadRequest):
        read_update(payload, tq.OrderUpdate, "ORDER_UPDATE")


def test_an_update_of_another_type() -> None:
    with pytest.raises(BadRequest, match="POSITION_UPDATE"):
        read_update(golden("position_update").replace(b"POSITION_UPDATE", b"X"), tq.PositionUpdate, "POSITION_UPDATE")


def test_keys_and_child_ids_are_the_documents() -> None:
    assert tq.position_key("7", "SHFE.rb2505") == "TQ_Position_PortfolioId_7_Symbol_SHFE.rb2505"
    assert tq.breakdown_key("7", "SHFE.rb2505") == "TQ_Position_Breakdown_PortfolioId_7_Symbol_SHFE.rb2505"
    assert tq.account_key("7") == "TQ_Account_PortfolioId_7"
    assert tq.KEY_TTL_S == 3600
    assert (tq.ORDER_HISTORY, tq.ORDER_EVENT) == ("order_history", "order_event")
    assert [tq.child_order_id("o1", offset) for offset in (Offset.CLOSETODAY, Offset.CLOSE)] == list(tq.child_order_ids("o1"))
    assert tq.child_order_ids("o1") == ("o1_closetoday", "o1_close")


def test_routes_are_the_documents() -> None:
    told = tq.contract("7")
    assert told.submit.bindings == ("tq_order_submit_requests", "PortfolioId_7")
    assert {route.exchange_type for route in (told.submit, told.cancel)} == {"topic"}
    assert (told.order_updates.exchange, told.order_updates.routing_key) == ("tq_internal_exchange", "order_updates")
    assert len(told.routes) == len(told.channels) == 6
    flat = tq_flat.contract("7")
    assert len(flat.routes) == 5
    assert flat.submit.routing_key == "PortfolioId_7"


def test_every_golden_file_is_used() -> None:
    mine = Path(__file__).read_text(encoding="utf-8")
    assert [path.name for path in GOLDEN.glob("tq_*.json") if f'golden("{path.stem.removeprefix("tq_")}")' not in mine] == []
