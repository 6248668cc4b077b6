"""The clocks: the machine's own, one that runs the exchange's day at any hour, and one that only moves when told."""

import asyncio
import time


class SystemClock:
    """The machine's clock."""

    def now_ns(self) -> int:
        return time.time_ns()

    def monotonic_ns(self) -> int:
        return time.monotonic_ns()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class ShiftedClock(SystemClock):
    """The machine's clock moved by a fixed offset, so that every process of a simulation agrees on the exchange's time."""

    def __init__(self, offset_ns: int) -> None:
        self.offset_ns = offset_ns

    def now_ns(self) -> int:
        return time.time_ns() + self.offset_ns


class ManualClock:
    """A clock that moves only when told; for tests and for exchanges driven by recorded ticks."""

    def __init__(self, now_ns: int = 0) -> None:
        self._now_ns = now_ns
        self._mono_ns = 0

    def now_ns(self) -> int:
        return self._now_ns

    def monotonic_ns(self) -> int:
        return self._mono_ns

    def advance_to(self, now_ns: int) -> None:
        """Move to ``now_ns`` if that is later; time never runs backwards."""
        step = now_ns - self._now_ns
        if step > 0:
            self._now_ns += step
            self._mono_ns += step

    async def sleep(self, seconds: float) -> None:
        self.advance_to(self._now_ns + int(seconds * 1e9))
        await asyncio.sleep(0)
