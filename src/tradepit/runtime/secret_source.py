"""Where a secret is read from: an environment variable or a file that nobody else can read; never a settings file."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from tradepit.trading.model.errors import ConfigError

_OTHERS = 0o077


class SecretPairs(Mapping[str, str]):
    """Secrets by name. Printed, it shows the names only."""

    def __init__(self, pairs: Mapping[str, str]) -> None:
        self._pairs = dict(pairs)

    def __getitem__(self, name: str) -> str:
        return self._pairs[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._pairs)

    def __len__(self) -> int:
        return len(self._pairs)

    def __repr__(self) -> str:
        return f"SecretPairs({', '.join(self._pairs)})"


def read_secret(variable: str, file: str, environment: Mapping[str, str]) -> str:
    """The secret, read anew at each call so that it can be renewed. A file comes first; its last line break is not part of it.

    Raises ConfigError, which names the place and never what is in it.
    """
    if file:
        return _from_file(Path(file))
    found = environment.get(variable, "") if variable else ""
    if not found:
        raise ConfigError("no secret: name an environment variable that is set, or a file", variable=variable)
    return found


def _from_file(path: Path) -> str:
    try:
        with path.open("rb") as source:
            # Asked of the open file: the name may mean another one a moment later.
            if os.fstat(source.fileno()).st_mode & _OTHERS:
                raise ConfigError("others can read the secret's file: chmod 600", file=str(path))
            found = source.read(4096).decode().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError("the secret's file cannot be read", file=str(path)) from error
    if not found:
        raise ConfigError("the secret's file is empty", file=str(path))
    return found


def read_pairs(text: str, place: str) -> SecretPairs:
    """Secrets by name from a JSON object of texts; numbers and truths become text. Raises ConfigError, which never shows them."""
    try:
        told = msgspec.json.decode(text, type=dict[str, str | int | float | bool])
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError):
        # Not chained: the decoder's words may quote what it read.
        raise ConfigError("secrets are a JSON object of texts", place=place) from None
    return SecretPairs({name: value if isinstance(value, str) else str(value) for name, value in told.items()})
