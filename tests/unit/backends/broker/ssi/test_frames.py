"""The stream's frames: what concerns us is read, what does not is passed over, what cannot be read is refused."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradepit.backends.broker.ssi.frames import Subscribed, ToldMatch, ToldOrder, read_frame
from tradepit.trading.model.errors import BadRequest


def frame(data: object, topic: str = "order.0000018", channel: str = "TRADING") -> bytes:
    return msgspec.json.encode({"channel": channel, "topic": topic, "data": data})


def test_orders_and_fills_with_numbers_as_text_or_as_numbers() -> None:
    order = read_frame(frame({"eventType": "orderEvent", "quantity": "5", "filledQty": 2, "price": "ATO", "avgPrice": 1340.1}))
    assert isinstance(order, ToldOrder)
    assert (order.quantity, order.filled_qty, order.price) == (5, 2, "ATO")
    for price in ("1340.1", 1340.1):
        match = read_frame(frame({"eventType": "orderMatchEvent", "matchPrice": price, "matchQty": "2", "notifyId": 9}))
        assert match == ToldMatch(match_price=Decimal("1340.1"), match_qty=2, notify_id=9)
    assert isinstance(read_frame(frame({"orderStatus": "QU"})), ToldOrder)


def test_answers_to_the_subscription() -> None:
    assert read_frame(b'{"method":"SUBSCRIBE","channel":"TRADING","status":"success"}') == Subscribed(True)
    assert read_frame(b'{"method":"SUBSCRIBE","channel":"TRADING","status":"error","message":"Denied"}') == Subscribed(False)
    assert read_frame(b'{"code":403,"msg":"no"}') == Subscribed(False)


@pytest.mark.parametrize(
    "silent",
    [
        frame({"eventType": "clientPortfolioEvent"}),
        frame({}, topic="portfolio.0000018"),
        frame({}, channel="DATA"),
        b'{"method":"PING_PONG","channel":"HEARTBEAT"}',
        b"{}",
    ],
)
def test_what_is_of_no_concern(silent: bytes) -> None:
    assert read_frame(silent) is None


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"[]",
        b"\xff",
        frame({"eventType": "orderMatchEvent", "matchPrice": "1", "matchQty": 0}),
        frame({"eventType": "orderMatchEvent", "matchPrice": "x", "matchQty": 1}),
        frame({"eventType": "orderEvent", "quantity": "many"}),
        frame({"eventType": "orderEvent", "orderId": "x" * 300}),
        frame("text"),
    ],
)
def test_what_cannot_be_read_is_refused(broken: bytes) -> None:
    with pytest.raises(BadRequest):
        read_frame(broken)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(noise: bytes) -> None:
    try:
        read_frame(noise)
    except BadRequest as error:
        assert error.reason_code == "INVALID_REQUEST"
