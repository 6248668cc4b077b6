"""What SSI's V2 hub of market data broadcasts."""

import json
from decimal import Decimal
from typing import Any

import pytest

from tradepit.backends.broker.ssi.news import News, ToldLimits, ToldQuote, ToldSession, ToldTrade
from tradepit.backends.broker.ssi.v2.data_frames import channels, read_broadcast
from tradepit.trading.model.errors import BadRequest

AT = {"TradingDate": "27/06/2024", "Time": "09:43:41", "Symbol": "VN30F2407"}
TIME = "27/06/2024 09:43:41"
LIMITS = ToldLimits(symbol="VN30F2407", ceiling=Decimal("1380.3"), floor=Decimal("1199.7"), reference=Decimal(1290))
TRADE = ToldTrade(
    symbol="VN30F2407",
    time=TIME,
    last=Decimal("1283.9"),
    volume=35_094,
    high=Decimal(1287),
    low=Decimal(1282),
    average=Decimal("128454615.6"),
    turnover=Decimal(4_507_986_280_000),
)
QUOTE = ToldQuote(
    symbol="VN30F2407",
    time=TIME,
    bids=((Decimal("1283.8"), 47), (Decimal("1283.7"), 89)),
    asks=((Decimal(0), 5), (Decimal(1284), 182)),
)
TRADE_TOLD = {
    "Ceiling": 1380.3,
    "Floor": 1199.7,
    "RefPrice": 1290.0,
    "AvgPrice": 128454615.6,
    "PriorVal": 1290.0,
    "LastPrice": 1283.9,
    "LastVol": 8.0,
    "TotalVal": 4507986280000.0,
    "TotalVol": 35094.0,
    "EstMatchedPrice": 1283.9,
    "Side": None,
}
QUOTE_TOLD = {
    "BidPrice1": 1283.8,
    "BidVol1": 47.0,
    "BidPrice2": 1283.7,
    "BidVol2": 89.0,
    "AskPrice1": "ATO",
    "AskVol1": 5.0,
    "AskPrice2": 1284.0,
    "AskVol2": 182.0,
    "AskPrice3": 0.0,
    "AskVol3": 0.0,
}


def broadcast(kind: object, content: object) -> bytes:
    """As it goes over the hub: a text that holds JSON, whose content is a text that holds JSON."""
    return json.dumps(json.dumps({"DataType": kind, "Content": json.dumps(content)})).encode()


@pytest.mark.parametrize(
    ("argument", "told"),
    [
        (broadcast("X-TRADE", AT | TRADE_TOLD | {"Highest": 1287, "Lowest": 1282}), [LIMITS, TRADE]),
        (broadcast("X-QUOTE", AT | QUOTE_TOLD), [QUOTE]),
        (broadcast("x", AT | TRADE_TOLD | QUOTE_TOLD | {"High": 1287, "Low": 1282}), [LIMITS, TRADE, QUOTE]),
        (
            broadcast("F", AT | {"Rtype": "F", "TradingSession": "ATC", "TradingStatus": "H"}),
            [ToldSession(word="ATC", time=TIME, symbol="VN30F2407", status="H")],
        ),
        (broadcast("F", {"Symbol": "X", "TradingSession": None}), [ToldSession(word="", symbol="X")]),
        (b'{"datatype": "X-QUOTE", "content": {"symbol": "X"}}', [ToldQuote(symbol="X", time="", bids=(), asks=())]),
        (broadcast("MI", {"IndexId": "VN30"}), []),
        (b"{}", []),
    ],
)
def test_broadcasts_are_read_as_they_are_told(argument: bytes, told: list[News]) -> None:
    assert read_broadcast(argument) == told


@pytest.mark.parametrize(
    "argument",
    [
        b"",
        b'"',
        b"\xff",
        b"7",
        b"[]",
        b"[" * 100_000,
        broadcast(7, {}),
        broadcast("X", []),
        broadcast("X", {"Symbol": ["X"]}),
        broadcast("F", {"TradingSession": "LO"}),
        broadcast("X-TRADE", AT | {"LastPrice": "dear"}),
        broadcast("X-TRADE", AT | {"TotalVol": 1.5}),
        broadcast("X-QUOTE", AT | {"BidPrice1": -1, "BidVol1": 1}),
        json.dumps({"DataType": "F", "Content": "{"}).encode(),
    ],
)
def test_what_cannot_be_read_is_refused(argument: bytes) -> None:
    with pytest.raises(BadRequest):
        read_broadcast(argument)


def test_all_channels_are_switched_to_in_one_text() -> None:
    names: list[Any] = ["41I1F1000", "41I1F2000"]
    of = "41I1F1000-41I1F2000"
    assert channels(names) == f"F:{of},X:{of},X-QUOTE:{of},X-TRADE:{of}"
