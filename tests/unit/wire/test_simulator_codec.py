"""Between the model and the simulator's JSON: exact, bounded, and closed to everything that is no number."""

import json
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.model.errors import BadRequest, PayloadTooLarge, RequestRefused, RiskRefused, VolumeNotValid
from tradepit.trading.model.terms import Exchange, SessionPhase, Side
from tradepit.trading.model.tick import Level, Tick
from tradepit.wire.simulator import MAX_REQUEST_BYTES, CancelRequest, OrderRequest, TickData
from tradepit.wire.simulator_codec import (
    MAX_LOTS,
    decode,
    encode,
    encode_error,
    from_iso,
    lots_of,
    side_of,
    tick_data,
    tick_of,
    to_iso,
)

IF = load_catalog().instrument("IF2501", on=date(2025, 1, 6), listing_price=Decimal(3900))
ORDER = {"symbol": "IF2501", "price": 3900.2, "volume": 1}
ticks = st.integers(0, 2**31 - 1)
lots = st.integers(1, 2**40)


@st.composite
def snapshots(draw: st.DrawFn) -> Tick:
    def level() -> Level:
        return Level(draw(st.integers(1, 2**31 - 1)), draw(lots))

    return Tick(
        symbol="IF2501",
        exchange=Exchange.CFFEX,
        time_ns=draw(st.integers(0, 4 * 10**9)) * 1_000_000_000 + draw(st.integers(0, 999_999)) * 1000,
        trading_day=draw(st.integers(20_000_101, 20_991_231)),
        last_ticks=draw(ticks),
        volume_lots=draw(st.integers(0, 2**50)),
        turnover=draw(st.decimals(0, 10**18, places=2)),
        open_interest=draw(st.integers(0, 2**50)),
        open_ticks=draw(ticks),
        high_ticks=draw(ticks),
        low_ticks=draw(ticks),
        upper_limit_ticks=draw(ticks),
        lower_limit_ticks=draw(ticks),
        pre_close_ticks=draw(ticks),
        pre_settlement=draw(st.decimals(0, 10**7, places=4)),
        bids=tuple(level() for _ in range(draw(st.integers(0, 10)))),
        asks=tuple(level() for _ in range(draw(st.integers(0, 10)))),
        phase=draw(st.sampled_from(SessionPhase)),
    )


@given(tick=snapshots())
def test_a_tick_comes_back_as_it_went(tick: Tick) -> None:
    assert tick_of(decode(encode(tick_data(tick, IF)), TickData), IF) == tick


@given(time_ns=st.integers(0, 4 * 10**9 * 10**9))
def test_instants_come_back_to_the_microsecond(time_ns: int) -> None:
    assert from_iso(to_iso(time_ns)) == time_ns // 1000 * 1000


@pytest.mark.parametrize(
    "text", ["", "now", "2025-01-06", "2025-01-06T10:00:00", "2025-13-06T10:00:00+08:00", "2025-01-06T25:00:00+08:00", "9" * 100]
)
def test_what_is_no_instant_with_offset_is_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        from_iso(text)


def test_instants_of_any_offset() -> None:
    assert from_iso("2025-01-06T10:00:00+08:00") == from_iso("2025-01-06T02:00:00Z") == 1_736_128_800_000_000_000
    assert from_iso("0001-01-01T00:00:00+14:00") < 0 < from_iso("9999-12-31T23:59:59-14:00")


@pytest.mark.parametrize(
    "change",
    [
        {"last_price": "NaN"}, {"last_price": -1}, {"last_price": 3900.1}, {"last_price": "1e400"}, {"last_price": None}, {"volume": -1},
        {"volume": 2**63}, {"volume": 1.5}, {"open_interest": 10**300}, {"turnover": "NaN"}, {"turnover": "sNaN"}, {"turnover": -1},
        {"turnover": "1e99"}, {"pre_settlement": "Infinity"}, {"bid_volume_1": 2**63}, {"bid_volume_1": 1, "bid_price_1": 0},
        {"ask_volume_1": 1, "ask_price_1": "NaN"}, {"exchange": "NYSE"}, {"phase": "NOON"}, {"trading_day": "today"},
        {"trading_day": "-5"}, {"trading_day": "9" * 30}, {"trading_day": "9" * 5000}, {"datetime": "yesterday"}, {"symbol": 5},
    ],
)  # fmt: skip
def test_a_tick_with_anything_wrong_is_refused_with_a_code(change: dict[str, Any]) -> None:
    good = json.loads(encode(tick_data(snapshot(), IF)))
    assert tick_of(decode(json.dumps(good).encode(), TickData), IF) == snapshot()
    with pytest.raises(RequestRefused) as refused:
        tick_of(decode(json.dumps(good | change).encode(), TickData), IF)
    assert encode_error(refused.value)


def snapshot() -> Tick:
    return Tick(
        symbol="IF2501", exchange=Exchange.CFFEX, time_ns=1_736_128_800_000_000_000, trading_day=20250106, last_ticks=19_500,
        volume_lots=5, turnover=Decimal(10), open_interest=1, open_ticks=0, high_ticks=0, low_ticks=0, upper_limit_ticks=0,
        lower_limit_ticks=0, pre_close_ticks=0, pre_settlement=Decimal(3900),
    )  # fmt: skip


def test_levels_end_at_the_first_empty_one() -> None:
    data = json.loads(encode(tick_data(snapshot(), IF))) | {
        "bid_price_1": 3900,
        "bid_volume_1": 1,
        "bid_price_3": 3899,
        "bid_volume_3": 1,
    }
    assert tick_of(decode(json.dumps(data).encode(), TickData), IF).bids == (Level(19_500, 1),)


def test_prices_are_exact() -> None:
    assert decode(b'{"symbol":"IF2501","volume":1,"price":3900.2}', OrderRequest).price == Decimal("3900.2")
    assert decode(b'{"symbol":"IF2501","volume":1,"price":"3900.2"}', OrderRequest).price == Decimal("3900.2")
    assert encode({"price": Decimal("3900.20")}) == b'{"price":3900.20}'


@pytest.mark.parametrize(
    "body",
    [
        {"params": ORDER}, {"params": ORDER, "id": 7, "jsonrpc": "2.0"}, ORDER | {"reference": "params"},
        ORDER | {"unknown": {"params": 1}}, ORDER | {"reference": 'x"params"x'}, ORDER | {"later_version": [1, 2]},
    ],
)  # fmt: skip
def test_envelopes_are_opened_and_nothing_else_is_taken_for_one(body: dict[str, Any]) -> None:
    told = decode(json.dumps(body).encode(), OrderRequest)
    assert (told.symbol, told.price, told.volume) == ("IF2501", Decimal("3900.2"), 1)
    assert told.reference == body.get("reference", "")


@pytest.mark.parametrize(
    "payload",
    [
        b"{}", b"null", b"[]", b"5", b'"x"', b"{", b"\xff", b'{"symbol":"\xff","volume":1}', b'{"symbol":"\\ud800","volume":1}',
        b'{"symbol":"IF2501","volume":NaN}', b'{"symbol":"IF2501","volume":Infinity}', b'{"symbol":"IF2501","volume":1e400}',
        b'{"symbol":"IF2501","volume":true}', b'{"symbol":"IF2501","volume":1,"price":1e99999999999999999999}',
        b'{"params":[]}', b'{"params":null}', b'["params"]', b'"params"', b'{"params":{}', b"[" * 60_000, b'{"a":' * 9_000,
        b'{"symbol":"IF2501","volume":1,"timestamp":' + b"9" * 5_000 + b"}",
    ],
)  # fmt: skip
def test_no_bytes_escape_the_refusal(payload: bytes) -> None:
    with pytest.raises(BadRequest):
        decode(payload, OrderRequest)


@given(payload=st.binary(max_size=200) | st.text(max_size=100).map(lambda text: json.dumps({"params": text}).encode()))
def test_any_bytes_are_read_or_refused(payload: bytes) -> None:
    try:
        told = decode(payload, CancelRequest)
    except RequestRefused:
        return
    assert isinstance(told, CancelRequest)


def test_size_is_judged_first() -> None:
    with pytest.raises(PayloadTooLarge):
        decode(b" " * (MAX_REQUEST_BYTES + 1), CancelRequest)
    assert decode(b"", CancelRequest) == CancelRequest()


@pytest.mark.parametrize("volume", [1, 1.0, 500, MAX_LOTS])
def test_whole_lots(volume: float) -> None:
    assert lots_of(volume) == volume
    assert isinstance(lots_of(volume), int)


@pytest.mark.parametrize(
    "volume", [0, -1, 0.5, 1.0000001, MAX_LOTS + 1, 10**4000, float("inf"), float("-inf"), float("nan"), -0.0]
)
def test_what_are_no_whole_lots(volume: float) -> None:
    with pytest.raises(VolumeNotValid) as refused:
        lots_of(volume)
    assert len(encode_error(refused.value)) < 500


def test_directions() -> None:
    assert (side_of("LONG"), side_of("SHORT")) == (Side.BUY, Side.SELL)
    for strange in ("BUY", "long", "", "NET"):
        with pytest.raises(BadRequest):
            side_of(strange)


def test_errors_are_told_with_code_and_short_details() -> None:
    told = msgspec.json.decode(encode_error(RiskRefused("TOO_MANY", "no", value="x" * 1000, limit=Decimal(10))))
    assert told == {"error": "TOO_MANY", "message": "no", "details": {"value": "x" * 200, "limit": "10"}, "success": False}
