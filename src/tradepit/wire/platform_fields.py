"""The fields of a message from outside, read one by one: each has its type and range, or is refused with a code."""

import re
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar

from tradepit.trading.model.errors import BadRequest, PriceNotValid, VolumeNotValid
from tradepit.trading.model.ids import check_id
from tradepit.wire.instants import check_instant, from_duration, from_text

MAX_LOTS = 1_000_000
_MAX_MAGNITUDE = 15
_MAX_PRICE_MAGNITUDE = 11
_MAX_DIGITS = 20
_MAX_WORDS, _MAX_WORD, _MAX_VALUE = 64, 128, 1024
_NUMBER = re.compile(r"-?\d{1,20}(\.\d{1,20})?([eE][+-]?\d{1,2})?", re.ASCII)
_WHOLE = re.compile(r"\d{1,20}", re.ASCII)
Word = TypeVar("Word", bound=StrEnum)


class Fields:
    """What a body says, by the schema's names; unknown ones are passed over. Nothing is read as what it is not.

    Raises BadRequest and its kin. Numbers may be texts, as protobuf's JSON writes 64 bits. Instants and durations are texts in
    JSON, numbers of nanoseconds out of protobuf (``binary``).
    """

    def __init__(self, told: Mapping[str, Any], *, binary: bool) -> None:
        self._told, self._binary = told, binary

    def has(self, name: str) -> bool:
        """Whether the field is told."""
        return self._told.get(name) is not None

    def token(self, name: str, *, required: bool = True) -> str:
        """An id; empty where it is neither told nor required."""
        value = self._text(name)
        return check_id(value, name) if value or required else ""

    def text(self, name: str, *, longest: int = _MAX_VALUE) -> str:
        """A text of printable characters, empty where not told."""
        value = self._text(name)
        if len(value) > longest or not value.isprintable():
            raise BadRequest(f"{name} must be at most {longest} printable characters", field=name)
        return value

    def word(self, name: str, kind: type[Word], default: Word | None = None, *, prefix: str = "") -> Word:
        """One of a vocabulary's words, in capitals or not, with the schema's prefix or without."""
        value = self._text(name).upper().removeprefix(prefix)
        if value in ("", "UNSPECIFIED") and default is not None:
            return default
        found = next((member for member in kind if member.value.upper() == value), None)
        if found is None or not value:
            words = ", ".join(member.value for member in kind if member.value)
            raise BadRequest(f"{name} must be one of {words}", field=name, told=value[:32])
        return found

    def lots(self, name: str, *, least: int = 1) -> int:
        """Whole lots. Raises VolumeNotValid."""
        value = self._number(name, Decimal(0))
        if not least <= value <= MAX_LOTS or value != int(value):
            raise VolumeNotValid(field=name, volume=value)
        return int(value)

    def price(self, name: str) -> Decimal:
        """A positive price below 10^12. Raises PriceNotValid."""
        value = self._number(name, Decimal(0))
        if value <= 0 or value.adjusted() > _MAX_PRICE_MAGNITUDE or _places(value) > _MAX_DIGITS:
            raise PriceNotValid(field=name, price=value)
        return value

    def amount(self, name: str) -> Decimal:
        """Money, 0 where not told."""
        value = self._number(name, Decimal(0))
        if value.adjusted() > _MAX_MAGNITUDE or _places(value) > _MAX_DIGITS:
            raise BadRequest(f"{name} must be an amount", field=name)
        return value

    def whole(self, name: str, most: int) -> int:
        """A whole number from 0 to ``most``, 0 where not told."""
        value = self._told.get(name)
        if isinstance(value, str) and _WHOLE.fullmatch(value):
            value = int(value)
        if value is None:
            return 0
        if type(value) is not int or not 0 <= value <= most:
            raise BadRequest(f"{name} must be a whole number from 0 to {most}", field=name)
        return value

    def instant(self, name: str) -> int:
        """UTC nanoseconds, 0 where not told."""
        value = self._told.get(name)
        if value is None or value == "":
            return 0
        if self._binary and type(value) is int:
            return check_instant(value, name)
        return from_text(self._text(name), name)

    def duration(self, name: str) -> int:
        """Nanoseconds, 0 where not told; ``<name>_ms`` is read where ``<name>`` is not there."""
        value = self._told.get(name)
        if value is None:
            return check_instant(self.whole(f"{name}_ms", 86_400_000) * 1_000_000, name)
        if self._binary and type(value) is int:
            return check_instant(value, name)
        return from_duration(self._text(name), name)

    def texts(self, name: str) -> dict[str, str]:
        """A small map of texts, empty where not told."""
        value = self._told.get(name)
        if value is None:
            return {}
        if not isinstance(value, dict) or len(value) > _MAX_WORDS:
            raise BadRequest(f"{name} must be a map of at most {_MAX_WORDS} texts", field=name)
        for key, told in value.items():
            if not isinstance(told, str) or not 0 < len(key) <= _MAX_WORD or len(told) > _MAX_VALUE or "\0" in key + told:
                raise BadRequest(f"{name} must be a map of short texts", field=name, key=str(key)[:32])
        return dict(value)

    def inner(self, name: str) -> "Fields":
        """The fields of a message within. Raises BadRequest where it is none."""
        value = self._told.get(name)
        if not isinstance(value, dict):
            raise BadRequest(f"{name} must be an object", field=name)
        return Fields(value, binary=self._binary)

    def _text(self, name: str) -> str:
        value = self._told.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise BadRequest(f"{name} must be a text", field=name)
        return value

    def _number(self, name: str, default: Decimal) -> Decimal:
        value = self._told.get(name)
        if value is None:
            return default
        if isinstance(value, float):
            # The shortest text that reads back as the same number is what the sender wrote.
            value = repr(value)
        elif type(value) is int:
            value = str(value) if abs(value) < 10**20 else ""
        if not isinstance(value, str) or not _NUMBER.fullmatch(value):
            raise BadRequest(f"{name} must be a number", field=name)
        return Decimal(value)


def _places(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return -exponent if isinstance(exponent, int) else _MAX_DIGITS + 1
