"""Reads the data files that ship inside this room into strict types."""

from datetime import date
from importlib.resources import files
from typing import TypeVar

import msgspec

from tradepit.trading.model.errors import ConfigError

T = TypeVar("T")


def read_packaged(name: str, kind: type[T]) -> T:
    """The packaged TOML file ``data/<name>`` as a ``kind``. Raises ConfigError: not there, not TOML, a field wrong or unknown."""
    try:
        text = files(__package__ or "").joinpath("data", *name.split("/")).read_text(encoding="utf-8")
        return msgspec.toml.decode(text, type=kind)
    except (OSError, msgspec.MsgspecError) as error:
        raise ConfigError(f"data file {name}: {error}") from error


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a figure comes from, and the date it was true."""

    as_of: date
    text: str
