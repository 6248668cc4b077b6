"""Deadlines of many waits of a few lengths: one timer of the event loop per length, not one per wait."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

_Waiting = tuple[float, "asyncio.Future[Any]", Callable[[], Exception]]


class Deadlines:
    """Futures that fail when they are not done in time. Waits of one length fall due in the order they began.

    A timer of its own for every question costs more than the question's way through this process.
    """

    def __init__(self) -> None:
        self._lanes: dict[float, deque[_Waiting]] = {}

    def watch(self, future: "asyncio.Future[Any]", timeout_s: float, fail: Callable[[], Exception]) -> None:
        """Give ``future`` the exception that ``fail`` makes unless it is done within ``timeout_s`` seconds.

        ``fail`` is called for a cancelled one too, sometime: its owner forgets it there.
        """
        loop = asyncio.get_running_loop()
        lane = self._lanes.get(timeout_s)
        if lane is None:
            lane = self._lanes[timeout_s] = deque()
            loop.call_later(timeout_s, self._look, loop, timeout_s)
        lane.append((loop.time() + timeout_s, future, fail))

    def _look(self, loop: asyncio.AbstractEventLoop, timeout_s: float) -> None:
        lane, now = self._lanes[timeout_s], loop.time()
        while lane and (lane[0][1].done() or lane[0][0] <= now):
            _, future, fail = lane.popleft()
            if not future.done():
                future.set_exception(fail())
                future.exception()  # nobody may be waiting any more
            elif future.cancelled():
                fail()
        if lane:
            loop.call_later(max(0.0, lane[0][0] - now), self._look, loop, timeout_s)
        else:
            del self._lanes[timeout_s]
