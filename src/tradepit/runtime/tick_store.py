"""Rows of ticks waiting for the disk: kept by symbol and trading day, written as segments, never forgotten silently."""

import asyncio
from pathlib import Path

import msgspec
from loguru import logger

from tradepit.runtime.tick_row import Row
from tradepit.runtime.tick_sequence import Seen

_REFUSED_KEPT = 10_000


class _Waiting:
    __slots__ = ("rows", "seen")

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.seen = Seen("", 0)


class TickStore:
    """Segments go to ``<directory>/<symbol>/<trading day>/``; refused messages to ``refused.jsonl``, the first 10,000 of them.

    When the disk refuses to write, rows stay waiting up to ``max_rows``; beyond that the newest are dropped and counted.
    ``waiting`` is what a crash would lose now.
    """

    def __init__(self, directory: Path, writer: str, max_rows: int) -> None:
        self._directory, self._writer, self._max_rows = directory, writer, max_rows
        self._rows: dict[tuple[str, str], _Waiting] = {}
        self._refused: list[dict[str, str]] = []
        self._lock = asyncio.Lock()
        self.waiting = self.written = self.segments = self.refused = self.dropped = 0
        self.problem = ""

    async def open(self) -> dict[str, Seen]:
        """Make the directory, clear what a killed life left unfinished; per symbol, where the recorded stream stands."""
        from tradepit.runtime.tick_segments import clear_unfinished, last_seen  # noqa: PLC0415 - polars loads slowly

        self._directory.mkdir(parents=True, exist_ok=True)
        await asyncio.to_thread(clear_unfinished, self._directory, self._writer)
        return await asyncio.to_thread(last_seen, self._directory)

    def add(self, row: Row, seen: Seen) -> None:
        """Take a row; ``seen`` is its number in the stream."""
        if self.waiting >= self._max_rows:
            self.dropped += 1
            return
        key = (str(row[2]), str(row[1]))
        waiting = self._rows.get(key)
        if waiting is None:
            waiting = self._rows[key] = _Waiting()
        waiting.rows.append(row)
        waiting.seen = seen
        self.waiting += 1

    def refuse(self, subject: str, payload: bytes, code: str, reason: str) -> None:
        """Keep a bad message with its reason."""
        self.refused += 1
        if self.refused <= _REFUSED_KEPT:
            text = payload[:200].decode(errors="replace")
            self._refused.append({"subject": subject[:200], "code": code, "reason": reason[:300], "payload": text})

    async def flush(self) -> bool:
        """Write what is waiting; True when all of it is on disk."""
        async with self._lock:
            taken, self._rows = self._rows, {}
            notes, self._refused = self._refused, []
            try:
                for key in sorted(taken):
                    await asyncio.to_thread(self._write, key, taken[key])
                    count = len(taken.pop(key).rows)
                    self.waiting -= count
                    self.written += count
                    self.segments += 1
                if notes:
                    await asyncio.to_thread(self._write_notes, notes)
                    notes = []
            except OSError as error:
                self.problem = f"cannot write: {error.strerror or error}"
                logger.error("recording waits: {}", self.problem)
            else:
                self.problem = ""
            self._put_back(taken, notes)
            return not self.problem

    def _put_back(self, taken: dict[tuple[str, str], _Waiting], notes: list[dict[str, str]]) -> None:
        for key, former in taken.items():
            newer = self._rows.get(key)
            if newer is not None:
                former.rows += newer.rows
                former.seen = newer.seen
            self._rows[key] = former
        self._refused[:0] = notes

    def _write(self, key: tuple[str, str], waiting: _Waiting) -> None:
        from tradepit.runtime.tick_segments import write_segment  # noqa: PLC0415 - polars loads slowly

        symbol, day = key
        write_segment(self._directory / symbol / day, waiting.rows, waiting.seen, self._writer)

    def _write_notes(self, notes: list[dict[str, str]]) -> None:
        with (self._directory / "refused.jsonl").open("ab") as file:
            file.writelines(msgspec.json.encode(note) + b"\n" for note in notes)
