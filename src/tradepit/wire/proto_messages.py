"""Protobuf messages as plain mappings: bytes to names and values and back, by the compiled schemas of ``proto/``.

The only module that knows the library protobuf (extra ``protobuf``); whoever reads or writes JSON alone never loads it. An enum's
value is its word without the prefix (``BUY`` of ``ORDER_SIDE_BUY``), ``""`` where it is unspecified; instants and durations are
nanoseconds; a wrapped number is the number. What has its default is left out.
"""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass

from tradepit.trading.model.errors import BadRequest, PayloadTooLarge

MAX_MESSAGE_BYTES = 64 * 1024
COMPILED = "compiled.binpb"
_SECOND = 1_000_000_000
_SPANS = ("google.protobuf.Timestamp", "google.protobuf.Duration")
_WRAPPER = "google.protobuf.DoubleValue"


def compiled() -> FileDescriptorSet:
    """The compiled schemas, as ``make proto`` wrote them."""
    return FileDescriptorSet.FromString((files("tradepit.wire.proto") / COMPILED).read_bytes())


@cache
def message_class(kind: str) -> Any:  # noqa: ANN401 - message classes are made at run time
    """The library's class of a message, by its full name. Raises KeyError."""
    return GetMessageClass(_pool().FindMessageTypeByName(kind))


def encode(kind: str, fields: Mapping[str, object]) -> bytes:
    """The message ``kind`` (its full name) with these fields; the same bytes for the same fields. Raises BadRequest."""
    message = message_class(kind)()
    try:
        _fill(message, fields)
    except (ValueError, TypeError, OverflowError) as error:
        raise BadRequest(str(error)[:200], kind=kind) from error
    told: bytes = message.SerializeToString(deterministic=True)
    return told


def decode(kind: str, payload: bytes) -> dict[str, Any]:
    """The fields of a message. Unknown fields are ignored. Raises BadRequest, PayloadTooLarge."""
    if len(payload) > MAX_MESSAGE_BYTES:
        raise PayloadTooLarge(size=len(payload), limit=MAX_MESSAGE_BYTES)
    try:
        message = message_class(kind).FromString(payload)
    except DecodeError as error:
        raise BadRequest("not a protobuf message of this kind", kind=kind) from error
    return _fields(message)


@cache
def _pool() -> DescriptorPool:
    # A pool of our own: a program that has its own code for the same schemas may live in the same process.
    pool = DescriptorPool()
    for file in compiled().file:
        pool.Add(file)
    return pool


@cache
def _prefix(enum: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", enum.rpartition(".")[2]).upper() + "_"


def _fields(message: Any) -> dict[str, Any]:  # noqa: ANN401 - as above
    return {field.name: _value(field, value) for field, value in message.ListFields()}


def _value(field: Any, value: Any) -> Any:  # noqa: ANN401 - as above
    if field.enum_type is not None:
        known = field.enum_type.values_by_number.get(value)
        if known is None:
            raise BadRequest(f"{field.name} has a value nobody knows", field=field.name, value=value)
        return known.name.removeprefix(_prefix(field.enum_type.full_name))
    if field.message_type is None:
        return value
    name = field.message_type.full_name
    if name in _SPANS:
        if not 0 <= value.nanos < _SECOND:
            raise BadRequest(f"{field.name} is not an instant or a duration", field=field.name)
        return value.seconds * _SECOND + value.nanos
    if name == _WRAPPER:
        return value.value
    return dict(value) if field.message_type.GetOptions().map_entry else _fields(value)


def _fill(message: Any, fields: Mapping[str, Any]) -> None:  # noqa: ANN401 - as above
    for name, value in fields.items():
        field = message.DESCRIPTOR.fields_by_name[name]
        if field.enum_type is not None:
            setattr(message, name, field.enum_type.values_by_name[_prefix(field.enum_type.full_name) + value].number)
        elif field.message_type is not None:
            _fill_inner(getattr(message, name), field.message_type, value)
        else:
            setattr(message, name, float(value) if field.cpp_type == field.CPPTYPE_DOUBLE else value)


def _fill_inner(inner: Any, kind: Any, value: Any) -> None:  # noqa: ANN401 - as above
    if kind.GetOptions().map_entry:
        inner.update(value)
        return
    inner.SetInParent()
    if kind.full_name in _SPANS:
        inner.seconds, inner.nanos = divmod(value, _SECOND)
    elif kind.full_name == _WRAPPER:
        inner.value = float(value)
    else:
        _fill(inner, value)
