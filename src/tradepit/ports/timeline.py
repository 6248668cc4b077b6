"""Timelines in the cache: lines of text by instant, each once, and a stream that tells whoever listens of every new one."""

from collections.abc import Mapping
from typing import Protocol

import msgspec

KEY_PATTERN = r"[A-Za-z0-9_.:=-]{1,200}"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One line at an instant (UTC ms), and the fields under which the stream tells of it."""

    at_ms: int
    line: bytes
    told: Mapping[str, str | bytes]


class Timeline(Protocol):
    """Raises Unavailable, TimedOut (it may be done: do it again), IdNotValid for a key that is none (``KEY_PATTERN``), BadRequest
    for a key that holds something else. Everything may be done again.
    """

    async def connect(self) -> None:
        """Connect. Idempotent."""

    async def add(self, key: str, stream: str, entry: Entry, *, retention_ms: int = 0) -> bool:
        """Keep the entry's line under ``key`` by its instant and tell ``stream`` of it, both or neither; whether it was new.

        A line that is there already changes nothing, so what comes again is told once. With ``retention_ms`` lines older than that
        before the key's newest are dropped, and such a one is not taken; the stream drops about what it told as long ago.
        """

    async def close(self) -> None:
        """Disconnect. Idempotent."""
