"""The exchange's own contract: its bodies and replies, byte for byte, and what the doors do not read."""

import msgspec
import pytest

from tradepit.trading.matching.commands import SubmitOrder
from tradepit.trading.matching.faults import Fault, FaultPlan
from tradepit.trading.model.errors import BadRequest, PayloadTooLarge
from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.report import DayReport, OrderReport
from tradepit.trading.model.terms import Exchange, Offset, OrderStatus, OrderType, Side
from tradepit.wire import gateway as wire
from tradepit.wire.simulator import ErrorReply

INTENT_JSON = (
    b'{"client_order_id":"c1","account":"A","symbol":"IF2501","exchange":"CFFEX","side":"BUY","offset":"OPEN",'
    b'"order_type":"LIMIT","price_ticks":19500,"volume_lots":2,"created_ns":0,"reference":"","bot":"","sequence":0,"expires_ns":0}'
)
INTENT = OrderIntent(
    client_order_id="c1",
    account="A",
    symbol="IF2501",
    exchange=Exchange.CFFEX,
    side=Side.BUY,
    offset=Offset.OPEN,
    order_type=OrderType.LIMIT,
    price_ticks=19_500,
    volume_lots=2,
)
ORDER_JSON = (
    b'{"intent":' + INTENT_JSON + b',"status":"OPEN","order_id":"IF2501-20250106-1","traded_lots":0,"left_lots":2,'
    b'"reason":"","message":"","inserted_ns":5,"updated_ns":5}'
)
ORDER = Order(intent=INTENT, status=OrderStatus.OPEN, order_id="IF2501-20250106-1", left_lots=2, inserted_ns=5, updated_ns=5)


def test_send_order_in_json() -> None:
    command = SubmitOrder(intent=INTENT, session="oms", epoch=3)
    body = b'{"intent":' + INTENT_JSON + b',"session":"oms","epoch":3}'
    assert wire.read_body(body, msgspec.json.Decoder(SubmitOrder), 10_000) == command
    assert wire.encode(command) == b'{"command":"submit",' + body[1:]


def test_an_order_reply_in_json() -> None:
    reply = wire.OrderReply(order=ORDER)
    assert wire.encode(reply) == b'{"order":' + ORDER_JSON + b"}"
    assert msgspec.json.decode(wire.encode(reply), type=wire.OrderReply) == reply
    assert wire.encode(wire.OrderReply()) == b"{}"


def test_every_reply_reads_a_refusal() -> None:
    refusal = wire.encode(ErrorReply(error="STALE_EPOCH", message="no", details={"epoch": "1"}))
    for kind in (wire.OrderReply, wire.AccountReply, wire.PositionsReply, wire.ReportsReply, wire.TicksReply, wire.Done):
        reply = msgspec.json.decode(refusal, type=kind)
        assert (reply.error, reply.message, reply.details) == ("STALE_EPOCH", "no", {"epoch": "1"})


def test_reports_travel_as_they_are() -> None:
    reports = [
        OrderReport(sequence=1, time_ns=5, trading_day=20250106, order=ORDER),
        DayReport(sequence=2, time_ns=6, trading_day=20250107, settled_day=20250106, settlement_prices={"IF2501": "3900.2"}),
    ]
    records = [wire.encode(report) for report in reports]
    assert records[1] == (
        b'{"kind":"day","sequence":2,"time_ns":6,"trading_day":20250107,"settled_day":20250106,'
        b'"settlement_prices":{"IF2501":"3900.2"}}'
    )
    page = wire.encode(wire.ReportsReply(reports=[msgspec.Raw(record) for record in records], last=2))
    assert page == b'{"reports":[' + b",".join(records) + b'],"last":2}'
    reply = msgspec.json.decode(page, type=wire.ReportsReply)
    assert [wire.read_report(raw) for raw in reply.reports] == reports


def test_a_fault_plan_in_json() -> None:
    decoder = msgspec.json.Decoder(wire.FaultsRequest)
    request = wire.read_body(b'{"plan":{"lose_ack":{"count":2},"seed":9}}', decoder, 1_000)
    assert request.plan == FaultPlan(lose_ack=Fault(count=2), seed=9)
    assert wire.read_body(b"", decoder, 1_000).plan is None
    with pytest.raises(BadRequest):
        wire.read_body(b'{"plan":{"loose_ack":{"count":2}}}', decoder, 1_000)


@pytest.mark.parametrize("body", [b"{", b"[]", b"null", b'{"after":"x"}', b'{"after":1e400}', b"\xff\xfe", b"[" * 9_000])
def test_a_body_that_cannot_be_read_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest):
        wire.read_body(body, msgspec.json.Decoder(wire.ReportsRequest), 10_000)
    with pytest.raises(BadRequest):
        wire.read_report(body)


def test_a_body_beyond_the_limit_is_refused() -> None:
    with pytest.raises(PayloadTooLarge):
        wire.read_body(b" " * 11, msgspec.json.Decoder(wire.ReportsRequest), 10)
