"""References to secrets, ``vault:path#field``, wherever the name or the text of a secret is expected."""

import re
from collections.abc import Callable, Iterator, Mapping

import msgspec

from tradepit.trading.model.errors import ConfigError

PREFIX = "vault:"
_REFERENCE = re.compile(r"vault:([A-Za-z0-9_-][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*)(?:#([A-Za-z0-9_.-]{1,64}))?")


class SecretReference(msgspec.Struct, frozen=True):
    """A place in Vault, and one field of what is there; without a field all of it."""

    path: str
    field: str = ""


Resolve = Callable[[SecretReference], str]
"""The text that a reference stands for. Raises ConfigError, Unavailable; neither shows it."""


def read_reference(text: str) -> SecretReference:
    """What a text that begins with ``vault:`` refers to. Raises ConfigError."""
    found = _REFERENCE.fullmatch(text.strip())
    if found is None:
        # Not shown: it may be a secret that only looks like a reference.
        raise ConfigError("a reference to a secret is vault:path#field")
    return SecretReference(found[1], found[2] or "")


def resolved(text: str, resolve: Resolve) -> str:
    """The text itself, or what it refers to. Raises what ``resolve`` raises."""
    return resolve(read_reference(text)) if text.startswith(PREFIX) else text


class ReferredEnvironment(Mapping[str, str]):
    """An environment in which a variable may hold a reference, and a reference may stand for a variable's name."""

    def __init__(self, environment: Mapping[str, str], resolve: Resolve) -> None:
        self._environment, self._resolve = environment, resolve

    def __getitem__(self, name: str) -> str:
        """Raises KeyError, and what ``resolve`` raises."""
        return resolved(name if name.startswith(PREFIX) else self._environment[name], self._resolve)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and (name.startswith(PREFIX) or name in self._environment)

    def __iter__(self) -> Iterator[str]:
        return iter(self._environment)

    def __len__(self) -> int:
        return len(self._environment)

    def __repr__(self) -> str:
        return f"ReferredEnvironment({len(self._environment)} variables)"
