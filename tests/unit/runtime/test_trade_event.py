"""Messages on trades.executed: good ones become trades, bad ones are refused."""

from datetime import date
from decimal import Decimal

import pytest

from tradepit.runtime.trade_event import read_trade_event, trade_of
from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.model.errors import BadRequest, PayloadTooLarge, PriceWrongTick
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.terms import Offset, Side
from tradepit.wire.simulator_codec import encode, trade_data

GOOD = (
    b'{"symbol":"IF2501","exchange":"CFFEX","orderid":"o","tradeid":"t","direction":"LONG","offset":"OPEN","price":3900.2,"volume":2,'
    b'"datetime":"2025-01-06T10:00:00.000001+08:00","client_order_id":"c","account":"A1","trading_day":"20250106","fee":1.5,"seq":9}'
)


def instrument(symbol: str) -> Instrument:
    return load_catalog().instrument(symbol, on=date(2025, 1, 6), listing_price=Decimal(3900))


def test_a_trade_goes_there_and_back() -> None:
    trade = trade_of(read_trade_event(GOOD), instrument)
    assert (trade.side, trade.offset, trade.price_ticks, trade.volume_lots) == (Side.BUY, Offset.OPEN, 19_501, 2)
    assert (trade.trading_day, trade.fee) == (20250106, "1.5")
    assert encode(trade_data(trade, instrument("IF2501"), seq=9)) == GOOD


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"seq":9', b'"seq":0'), (b'"seq":9', b'"seq":"9"'), (b'"volume":2', b'"volume":0'), (b'"volume":2', b'"volume":1e99'),
        (b'"fee":1.5', b'"fee":"NaN"'), (b'"20250106"', b'"2025-1-6"'), (b'"A1"', b'"a/../b"'), (b'"IF2501"', b'""'), (b"}", b""),
        (b"{", b"\xff"),
    ],
)  # fmt: skip
def test_bad_messages_are_refused(old: bytes, new: bytes) -> None:
    with pytest.raises(BadRequest):
        read_trade_event(GOOD.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new"), [(b"LONG", b"UP"), (b"OPEN", b"SHUT"), (b"CFFEX", b"NYSE"), (b"+08:00", b""), (b"3900.2", b"-1")]
)
def test_unknown_words_are_refused(old: bytes, new: bytes) -> None:
    with pytest.raises(BadRequest):
        trade_of(read_trade_event(GOOD.replace(old, new)), instrument)


def test_off_tick_and_huge() -> None:
    with pytest.raises(PriceWrongTick):
        trade_of(read_trade_event(GOOD.replace(b"3900.2", b"3900.1")), instrument)
    with pytest.raises(PayloadTooLarge):
        read_trade_event(b" " * 70_000)
