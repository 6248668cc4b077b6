"""The newest ticks for whoever reads them at its own pace: one for each contract, however slow the reader is."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from tradepit.backends.broker.tqsdk_frames import ToldTick


class TickReader:
    """What one reader has not taken yet."""

    def __init__(self) -> None:
        self._waiting: dict[str, ToldTick] = {}
        self._wake = asyncio.Event()

    def put(self, ticks: Iterable[ToldTick]) -> None:
        """These are newer than what waits of their contracts."""
        for tick in ticks:
            self._waiting[tick.symbol] = tick
        self._wake.set()

    async def take(self) -> list[ToldTick]:
        """What there is, one tick of each contract; waits until there is something."""
        await self._wake.wait()
        self._wake.clear()
        taken, self._waiting = list(self._waiting.values()), {}
        return taken


class NewestTicks:
    """Hands every reader what is new to it."""

    def __init__(self) -> None:
        self._readers: set[TickReader] = set()

    @property
    def read(self) -> bool:
        """Whether anybody reads."""
        return bool(self._readers)

    @contextmanager
    def reader(self) -> Iterator[TickReader]:
        """One more reader, while the block runs."""
        reader = TickReader()
        self._readers.add(reader)
        try:
            yield reader
        finally:
            self._readers.discard(reader)

    def put(self, ticks: Iterable[ToldTick]) -> None:
        """News for every reader."""
        for reader in self._readers:
            reader.put(ticks)
