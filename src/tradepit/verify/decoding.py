"""From an entry's bytes to JSON objects, whole entries at a time, naming the record that is not JSON."""

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Self

from tradepit.verify.entries import Entry, UnreadableError

Json = dict[str, Any]
_PAGE = 200
_OBJECT = {dict}


def decode(entry: Entry, location: str) -> list[Json]:
    """The entry's records. Raises UnreadableError with the entry's number as the offset."""
    values = _objects(entry.records)
    if values is not None:
        return values
    for number, record in enumerate(entry.records, start=1):
        try:
            if isinstance(json.loads(record), dict):
                continue
        except ValueError:
            pass
        raise UnreadableError(location, entry.sequence, f"record {number} of entry {entry.sequence} is no JSON object")
    raise UnreadableError(location, entry.sequence, f"the records of entry {entry.sequence} are no JSON objects")


class FieldMissing:
    """Turns a record that lacks a field, or has one of another kind, into UnreadableError: use as ``with FieldMissing(…)``."""

    __slots__ = ("entry", "location")

    def __init__(self, location: str) -> None:
        self.location, self.entry = location, 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, KeyError | TypeError | ValueError | ArithmeticError):
            reason = f"a record of entry {self.entry} is not what it should be: {type(error).__name__} {error}"
            raise UnreadableError(self.location, self.entry, reason) from error


def numbered(entries: Iterator[Entry], guard: FieldMissing) -> Iterator[tuple[Entry, list[Json]]]:
    """Entries with their decoded records; ``guard`` learns which entry is being read."""
    while page := list(islice(entries, _PAGE)):
        # Decoding many small entries in one go takes half the time.
        values = _objects([record for entry in page for record in entry.records])
        at = 0
        for entry in page:
            guard.entry = entry.sequence
            end = at + len(entry.records)
            yield entry, decode(entry, guard.location) if values is None else values[at:end]
            at = end


def _objects(records: Sequence[bytes]) -> list[Json] | None:
    """The records as JSON objects, None when one is something else."""
    try:
        values = json.loads(b"[" + b",".join(records) + b"]")
    except ValueError:
        return None
    if len(values) != len(records) or set(map(type, values)) - _OBJECT:
        return None
    return values  # type: ignore[no-any-return]  # its members are dicts
