"""What can be wrong: a finding is lost, duplicated or unexplained, has a stable code, and says where it can be seen."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from sys import intern
from typing import Any, NamedTuple


class Kind(StrEnum):
    """The three things that may never happen."""

    LOST = "LOST"
    DUPLICATED = "DUPLICATED"
    UNEXPLAINED = "UNEXPLAINED"


class Key(NamedTuple):
    """An intent's name: unique in the whole house."""

    account: str
    client_order_id: str

    @staticmethod
    def of(record: Mapping[str, Any]) -> "Key":
        """From the JSON of anything that names its intent."""
        return new(Key, (intern(record["account"]), intern(record["client_order_id"])))


# Past the constructor in Python that a named tuple has: keys and fills are made by the million.
new = tuple.__new__


NOBODY = Key("", "")


@dataclass(frozen=True, slots=True)
class Finding:
    """``evidence`` names journal and entry, for example ``orders#17``; ``key`` is empty when no intent is concerned."""

    kind: Kind
    code: str
    key: Key
    text: str
    evidence: tuple[str, ...] = ()


class Findings:
    """Collects findings, and counts what is still under way."""

    def __init__(self) -> None:
        self.found: list[Finding] = []
        self.in_flight: set[Key] = set()

    def lost(self, code: str, key: Key, text: str, evidence: Iterable[str] = ()) -> None:
        """Somebody was promised something that is nowhere."""
        self.found.append(Finding(Kind.LOST, code, key, text, tuple(evidence)))

    def duplicated(self, code: str, key: Key, text: str, evidence: Iterable[str] = ()) -> None:
        """Something happened twice."""
        self.found.append(Finding(Kind.DUPLICATED, code, key, text, tuple(evidence)))

    def unexplained(self, code: str, key: Key, text: str, evidence: Iterable[str] = ()) -> None:
        """Two witnesses contradict each other, or something happened without a cause."""
        self.found.append(Finding(Kind.UNEXPLAINED, code, key, text, tuple(evidence)))

    def add(self, others: "Findings") -> None:
        """Take over what somebody else found, behind what was found here."""
        self.found += others.found
        self.in_flight |= others.in_flight
