"""A PowerScreen snapshot as protobuf, as on the topic, and as protobuf's JSON with unpopulated fields, as in Redis."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from tradepit.trading.model.errors import BadRequest, PriceNotValid
from tradepit.trading.model.ids import check_id
from tradepit.wire import proto_messages
from tradepit.wire.instants import check_instant, from_text, to_text
from tradepit.wire.powerscreen import LEVELS, PriceLevel, SsiPsSnapshot

KIND = "markets.v1.SsiPsSnapshot"
_ENCODER = msgspec.json.Encoder(decimal_format="number")
_INSTANTS = ("timestamp", "server_timestamp")
_SIDES = {"bids": "best_bid", "offers": "best_offer"}
_MAX_TEXT = 128
_MAX_COUNT = 2**63 - 1
_PLAIN = {
    field.name: field.type
    for field in msgspec.structs.fields(SsiPsSnapshot)
    if field.name not in _SIDES and not field.name.endswith("_ns")
}
_CHANGES = "change"


def to_protobuf(snapshot: SsiPsSnapshot) -> bytes:
    """The message's bytes: the same for the same snapshot."""
    return proto_messages.encode(KIND, {name: value for name, value in _fields(snapshot).items() if value})


def from_protobuf(payload: bytes) -> SsiPsSnapshot:
    """The snapshot in a message. Prices are the shortest decimals that read as the same number.

    Raises BadRequest and its kin (IdNotValid for the code, PriceNotValid, PayloadTooLarge).
    """
    return _snapshot(proto_messages.decode(KIND, payload))


def to_json(snapshot: SsiPsSnapshot) -> bytes:
    """One line as protobuf's JSON writes it: camel case, whole numbers of 64 bits as texts, instants in UTC, nothing left out."""
    told: dict[str, object] = {}
    for name, value in _fields(snapshot).items():
        if name in _INSTANTS:
            told[_JSON[name]] = to_text(int(value)) if value else None
        else:
            told[_JSON[name]] = str(value) if isinstance(value, int) else value
    return _ENCODER.encode(told)


def from_json(payload: bytes) -> SsiPsSnapshot:
    """The snapshot in a line of JSON. Raises as ``from_protobuf``."""
    try:
        body = msgspec.json.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise BadRequest(str(error)[:200]) from error
    if not isinstance(body, dict):
        raise BadRequest("a snapshot must be a JSON object")
    told = {name: body[key] for name, key in _JSON.items() if body.get(key) is not None}
    for name in _INSTANTS:
        if name in told:
            told[name] = from_text(str(told[name]), name)
    return _snapshot(told)


def _fields(snapshot: SsiPsSnapshot) -> dict[str, str | int | Decimal]:
    """By the schema's names, in the order of its numbers."""
    told: dict[str, str | int | Decimal] = {}
    for name in SsiPsSnapshot.__struct_fields__:
        value = getattr(snapshot, name)
        if name in _SIDES:
            for number, level in enumerate(value, start=1):
                told[f"{_SIDES[name]}_{number}"] = level.price
                told[f"{_SIDES[name]}_{number}_volume"] = level.volume
        else:
            told[name.removesuffix("_ns")] = value
    return told


def _snapshot(told: Mapping[str, Any]) -> SsiPsSnapshot:
    plain = {name: _checked(name, kind, told[name]) for name, kind in _PLAIN.items() if name in told}
    check_id(str(plain.setdefault("code", "")), "code")
    stamps = {f"{name}_ns": check_instant(told.get(name, 0), name) for name in _INSTANTS}
    sides = {name: _levels(told, prefix) for name, prefix in _SIDES.items()}
    return msgspec.convert({"board": "", "raw_symbol": "", **plain, **stamps, **sides}, SsiPsSnapshot)


def _levels(told: Mapping[str, Any], prefix: str) -> tuple[PriceLevel, ...]:
    return tuple(
        PriceLevel(
            _price(f"{prefix}_{number}", told.get(f"{prefix}_{number}", 0)),
            _count(f"{prefix}_{number}_volume", told.get(f"{prefix}_{number}_volume", 0)),
        )
        for number in range(1, LEVELS + 1)
    )


def _checked(name: str, kind: object, value: object) -> str | int | Decimal:
    if kind is str:
        if not isinstance(value, str) or len(value) > _MAX_TEXT or not value.isprintable():
            raise BadRequest("a text must be short and printable", field=name)
        return value
    return _count(name, value) if kind is int else _price(name, value)


def _count(name: str, value: object) -> int:
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= 19:
        value = int(value)
    if type(value) is not int or not 0 <= value <= _MAX_COUNT:
        raise BadRequest("a count must be a whole number", field=name)
    return value


def _price(name: str, value: object) -> Decimal:
    if type(value) not in (int, float) or not abs(value) < 10**16:  # type: ignore[arg-type]  # the type was just looked at
        raise PriceNotValid(field=name)
    if value < 0 and name != _CHANGES:  # type: ignore[operator]  # as above
        raise PriceNotValid(field=name)
    # 1720.0 in a double was written as 1720 by whoever made it.
    text = repr(value)
    return Decimal(text.removesuffix(".0"))


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


_JSON = {name: _camel(name) for name in _fields(SsiPsSnapshot(board="", raw_symbol="", code="", timestamp_ns=0))}
