"""One field after another: told as a text or a number, in its range, or refused."""

from decimal import Decimal
from typing import Any

import pytest

from tradepit.trading.model.errors import BadRequest, PriceNotValid, VolumeNotValid
from tradepit.wire.platform import Severity, StopMode
from tradepit.wire.platform_fields import Fields


def told(value: Any, *, binary: bool = False, name: str = "x") -> Fields:
    return Fields({name: value}, binary=binary)


def test_numbers_may_be_texts_as_protobufs_json_writes_them() -> None:
    assert (told("7").lots("x"), told(7.0).lots("x"), told("7").whole("x", 9)) == (7, 7, 7)
    assert (told("1900.30").price("x"), told(1900.3).price("x")) == (Decimal("1900.30"), Decimal("1900.3"))
    assert (told(-1.5).amount("x"), told(None).amount("x")) == (Decimal("-1.5"), Decimal(0))


@pytest.mark.parametrize("value", [True, [], {}, "", " 7", "0x7", "1_0", "seven", "٧"])
def test_what_is_no_number(value: Any) -> None:
    for read in (Fields.lots, Fields.price, Fields.amount):
        with pytest.raises(BadRequest):
            read(told(value), "x")


def test_ranges() -> None:
    for value in (None, 0, 1_000_001, 1.5):
        with pytest.raises(VolumeNotValid):
            told(value).lots("x")
    assert told(0).lots("x", least=0) == 0
    for price in (None, 0, -1, 10**12, "1e13"):
        with pytest.raises(PriceNotValid):
            told(price).price("x")
    for whole in (-1, 10, 1.0, "1.0", True):
        with pytest.raises(BadRequest):
            told(whole).whole("x", 9)


def test_words_and_defaults() -> None:
    assert told("severity_info").word("x", Severity, prefix="SEVERITY_") is Severity.INFO
    assert told("").word("x", StopMode, StopMode.GRACEFUL) is StopMode.GRACEFUL
    assert told("STOP_MODE_UNSPECIFIED").word("x", StopMode, StopMode.FORCE, prefix="STOP_MODE_") is StopMode.FORCE
    with pytest.raises(BadRequest, match="INFO, WARNING, CRITICAL"):
        told("").word("x", Severity)


def test_instants_are_texts_in_json_and_numbers_out_of_protobuf() -> None:
    assert told(5, binary=True).instant("x") == told("1970-01-01T00:00:00.000000005Z").instant("x") == 5
    assert told(5, binary=True).duration("x") == told("0.000000005s").duration("x") == 5
    assert told(5, name="x_ms").duration("x") == 5_000_000
    assert told(None).duration("x") == told("").instant("x") == 0
    for wrong in (told(5), told(-1, binary=True), told(2**63, binary=True)):
        with pytest.raises(BadRequest):
            wrong.instant("x")
        with pytest.raises(BadRequest):
            wrong.duration("x")


def test_maps_and_messages_within() -> None:
    assert told({"a": "b"}).texts("x") == {"a": "b"}
    assert told({"a": "b"}).inner("x").text("a") == "b"
    wrongs: tuple[Any, ...] = (7, [], {"": "b"}, {"a" * 129: "b"}, {"a": "b" * 1025}, {"a": None})
    for wrong in wrongs:
        with pytest.raises(BadRequest):
            told(wrong).texts("x")
    with pytest.raises(BadRequest):
        told("b").inner("x")
