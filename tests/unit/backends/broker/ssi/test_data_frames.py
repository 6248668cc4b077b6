"""The DATA channel of SSI's stream: what its frames tell, and what is refused in them."""

import json
from decimal import Decimal

import msgspec
import pytest

from tradepit.backends.broker.ssi.data_frames import (
    Beat,
    Frame,
    Refused,
    Subscription,
    ping,
    pong,
    read_data_frame,
    subscriptions,
)
from tradepit.backends.broker.ssi.news import ToldLimits, ToldQuote, ToldSession, ToldTrade
from tradepit.trading.model.errors import BadRequest


def data(topic: str, told: object) -> bytes:
    return json.dumps({"channel": "DATA", "topic": topic, "data": told}).encode()


TRADE = {
    "t": "10:00:01",
    "s": "41I1F1000",
    "p": 1340.5,
    "q": "2.0",
    "si": "B",
    "v": "12.0",
    "o": 1339,
    "h": "1341",
    "l": 1338.9,
    "a": 1340,
}


@pytest.mark.parametrize(
    ("frame", "told"),
    [
        (
            data("trade.41I1F1000", TRADE),
            ToldTrade(
                symbol="41I1F1000",
                time="10:00:01",
                last=Decimal("1340.5"),
                volume=12,
                open=Decimal(1339),
                high=Decimal(1341),
                low=Decimal("1338.9"),
                average=Decimal(1340),
            ),
        ),
        (
            data("TRADE.41I1F1000@TICK", {"s": "41I1F1000", "p": "1340", "v": 0}),
            ToldTrade(symbol="41I1F1000", time="", last=Decimal(1340), volume=0),
        ),
        (
            data("quote.X", {"t": 1736132400250, "s": "X", "bids": [["ATO", 7], [1340.1, "3.0"]], "asks": None}),
            ToldQuote(symbol="X", time="1736132400250", bids=((Decimal(0), 7), (Decimal("1340.1"), 3)), asks=None),
        ),
        (
            data("market.X", {"s": "X", "b": "DER", "t": "", "ce": 1433.8, "fl": 1246.2, "ref": 1340}),
            ToldLimits(symbol="X", ceiling=Decimal("1433.8"), floor=Decimal("1246.2"), reference=Decimal(1340)),
        ),
        (data("market.FLAG", {"b": "DER", "t": "09:00:00", "f": "LO"}), ToldSession(word="LO", time="09:00:00")),
        (data("market.flag", {"b": "derivatives", "f": "ATC"}), ToldSession(word="ATC")),
        (data("market.flag", {"b": "HOSE", "t": "09:15:00", "f": "LO"}), None),
        (data("trade.index.VN30", {"s": "VN30", "v": 1300}), None),
        (data("trade.X@1m", {"st": "", "s": "X", "o": 1, "h": 1, "l": 1, "c": 1, "v": 1}), None),
        (data("room.X", {"s": "X", "tr": 1}), None),
        (b'{"channel": "TRADING", "topic": "order.1", "data": {}}', None),
        (b'{"method": "SUBSCRIBE", "channel": "DATA", "status": "ok", "message": ""}', Subscription(ok=True)),
        (b'{"method": "subscribe", "channel": "DATA", "status": "Error"}', Subscription(ok=False)),
        (b'{"method": "PING_PONG", "channel": "HEARTBEAT", "status": "ok", "message": "pong"}', Beat(asks=False)),
        (b'{"method": "PING", "channel": "HEARTBEAT"}', Beat(asks=True)),
        (b'{"code": 401, "msg": "Unauthorized"}', Refused(401)),
        (b'{"code": "429", "msg": "Too many"}', Refused(429)),
        (b"{}", None),
    ],
)
def test_frames_are_read_as_they_are_told(frame: bytes, told: Frame | None) -> None:
    assert read_data_frame(frame) == told


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"null",
        b'{"channel": 7}',
        b'{"code": "x"}',
        b"[" * 100_000,
        data("trade.X", {}),
        data("trade.X", {"s": "X", "p": "dear", "v": 1}),
        data("trade.X", {"s": "X", "p": "NaN", "v": 1}),
        data("trade.X", {"s": "X", "p": -1, "v": 1}),
        data("trade.X", {"s": "X", "p": 1, "v": 1.5}),
        data("trade.X", {"s": "X", "p": "1e999999", "v": 1}),
        data("trade.X", {"s": "X" * 1000, "p": 1, "v": 1}),
        data("quote.X", {"s": "X", "bids": [[1]], "asks": []}),
        data("quote.X", {"s": "X", "bids": "many", "asks": []}),
        data("quote.X", {"s": "X", "bids": [[1, 1]] * 101, "asks": []}),
        data("quote.X", {"s": "X", "bids": [[{}, 1]], "asks": []}),
        data("market.X", {"s": "X"}),
        data("market.flag", {"f": 7, "b": "DER"}),
        data("trade.X", None),
    ],
)
def test_what_cannot_be_read_is_refused(frame: bytes) -> None:
    with pytest.raises(BadRequest):
        read_data_frame(frame)


def test_many_contracts_are_asked_for_in_frames_that_the_server_takes() -> None:
    names = [f"41I1F{number:04}" for number in range(150)]
    frames = subscriptions(names)
    assert len(frames) > 1
    assert all(len(frame) < 4096 for frame in frames)
    told = [msgspec.json.decode(frame) for frame in frames]
    assert {(each["method"], each["channel"]) for each in told} == {("SUBSCRIBE", "DATA")}
    topics = [topic for each in told for topic in each["topics"]]
    assert topics == ["market.flag", *(f"{kind}.{name}" for name in names for kind in ("market", "trade", "quote"))]
    assert [msgspec.json.decode(frame)["method"] for frame in (ping(), pong())] == ["PING_PONG", "PONG"]
