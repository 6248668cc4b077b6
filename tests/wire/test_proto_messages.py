"""The compiled schemas are those of the package, with the numbers the contract names; whole messages only, known values only."""

import pytest
from tests.proto_compiler import compile_schemas
from tests.proto_messages import compiled_text

from tradepit.trading.model.errors import BadRequest, PayloadTooLarge
from tradepit.wire import proto_messages
from tradepit.wire.proto_messages import compiled, decode, encode

INTENT = "qubit.orders.v1.OrderIntent"


def test_the_compiled_schemas_are_up_to_date() -> None:
    assert {file.name: file for file in compiled().file} == {file.name: file for file in compile_schemas().file}


def test_the_numbers_of_a_snapshots_fields() -> None:
    (file,) = (file for file in compiled().file if file.package == "markets.v1")
    numbers = {field.name: field.number for field in file.message_type[0].field}
    assert sorted(numbers.values()) == list(range(1, 68))
    sides = {"bid": 6, "offer": 26}
    for side, first in sides.items():
        for level in range(1, 11):
            assert numbers[f"best_{side}_{level}"] == first + 2 * (level - 1)
            assert numbers[f"best_{side}_{level}_volume"] == first + 2 * (level - 1) + 1
    told = {
        "board": 1, "raw_symbol": 2, "code": 3, "timestamp": 4, "server_timestamp": 5, "last_price": 46, "highest_price": 47,
        "instrument_type": 48, "lowest_price": 49, "foreigner_buy_volume": 50, "foreigner_buy_value": 51,
        "foreigner_sell_volume": 52, "foreigner_sell_value": 53, "change": 54, "total_match_volume": 55, "total_match_value": 56,
        "total_bid_volume": 57, "total_ask_volume": 58, "open_interest": 59, "ceiling_price": 60, "floor_price": 61,
        "reference_price": 62, "expire_date": 63, "session": 64, "foreign_room": 65, "group": 66, "floating_shares": 67,
    }  # fmt: skip
    assert told.items() <= numbers.items()


def test_unknown_fields_are_passed_over_and_unknown_values_are_not() -> None:
    assert decode(INTENT, encode(INTENT, {"intent_id": "i"}) + b"\xf8\x7f\x01") == {"intent_id": "i"}
    with pytest.raises(BadRequest, match="nobody knows"):
        decode(INTENT, b"\x28\x09")
    assert decode(INTENT, b"\x28\x00") == {}


def test_a_price_of_zero_is_told_and_no_price_is_not() -> None:
    assert decode(INTENT, compiled_text(INTENT, "limit_price {}")) == {"limit_price": 0.0}
    assert decode(INTENT, b"") == {}


@pytest.mark.parametrize("payload", [b"\x0a\x05ab", b"\xff", b"\x0a\x01\xff", b"\x52\x06\x08\x01\x10\x80\x94\xeb\xdc\x10"])
def test_bytes_that_are_no_message(payload: bytes) -> None:
    with pytest.raises(BadRequest):
        decode(INTENT, payload)


def test_what_is_too_large_or_does_not_fit() -> None:
    with pytest.raises(PayloadTooLarge):
        decode(INTENT, b"\0" * (proto_messages.MAX_MESSAGE_BYTES + 1))
    with pytest.raises(BadRequest):
        encode(INTENT, {"sequence": -1})
