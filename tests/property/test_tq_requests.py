"""Whatever comes through a queue is read, or refused with a code; what we write we can read."""

from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tradepit.trading.model.errors import BadRequest
from tradepit.wire import tq, tq_flat
from tradepit.wire.tq_codec import encode, read_update
from tradepit.wire.tq_requests import Cancel, Submit, read_request, salvage

values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(("SUBMIT", "CANCEL", "BUY", "SELL", "OPEN", "CLOSE", "SHFE.rb2505", "o1", "p1", "2025-12-18T10:30:00Z")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
names = st.sampled_from(
    ("type", "action", "request_id", "timestamp", "symbol", "direction", "offset", "volume", "limit_price", "order_id",
     "portfolio_id", "status", "event_type")
)  # fmt: skip
bodies = st.dictionaries(names, values)
messages = st.one_of(
    st.binary(max_size=200),
    values.map(msgspec.json.encode),
    bodies.map(msgspec.json.encode),
    st.builds(lambda outer, inner: msgspec.json.encode({**outer, "payload": inner}), bodies, bodies | values),
)
tokens = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)
orders = st.fixed_dictionaries(
    {
        "symbol": st.sampled_from(("SHFE.rb2505", "CFFEX.IF2501", "INE.sc2506", "CZCE.TA505")),
        "direction": st.sampled_from(("BUY", "SELL")),
        "offset": st.sampled_from(("OPEN", "CLOSE", "CLOSETODAY")),
        "volume": st.integers(1, 1_000_000),
        "order_id": tokens,
        "portfolio_id": tokens,
    },
    optional={"limit_price": st.decimals("0.01", "999999.99", places=2).map(float)},
)


@given(payload=messages)
@settings(max_examples=400, deadline=None)
def test_whatever_comes_is_read_or_refused_with_a_code(payload: bytes) -> None:
    told = salvage(payload)
    assert len(told.order_id) <= 64
    try:
        assert isinstance(read_request(payload), Submit | Cancel)
    except BadRequest as error:
        assert error.reason_code.isupper()
    for kind, name in ((tq.OrderUpdate, "ORDER_UPDATE"), (tq.PositionUpdate, "POSITION_UPDATE")):
        try:
            read_update(payload, kind, name)
        except BadRequest as error:
            assert error.reason_code.isupper()


@given(order=orders)
@settings(deadline=None)
def test_both_shapes_say_the_same(order: dict[str, Any]) -> None:
    flat = read_request(encode(msgspec.convert(order, tq_flat.FlatOrder)))
    envelope = tq.SubmitMessage(type="SUBMIT", payload=msgspec.convert(order, tq.SubmitPayload))
    assert read_request(encode(envelope)) == flat
    assert isinstance(flat, Submit)
    price = order.get("limit_price")
    assert flat.limit_price == (None if price is None else Decimal(str(price)))
    assert flat.volume_lots == order["volume"]
