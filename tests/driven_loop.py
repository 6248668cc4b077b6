"""An event loop whose time is what it gets done: a turn costs what it is told to cost, and nobody waits for a real clock."""

import asyncio
import selectors
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar, TypeVarTuple

from tradepit.runtime.clock import SystemClock

_T = TypeVar("_T")
_Args = TypeVarTuple("_Args")


class NothingLeft(AssertionError):
    """Everybody waits for somebody else: no timer runs, nothing is ready. On a real clock this would hang for ever."""


class DrivenLoop(asyncio.SelectorEventLoop):
    """Whether a lease is kept or a deadline met follows from the work done, not from how busy the machine is.

    ``turn_s`` is drawn for each turn and may be long, as on a machine that is busy with something else. When nothing is ready, the
    time of the next timer has come. What others hand to threads is done on the spot: a thread would race the time.
    """

    def __init__(self, turn_s: Callable[[], float]) -> None:
        self._passing = _Passing(turn_s)
        super().__init__(self._passing)

    def time(self) -> float:
        """Seconds since the loop was made."""
        return self._passing.now_s

    def run_in_executor(self, executor: Executor | None, func: Callable[[*_Args], _T], *args: *_Args) -> "asyncio.Future[_T]":
        """Done before it returns."""
        del executor
        future: asyncio.Future[_T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - belongs to whoever awaits it
            future.set_exception(error)
        return future


class DrivenClock(SystemClock):
    """The loop's time in place of the machine's; ``origin_ns`` is UTC nanoseconds when the loop was made."""

    def __init__(self, loop: asyncio.AbstractEventLoop, origin_ns: int) -> None:
        self._loop, self._origin_ns = loop, origin_ns

    def now_ns(self) -> int:
        return self._origin_ns + self.monotonic_ns()

    def monotonic_ns(self) -> int:
        return int(self._loop.time() * 1e9)


class _Passing(selectors.DefaultSelector):
    """Where a loop would wait, its time passes."""

    def __init__(self, turn_s: Callable[[], float]) -> None:
        super().__init__()
        self._turn_s = turn_s
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.now_s += self._turn_s()
        found = super().select(0)
        if found or timeout == 0:
            return found
        if timeout is None:
            raise NothingLeft
        self.now_s += timeout
        return []
