"""What a journal is to the verifier: numbered entries of opaque records, and the error for one that cannot be read."""

from typing import NamedTuple


class Entry(NamedTuple):
    """One append: its number (1, 2, 3 …), the writer's epoch, the records written together."""

    sequence: int
    epoch: int
    records: tuple[bytes, ...]


class UnreadableError(Exception):
    """A journal, or an intent log, is missing or damaged: nothing can be said. ``exit_code`` is 2.

    ``location`` is the file or stream, ``offset`` the byte (file) or message (stream) at which reading ended.
    """

    exit_code = 2

    def __init__(self, location: str, offset: int, reason: str) -> None:
        super().__init__(f"cannot read {location} at offset {offset}: {reason}")
        self.location, self.offset, self.reason = location, offset, reason
