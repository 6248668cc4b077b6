"""PowerScreen frames and snapshots: a recording read line by line, protobuf and JSON in both directions, refusals with a code."""

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from google.protobuf.json_format import MessageToDict
from tests.proto_messages import compiled_text

from tradepit.trading.model.errors import BadRequest, TradepitError
from tradepit.wire import proto_messages
from tradepit.wire.powerscreen import PriceLevel, SsiPsSnapshot
from tradepit.wire.powerscreen_codec import KIND, from_json, from_protobuf, to_json, to_protobuf
from tradepit.wire.powerscreen_frames import LEAST_FIELDS, HoseStockParser

GOLDEN = Path(__file__).parent / "golden"
LINES = (GOLDEN / "powerscreen_frames.txt").read_text("utf-8").splitlines()
FUTURE, SHARE = LINES[1], LINES[2]
PARSE = HoseStockParser().parse


def snapshot(line: str) -> SsiPsSnapshot:
    stock = PARSE(line)
    assert stock is not None
    return stock.snapshot


def changed(line: str, **fields: str) -> str:
    """The frame with fields, by their number behind the symbol (``f41``), changed."""
    parts = line.split("|")
    for name, value in fields.items():
        parts[2 + int(name[1:])] = value
    return "|".join(parts)


def test_a_future_field_by_field() -> None:
    stock = PARSE(FUTURE.encode())
    assert stock is not None
    told = stock.snapshot
    assert (told.board, told.raw_symbol, told.code, told.instrument_type) == ("MAIN", "S#41I1FC000", "41I1FC000", "vnf")
    assert (told.timestamp_ns, told.server_timestamp_ns) == (1_764_644_400_171_000_000, 1_764_644_400_125_000_000)
    assert (told.bids[0], told.bids[9]) == (PriceLevel(Decimal("1900.1"), 3), PriceLevel(Decimal("1899.2"), 12))
    assert (told.offers[0], told.offers[9]) == (PriceLevel(Decimal("1900.4"), 5), PriceLevel(Decimal("1901.3"), 23))
    assert (told.last_price, told.highest_price, told.lowest_price) == (Decimal("1900.3"), Decimal("1912.5"), Decimal(1893))
    assert (told.foreigner_buy_volume, told.foreigner_buy_value) == (2100, 399_686_700_000)
    assert (told.foreigner_sell_volume, told.foreigner_sell_value) == (1800, 342_588_600_000)
    assert (told.change, stock.change_percent) == (Decimal("-4.7"), Decimal("-0.25"))
    assert (told.total_match_volume, told.total_match_value) == (98_000, 18_652_046_000_000)
    assert (told.total_bid_volume, told.total_ask_volume, told.open_interest) == (12_045, 11_870, 40_210)
    assert (told.ceiling_price, told.floor_price, told.reference_price) == (Decimal("2038.3"), Decimal("1771.7"), Decimal(1905))
    assert (told.expire_date, told.session, told.group, told.floating_shares) == ("18/12/2025", "LO", "VN30", 0)
    assert (stock.last_volume, stock.average_price, stock.kind, stock.status) == (4, Decimal("1903.27"), "f", "N")
    assert (stock.open_price, stock.last_trading_date) == (Decimal("1906.2"), "20251218")
    assert (stock.expected_price, stock.expected_volume) == (Decimal("1906.2"), 812)
    assert (stock.expected_change, stock.expected_change_percent) == (Decimal("1.2"), Decimal("0.06"))
    assert stock.expected_at_ns == 1_764_640_799_950_000_000


def test_a_share_in_an_auction_has_three_levels_and_a_best_bid_without_a_price() -> None:
    told = snapshot(SHARE)
    assert told.bids[:4] == (
        PriceLevel(Decimal(0), 120_300),
        PriceLevel(Decimal(61_900), 45_000),
        PriceLevel(Decimal(61_800), 72_100),
        PriceLevel(),
    )
    assert (told.foreign_room, told.floating_shares, told.expire_date) == ("812345678", 5_589_091_262, "")


def test_frames_of_other_kinds_and_acknowledgements_are_passed_over() -> None:
    assert [PARSE(line) is not None for line in LINES] == [False, True, True, False, False, False]


def test_whose_time_a_snapshot_has() -> None:
    bare = FUTURE.partition("|")[2]
    assert (snapshot(FUTURE).timestamp_ns, snapshot(bare).timestamp_ns) == (
        1_764_644_400_171_000_000,
        1_764_644_400_125_000_000,
    )
    stock = PARSE(bare, received_ns=7)
    assert stock is not None
    assert stock.snapshot.timestamp_ns == 7
    with pytest.raises(BadRequest, match="no time"):
        PARSE(bare.rpartition("|")[0] + "|")
    without_board = bare.partition("|")[2]
    assert snapshot(without_board).board == ""


def test_fields_may_be_empty_missing_at_the_end_or_more_than_known() -> None:
    parts = FUTURE.split("|")
    empty = "|".join(parts[:3] + [""] * 100)
    assert snapshot(empty) == SsiPsSnapshot(
        board="MAIN", raw_symbol="S#41I1FC000", code="41I1FC000", timestamp_ns=1_764_644_400_171_000_000
    )
    assert snapshot("|".join(parts[: 2 + LEAST_FIELDS])).reference_price == Decimal(1905)
    assert snapshot(FUTURE + "|new|fields") == snapshot(FUTURE)
    assert snapshot(changed(FUTURE, f54="1.8652046E13", f42="4.0")) == snapshot(FUTURE)


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("", "INVALID_REQUEST"),
        ("hello", "INVALID_REQUEST"),
        ("{", "INVALID_REQUEST"),
        (b"MAIN|S#\xff", "INVALID_REQUEST"),
        ("|".join(FUTURE.split("|")[:20]), "INVALID_REQUEST"),
        (changed(FUTURE, f0="S#"), "ID_NOT_VALID"),
        (changed(FUTURE, f0="S#A B"), "ID_NOT_VALID"),
        (changed(FUTURE, f0="S#" + "A" * 65), "ID_NOT_VALID"),
        (changed(FUTURE, f41="1,900"), "PRICE_NOT_VALID"),
        (changed(FUTURE, f41="-1"), "PRICE_NOT_VALID"),
        (changed(FUTURE, f41="1_900"), "PRICE_NOT_VALID"),
        (changed(FUTURE, f41="NaN"), "PRICE_NOT_VALID"),
        (changed(FUTURE, f41="9e99"), "PRICE_NOT_VALID"),
        (changed(FUTURE, f1="ATX"), "PRICE_NOT_VALID"),
        (changed(FUTURE, f2="-1"), "VOLUME_NOT_VALID"),
        (changed(FUTURE, f2="1.5"), "VOLUME_NOT_VALID"),
        (changed(FUTURE, f53="9" * 19), "VOLUME_NOT_VALID"),
        (changed(FUTURE, f51="down"), "INVALID_REQUEST"),
        (changed(FUTURE, f62="\x07"), "INVALID_REQUEST"),
        (changed(FUTURE, f64="9" * 200), "INVALID_REQUEST"),
        (changed(FUTURE, f100="10:00:00"), "INVALID_REQUEST"),
        (changed(FUTURE, f100="0"), "INVALID_REQUEST"),
        (changed(FUTURE, f100="99999999999999"), "INVALID_REQUEST"),
        ("7|8|" + FUTURE.split("|", 2)[2], "INVALID_REQUEST"),
        ("MAIN|7|" + FUTURE.split("|", 2)[2], "INVALID_REQUEST"),
        ("M*N|" + FUTURE.split("|", 2)[2], "ID_NOT_VALID"),
        (FUTURE + "|" * 20_000, "PAYLOAD_TOO_LARGE"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_code(frame: str | bytes, code: str) -> None:
    with pytest.raises(TradepitError) as caught:
        PARSE(frame)
    assert caught.value.reason_code == code


def test_protobuf_in_both_directions_as_its_own_compiler_writes_it() -> None:
    told = snapshot(FUTURE)
    compiled = compiled_text(KIND, (GOLDEN / "powerscreen_future.textproto").read_text("utf-8"))
    assert to_protobuf(told) == compiled
    assert from_protobuf(compiled) == told


def test_json_in_both_directions() -> None:
    for name, line in (("future", FUTURE), ("share", SHARE)):
        golden, told = (GOLDEN / f"powerscreen_{name}.json").read_bytes().rstrip(b"\n"), snapshot(line)
        assert msgspec.json.format(to_json(told), indent=2) == golden
        assert from_json(golden) == told


def test_json_is_what_protobufs_own_library_writes() -> None:
    for line in (FUTURE, SHARE):
        told = snapshot(line)
        theirs = MessageToDict(
            proto_messages.message_class(KIND).FromString(to_protobuf(told)), always_print_fields_with_no_presence=True
        )
        assert msgspec.json.decode(to_json(told)) == theirs


def test_an_instant_that_is_not_told_is_null_in_json() -> None:
    told = msgspec.structs.replace(snapshot(FUTURE), server_timestamp_ns=0)
    assert msgspec.json.decode(to_json(told))["serverTimestamp"] is None
    assert from_json(to_json(told)) == from_protobuf(to_protobuf(told)) == told


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, "ID_NOT_VALID"),
        ({"code": "A B"}, "ID_NOT_VALID"),
        ({"code": "A", "last_price": float("nan")}, "PRICE_NOT_VALID"),
        ({"code": "A", "last_price": -1.0}, "PRICE_NOT_VALID"),
        ({"code": "A", "best_bid_3": float("inf")}, "PRICE_NOT_VALID"),
        ({"code": "A", "best_offer_10_volume": -1}, "INVALID_REQUEST"),
        ({"code": "A", "session": "\n"}, "INVALID_REQUEST"),
        ({"code": "A", "timestamp": -1}, "INVALID_REQUEST"),
    ],
)
def test_a_message_with_nonsense_is_refused(fields: dict[str, object], code: str) -> None:
    with pytest.raises(TradepitError) as caught:
        from_protobuf(proto_messages.encode(KIND, fields))
    assert caught.value.reason_code == code


@pytest.mark.parametrize("payload", [b"", b"[]", b"null", b"\xff", b'{"code":7}', b'{"code":"A","timestamp":"now"}'])
def test_lines_that_are_no_snapshot(payload: bytes) -> None:
    with pytest.raises(BadRequest):
        from_json(payload)
