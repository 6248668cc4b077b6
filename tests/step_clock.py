"""A clock that is moved by hand and wakes sleepers at their instants, and views of it that can be paused as SIGSTOP pauses."""

import asyncio
import heapq
import itertools

from tests.waiting import settle


class StepClock:
    """Sleepers wake in the order of their instants while ``advance`` moves the time.

    It stands still while a thread works on what the loop has handed to it: else a slow machine would run a deadline out.
    """

    def __init__(self, now_ns: int = 0) -> None:
        self._origin_ns = now_ns
        self._mono_ns = 0
        self._sleepers: list[tuple[int, int, asyncio.Event]] = []
        self._numbers = itertools.count()

    def now_ns(self) -> int:
        return self._origin_ns + self._mono_ns

    def monotonic_ns(self) -> int:
        return self._mono_ns

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken = asyncio.Event()
        heapq.heappush(self._sleepers, (self._mono_ns + int(seconds * 1e9), next(self._numbers), woken))
        await woken.wait()

    async def advance(self, seconds: float) -> None:
        """Let so much time pass, and everything happen that falls due meanwhile."""
        await settle()
        until_ns = self._mono_ns + int(seconds * 1e9)
        while self._sleepers and self._sleepers[0][0] <= until_ns:
            at_ns, _, woken = heapq.heappop(self._sleepers)
            self._mono_ns = max(self._mono_ns, at_ns)
            woken.set()
            await settle()
        self._mono_ns = until_ns
        await settle()


class PausableClock:
    """One process's view: while paused, it does not wake; the time goes on without it."""

    def __init__(self, clock: StepClock) -> None:
        self._clock = clock
        self._running = asyncio.Event()
        self._running.set()

    def now_ns(self) -> int:
        return self._clock.now_ns()

    def monotonic_ns(self) -> int:
        return self._clock.monotonic_ns()

    async def sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)
        await self._running.wait()

    def pause(self) -> None:
        """SIGSTOP."""
        self._running.clear()

    def resume(self) -> None:
        """SIGCONT."""
        self._running.set()
