"""The newest ticks for whoever reads them at its own pace: one for each contract, however slow the reader is."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar


class OfContract(Protocol):
    """What is told of a contract."""

    @property
    def symbol(self) -> str:
        """The contract's code."""


TickT = TypeVar("TickT", bound=OfContract)


class TickReader(Generic[TickT]):
    """What one reader has not taken yet."""

    def __init__(self) -> None:
        self._waiting: dict[str, TickT] = {}
        self._wake = asyncio.Event()

    def put(self, ticks: Iterable[TickT]) -> None:
        """These are newer than what waits of their contracts."""
        for tick in ticks:
            self._waiting[tick.symbol] = tick
        self._wake.set()

    async def take(self) -> list[TickT]:
        """What there is, one tick of each contract; waits until there is something."""
        await self._wake.wait()
        self._wake.clear()
        taken, self._waiting = list(self._waiting.values()), {}
        return taken


class NewestTicks(Generic[TickT]):
    """Hands every reader what is new to it."""

    def __init__(self) -> None:
        self._readers: set[TickReader[TickT]] = set()

    @property
    def read(self) -> bool:
        """Whether anybody reads."""
        return bool(self._readers)

    @contextmanager
    def reader(self) -> Iterator[TickReader[TickT]]:
        """One more reader, while the block runs."""
        reader = TickReader[TickT]()
        self._readers.add(reader)
        try:
            yield reader
        finally:
            self._readers.discard(reader)

    def put(self, ticks: Iterable[TickT]) -> None:
        """News for every reader."""
        news = tuple(ticks)
        for reader in self._readers:
            reader.put(news)
