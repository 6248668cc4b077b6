"""Timelines in memory: for one process and for tests."""

import re

from tradepit.ports.timeline import KEY_PATTERN, Entry
from tradepit.trading.model.errors import IdNotValid, Unavailable


class MemoryTimelineStore:
    """What memory timelines keep; instances that share a store see the same lines."""

    def __init__(self) -> None:
        self.lines: dict[str, dict[bytes, int]] = {}
        self.told: dict[str, list[dict[str, bytes]]] = {}


class MemoryTimeline:
    """One member's view of a store. Its streams drop nothing."""

    def __init__(self, store: MemoryTimelineStore) -> None:
        self._store = store
        self._connected = False

    async def connect(self) -> None:
        self._connected = True

    async def add(self, key: str, stream: str, entry: Entry, *, retention_ms: int = 0) -> bool:
        if not self._connected:
            raise Unavailable("the cache is not connected")
        for name in (key, stream):
            if not re.fullmatch(KEY_PATTERN, name):
                raise IdNotValid(key=name)
        lines = self._store.lines.setdefault(key, {})
        oldest = max([*lines.values(), entry.at_ms]) - retention_ms if retention_ms else entry.at_ms
        if entry.line in lines or entry.at_ms < oldest:
            return False
        lines[entry.line] = entry.at_ms
        told = {name: value if isinstance(value, bytes) else value.encode() for name, value in entry.told.items()}
        self._store.told.setdefault(stream, []).append(told)
        if retention_ms:
            self._store.lines[key] = {line: at_ms for line, at_ms in lines.items() if at_ms >= oldest}
        return True

    async def close(self) -> None:
        self._connected = False
