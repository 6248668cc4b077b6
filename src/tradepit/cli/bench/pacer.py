"""A pacer that starts work on schedule to the microsecond: event-loop timers of 1 ms would hide what a load of 5,000/s really waits."""

import asyncio
import ctypes
import os
import sys
from collections.abc import AsyncIterator

from tradepit.ports.clock import Clock

_CLOCK_MONOTONIC = 1
_NONBLOCK = 0o4000


class _Moment(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Setting(ctypes.Structure):
    _fields_ = (("interval", _Moment), ("first", _Moment))


async def schedule(clock: Clock, *, per_s: float, seconds: float) -> AsyncIterator[int]:
    """Yields, as each falls due, the scheduled instants (monotonic ns) of a steady load. A late caller is told the instants it
    missed one after another without waiting: time lost counts against the measured, not against the schedule.
    """
    interval_ns = int(1e9 / per_s)
    started_ns = clock.monotonic_ns() + interval_ns
    timer = _open_timer(interval_ns)
    try:
        for number in range(int(per_s * seconds)):
            due_ns = started_ns + number * interval_ns
            if clock.monotonic_ns() >= due_ns:
                await asyncio.sleep(0)  # late already: what is measured may run in this very event loop
            while clock.monotonic_ns() < due_ns:
                await _tick(timer)
            yield due_ns
    finally:
        if timer >= 0:
            os.close(timer)


def _open_timer(interval_ns: int) -> int:
    """A timerfd on Linux, -1 elsewhere."""
    if not sys.platform.startswith("linux"):
        return -1
    libc = ctypes.CDLL(None, use_errno=True)
    timer: int = libc.timerfd_create(_CLOCK_MONOTONIC, _NONBLOCK)
    if timer < 0:
        return -1
    step = _Moment(interval_ns // 1_000_000_000, interval_ns % 1_000_000_000)
    libc.timerfd_settime(timer, 0, ctypes.byref(_Setting(step, step)), None)
    return timer


async def _tick(timer: int) -> None:
    if timer < 0:
        await asyncio.sleep(0)
        return
    loop = asyncio.get_running_loop()
    due = loop.create_future()

    def fire() -> None:
        os.read(timer, 8)
        if not due.done():
            due.set_result(None)

    loop.add_reader(timer, fire)
    try:
        await due
    finally:
        # Also when the caller gives up: the loop must not watch a file that will be closed.
        loop.remove_reader(timer)
