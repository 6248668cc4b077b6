"""V2's words: SSI's own examples are read whatever their case, become those of V3, and what cannot be read is refused by a code."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradepit.backends.broker.ssi.frames import Funds, ToldError, ToldMatch, ToldOrder, ToldPosition
from tradepit.backends.broker.ssi.v2.frames import (
    Balance,
    CancelOrder,
    DayPrice,
    ModifyOrder,
    NewOrder,
    Orders,
    Positions,
    read_answer,
    read_data,
    read_event,
)
from tradepit.trading.model.errors import BadRequest

# Field for field as the specification's examples have them.
MODIFIED = {
    "orderID": "12663204",
    "notifyID": 11,
    "instrumentID": "VN30F2106",
    "uniqueID": "31618366",
    "buySell": "B",
    "orderType": "LO",
    "ipAddress": "192.168.202.36",
    "price": 1410,
    "prefix": "2mw",
    "quantity": 2,
    "marketID": "VNFE",
    "origOrderId": "",
    "account": "0901358",
    "cancelQty": 0,
    "osQty": 2,
    "filledQty": 0,
    "avgPrice": 0,
    "channel": "TA",
    "inputTime": "1606277281849",
    "modifiedTime": "1606277330852",
    "isForceSell": "F",
    "isShortSell": "F",
    "orderStatus": "Rs",
    "rejectReason": "0",
    "origRequestID": "30304045",
    "stopOrder": False,
}
ROW = {
    "uniqueID": "73885549",
    "orderID": "T202306146w273885549",
    "buySell": "B",
    "price": 1000,
    "quantity": 100,
    "filledQty": 0,
    "orderStatus": "RJ",
    "marketID": "VNFE",
    "inputTime": "1686730747945",
    "instrumentID": "VN30F2306",
    "orderType": "LO",
    "cancelQty": 0,
    "avgPrice": 0,
    "isForcesell": "F",
    "rejectReason": "Invalid market status",
}


def event(kind: str, data: object) -> bytes:
    return msgspec.json.encode(msgspec.json.encode({"type": kind, "data": data}).decode())


def test_an_order_is_known_by_the_request_that_placed_it_not_by_the_one_that_changed_it() -> None:
    told = read_event(event("orderEvent", MODIFIED))
    assert isinstance(told, ToldOrder)
    assert (told.client_request_id, told.order_id, told.account_no) == ("30304045", "12663204", "0901358")
    assert (told.order_status, told.reject_reason, told.notify_id, told.quantity) == ("RS", "", 11, 2)
    assert read_event(msgspec.json.encode({"Type": "orderEvent", "Data": MODIFIED})) == told, "as an object and in another case"


def test_errors_and_fills() -> None:
    message = "Price 1,600.00 exceeds ceiling price 808.50!"
    error = {"message": message, "notifyID": 15455, "data": None, "errorCode": "ERR500", "uniqueID": "02365132", "prefix": "23o"}
    assert read_event(event("orderError", error)) == ToldError(
        request_id="02365132", code="ERR500", message=message, notify_id=15455
    )
    match = {"orderID": "16201867", "notifyID": 101180, "uniqueID": "24194396", "buySell": "B", "matchPrice": 1000.5}
    told = read_event(event("orderMatchEvent", match | {"matchQty": 100, "account": "1184411", "matchTime": "1656665019000"}))
    assert isinstance(told, ToldMatch)
    assert (told.match_price, told.match_qty, told.client_request_id) == (Decimal("1000.5"), 100, "24194396")
    assert told.trade_name == "101180/16201867"


@pytest.mark.parametrize(
    "silent", [event("clientPortfolioEvent", {"account": "0901358"}), event("", {}), msgspec.json.encode({"type": "news"})]
)
def test_what_is_of_no_concern(silent: bytes) -> None:
    assert read_event(silent) is None


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"\xff",
        b"[]",
        b'"no JSON"',
        event("orderEvent", "text"),
        event("orderEvent", MODIFIED | {"quantity": "many"}),
        event("orderEvent", MODIFIED | {"orderID": "x" * 300}),
        event("orderMatchEvent", {"matchPrice": 1, "matchQty": 0}),
        event("orderError", {"errorCode": []}),
        msgspec.json.encode({"type": "orderEvent", "data": {"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": 1}}}}}}}}}),
    ],
)
def test_what_cannot_be_read_is_refused(broken: bytes) -> None:
    with pytest.raises(BadRequest) as refused:
        read_event(broken)
    assert refused.value.reason_code == "INVALID_REQUEST"


@given(st.binary(max_size=80))
def test_nothing_but_a_refusal_comes_of_noise(noise: bytes) -> None:
    for read in (read_event, read_answer):
        try:
            read(noise)
        except BadRequest as error:
            assert error.reason_code == "INVALID_REQUEST"


def test_rows_of_a_list() -> None:
    answer = read_answer(msgspec.json.encode({"Status": "200", "Message": "ok", "Data": {"account": "1184418", "orders": [ROW]}}))
    assert answer.number == 200
    (row,) = read_data(answer, Orders).orders or ()
    told = row.told()
    assert (told.order_status, told.client_request_id, told.reject_reason) == ("RJ", "73885549", "Invalid market status")
    unnamed = msgspec.structs.replace(row, unique_id=None).told()
    assert unnamed.client_request_id == "73885549", "the number of an order that went nowhere holds its request's"
    assert msgspec.structs.replace(row, unique_id=None, order_id="12626539").told().client_request_id == ""
    assert row.error() is None
    failed = msgspec.structs.replace(row, last_error_event=msgspec.structs.replace(row, unique_id="45706921"))
    assert failed.error() == ToldError(request_id="45706921", message="Invalid market status")


def test_no_data_is_empty_and_a_word_is_no_status() -> None:
    assert read_data(read_answer(b'{"status":204,"data":null}'), Orders) == Orders()
    assert read_answer(b'{"status":"Success"}').number == 0
    with pytest.raises(BadRequest):
        read_data(read_answer(b'{"data":[1]}'), Orders)


def test_money_and_positions() -> None:
    balance = {
        "account": "0901358",
        "accountBalance": 11166309263,
        "fee": 2700,
        "commission": 1000,
        "floatingPL": -300,
        "totalPL": 700,
        "internalAssets": {"cash": 1165730020, "ee": 8197059272},
        "internalMargin": {"initialMargin": 172660800, "marginReq": 172660800},
    }
    assert read_data(read_answer(msgspec.json.encode({"status": 200, "data": balance})), Balance).funds() == Funds(
        account_balance=Decimal(11166309263),
        fee=Decimal(2700),
        commission=Decimal(1000),
        floating_pl=Decimal(-300),
        trading_pl=Decimal(1000),
        margin_req_ssi=Decimal(172660800),
        ee_ssi=Decimal(8197059272),
    )
    position = {"instrumentID": "VN30F2106", "longQty": 8, "shortQty": 0, "net": 8, "bidAvgPrice": 1452.7, "floatingPL": 0}
    told = read_data(read_answer(msgspec.json.encode({"data": {"openPosition": [position], "closePosition": []}})), Positions)
    assert told.told() == [ToldPosition(symbol="VN30F2106", long=8, bid_avg_price=Decimal("1452.7"))]


def test_prices_of_a_day() -> None:
    row = msgspec.convert({"ceilingprice": "1433.8", "floorprice": 1246.2, "refprice": "1340"}, DayPrice, strict=False)
    told = row.told("41I1F1000")
    assert (told.symbol, told.ceiling, told.floor, told.ref_price) == (
        "41I1F1000",
        Decimal("1433.8"),
        Decimal("1246.2"),
        Decimal(1340),
    )


def test_what_is_sent_has_ssis_names() -> None:
    common: dict[str, Any] = {"account": "1184418", "request_id": "1678198", "instrument_id": "VN30F2306", "buy_sell": "B"}
    device: dict[str, Any] = {"device_id": "8C-EC-4B-D3-0B-96", "user_agent": "tradepit"}
    placed = msgspec.to_builtins(NewOrder(order_type="LO", price=1200.5, quantity=10, **common, **device))
    assert placed == {
        "account": "1184418",
        "requestID": "1678198",
        "instrumentID": "VN30F2306",
        "market": "VNFE",
        "buySell": "B",
        "orderType": "LO",
        "price": 1200.5,
        "quantity": 10,
        "stopOrder": False,
        "stopPrice": 0,
        "stopType": "",
        "stopStep": 0,
        "lossStep": 0,
        "profitStep": 0,
        "channelID": "TA",
        "code": "",
        "deviceId": "8C-EC-4B-D3-0B-96",
        "userAgent": "tradepit",
    }
    change: dict[str, Any] = {"order_id": "12658867", **common, **device}
    named = {"account", "requestID", "orderID", "marketID", "instrumentID", "buySell", "code", "deviceId", "userAgent"}
    assert set(msgspec.to_builtins(CancelOrder(**change))) == named
    modified = msgspec.to_builtins(ModifyOrder(price=1410, quantity=3, order_type="LO", **change))
    assert set(modified) == named | {"price", "quantity", "orderType"}
