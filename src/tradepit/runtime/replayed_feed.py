"""Recorded ticks played again: from a Parquet file or a recorder's directory, at their own pace, faster, or without pauses."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from heapq import merge
from itertools import chain
from pathlib import Path

from loguru import logger

from tradepit.ports.clock import Clock
from tradepit.runtime.tick_parquet import RowRefused, TickFile, tick_files
from tradepit.trading.calendar.catalog import Catalog
from tradepit.trading.model.errors import RecordingRefused
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.tick import Tick

REFUSED_KEPT = 1_000
_BATCH = 128
_NS = 1_000_000_000


class ReplayedFeed:
    """Every row of the recording is either played or counted as refused with its reason.

    ``speed``: 1 is the recorded pace, 0 as fast as the receiver takes it. Pauses longer than ``max_pause_s`` recorded seconds
    (lunch, night) are cut to that. ``symbols`` picks instruments, all when empty. Raises RecordingRefused when no file can be
    played.
    """

    def __init__(
        self,
        path: Path,
        catalog: Catalog,
        clock: Clock,
        *,
        speed: float = 1.0,
        max_pause_s: float = 60.0,
        symbols: Sequence[str] = (),
    ) -> None:
        self._catalog, self._clock, self._speed, self._symbols = catalog, clock, speed, frozenset(symbols)
        self._pause_ns = int(max_pause_s * _NS)
        self.refused: list[RowRefused] = []
        self.reasons: dict[str, int] = {}
        self.rows = self.played = self.passed_over = self.refused_rows = 0
        self._instruments: dict[str, Instrument] = {}
        self._at_ns = 0
        self._finished = False
        self._files: dict[str, list[TickFile]] = {}
        self._open(path)

    @property
    def instruments(self) -> dict[str, Instrument]:
        return self._instruments

    def progress(self) -> dict[str, str | int | float | bool]:
        done = self.played + self.refused_rows + self.passed_over
        return {
            "source": "replay",
            "rows": self.rows,
            "played": self.played,
            "refused_rows": self.refused_rows,
            "passed_over": self.passed_over,
            "share_done": round(done / self.rows, 4) if self.rows else 1.0,
            "at_ns": self._at_ns,
            "finished": self._finished,
        }

    async def batches(self) -> AsyncIterator[Sequence[Tick]]:
        started_ns, ahead_ns = self._clock.monotonic_ns(), 0
        batch: list[Tick] = []
        for tick in self._ticks():
            pause_ns = min(tick.time_ns - self._at_ns, self._pause_ns) if self._at_ns else 0
            self._at_ns = tick.time_ns
            if self._speed > 0 and pause_ns > 0:
                if batch:
                    yield batch
                    batch = []
                ahead_ns += int(pause_ns / self._speed)
                wait_ns = started_ns + ahead_ns - self._clock.monotonic_ns()
                if wait_ns > 0:
                    await self._clock.sleep(wait_ns / _NS)
            batch.append(tick)
            self.played += 1
            if len(batch) >= _BATCH:
                yield batch
                batch = []
                await asyncio.sleep(0)
        if batch:
            yield batch
        self._finished = True
        logger.info("replay finished: {} rows, {} played, refused {}", self.rows, self.played, self.reasons)

    def _open(self, path: Path) -> None:
        failures = []
        for file in tick_files(path):
            try:
                opened = TickFile(file, self._catalog)
            except RecordingRefused as error:
                failures.append(error)
                self._refuse(
                    RowRefused(file=str(file), row=0, column=str(error.details.get("column", "")), code=error.reason_code)
                )
                continue
            # A recorder's directory is <symbol>/<trading day>/part: one stream per symbol, played together in time.
            self._files.setdefault(str(file.parent.parent), []).append(opened)
            self.rows += opened.rows
        if not self._files:
            raise failures[0]

    def _ticks(self) -> Iterator[Tick]:
        streams = [chain.from_iterable(self._read(file) for file in files) for files in self._files.values()]
        return merge(*streams, key=lambda tick: tick.time_ns)

    def _read(self, file: TickFile) -> Iterator[Tick]:
        for batch in file.batches():
            self._instruments |= file.instruments
            for fault in batch.refused:
                self.refused_rows += 1
                self._refuse(fault)
            for tick in batch.ticks:
                if self._symbols and tick.symbol not in self._symbols:
                    self.passed_over += 1
                else:
                    yield tick

    def _refuse(self, fault: RowRefused) -> None:
        self.reasons[fault.code] = self.reasons.get(fault.code, 0) + 1
        if len(self.refused) < REFUSED_KEPT:
            self.refused.append(fault)
            logger.debug("recording refused: {} row {} column {}: {}", fault.file, fault.row, fault.column or "-", fault.code)
