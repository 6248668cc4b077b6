"""A thread with an event loop of its own, so that a bot that does not return holds up nobody but itself."""

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Protocol, TypeVar

ResultT = TypeVar("ResultT")


class Room(Protocol):
    """Where a bot's code runs."""

    def run(self, work: Coroutine[Any, Any, ResultT]) -> "Future[ResultT]":
        """Run ``work`` there; call it from anywhere."""

    def leave(self) -> None:
        """Nothing more will be run there. What does not return is left behind. Idempotent."""


class BotThread:
    """A daemon: a process can end though a bot never returns."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=name[:60], daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, ResultT]) -> "Future[ResultT]":
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def leave(self) -> None:
        with suppress(RuntimeError):  # it has been left already
            self._loop.call_soon_threadsafe(self._loop.stop)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
            left = asyncio.all_tasks(self._loop)
            for task in left:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        finally:
            self._loop.close()
