"""A journal's entries in groups, as they come: whoever works on them in groups falls behind in the journal, not in memory."""

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Self

from tradepit.ports.clock import Clock
from tradepit.ports.journal import Entry, Journal
from tradepit.trading.model.errors import JournalClosed, JournalCorrupted, TradepitError, Unavailable

_AGAIN_S, _MAX_AGAIN_S = 0.05, 1.0


class GatheredJournal:
    """Follows behind entry ``after`` while it is entered; at most ``ahead`` entries are read before they are asked for."""

    def __init__(self, journal: Journal, clock: Clock, *, after: int = 0, ahead: int = 1_000) -> None:
        self._journal, self._clock = journal, clock
        self._read: asyncio.Queue[Entry | TradepitError] = asyncio.Queue(ahead)
        self._reader: asyncio.Task[None] | None = None
        self._last = after
        self.problem = ""

    async def __aenter__(self) -> Self:
        self._reader = asyncio.get_running_loop().create_task(self._read_forever(), name="gathered-journal")
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._reader is not None:
            self._reader.cancel()
            with suppress(asyncio.CancelledError):
                await self._reader

    async def next(self, most: int, pause_s: float = 0.0, patience_s: float | None = None) -> list[Entry]:
        """The next entries, at most ``most``, gathered for ``pause_s`` once the first has come; none when it has not in ``patience_s``.

        Raises JournalCorrupted, JournalClosed.
        """
        entries: list[Entry] = []
        while len(entries) < most and (not entries or not self._read.empty()):
            try:
                async with asyncio.timeout(patience_s):
                    told = await self._read.get()
            except TimeoutError:
                break
            if isinstance(told, Entry):
                entries.append(told)
            elif entries:
                # What came before it is worked on first.
                self._read.put_nowait(told)
                break
            else:
                raise told
            if pause_s and len(entries) == 1 and self._read.empty():
                await self._clock.sleep(pause_s)
        return entries

    async def _read_forever(self) -> None:
        wait_s = _AGAIN_S
        while True:
            try:
                async for entry in self._journal.follow(self._last):
                    if entry.sequence != self._last + 1:
                        raise JournalCorrupted("entries are missing", expected=self._last + 1, found=entry.sequence)
                    await self._read.put(entry)
                    self._last, self.problem, wait_s = entry.sequence, "", _AGAIN_S
            except Unavailable as error:
                self.problem = str(error)[:200]
                await self._clock.sleep(wait_s)
                wait_s = min(wait_s * 2, _MAX_AGAIN_S)
            except TradepitError as error:
                await self._read.put(error)
                return
            else:
                await self._read.put(JournalClosed())
                return
