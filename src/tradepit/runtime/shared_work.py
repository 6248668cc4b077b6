"""One task per key: who asks for a piece of work that is under way shares its result."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

from tradepit.runtime.eager import Started

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class SharedWork(Generic[K, T]):
    """Work under way, by key. A caller that goes away does not end it; ``stop`` does."""

    def __init__(self) -> None:
        self._tasks: dict[K, asyncio.Task[T]] = {}

    def __contains__(self, key: object) -> bool:
        return key in self._tasks

    async def share(self, key: K, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The result of the one piece of work there is for ``key``; ``work`` begins it when there is none."""
        task = self._tasks.get(key)
        if task is None:
            begun = Started(work())
            if begun.finished:
                return begun.result()
            task = self._tasks[key] = begun.task
            task.add_done_callback(lambda done: self._ended(key, done))
        return await asyncio.shield(task)

    async def stop(self) -> None:
        """Cancel everything and wait until it has ended."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, key: K, task: asyncio.Task[T]) -> None:
        del self._tasks[key]
        if not task.cancelled():
            # Nobody may be left to read it.
            task.exception()
