"""Having the disk keep what was written: in place while the disk is quick, in a thread of its own while it is slow."""

import asyncio
import os
import threading
from queue import SimpleQueue

from tradepit.runtime.clock import SystemClock

_Asked = tuple[int, "asyncio.Future[None]", asyncio.AbstractEventLoop]
_SLOW_NS = 3_000_000
_ON_THREAD = 256


class Disk:
    """One journal's way to the disk.

    A disk that answers in a fraction of a millisecond is waited for in place: handing over to a thread and back costs as much
    again as the wait, and what arrives meanwhile is read in one piece afterwards. Once it took 3 ms, the next 256 waits are
    a thread's, so that a slow disk holds up nothing but its journal.
    """

    def __init__(self) -> None:
        self._asked: SimpleQueue[_Asked | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._on_thread = 0
        self._now_ns = SystemClock().monotonic_ns

    async def sync(self, fd: int) -> None:
        """Return once the disk has all that was written to ``fd``, one call after another. Raises OSError."""
        if self._on_thread:
            self._on_thread -= 1
            await self._sync_on_thread(fd)
            return
        began_ns = self._now_ns()
        os.fdatasync(fd)
        if self._now_ns() - began_ns > _SLOW_NS:
            self._on_thread = _ON_THREAD

    async def end(self, fd: int) -> None:
        """``sync`` once more, then end the thread. Raises OSError."""
        try:
            await self._sync_on_thread(fd)
        finally:
            self._thread = None
            self._asked.put(None)

    async def _sync_on_thread(self, fd: int) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="journal-disk", daemon=True)
            self._thread.start()
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._asked.put((fd, done, loop))
        await done

    def _run(self) -> None:
        while (asked := self._asked.get()) is not None:
            fd, done, loop = asked
            error: OSError | None = None
            began_ns = self._now_ns()
            try:
                os.fdatasync(fd)
            except OSError as raised:
                error = raised
            slow = self._now_ns() - began_ns > _SLOW_NS
            try:
                loop.call_soon_threadsafe(self._tell, done, error, slow)
            except RuntimeError:
                continue  # the event loop has ended: nobody waits for it

    def _tell(self, done: "asyncio.Future[None]", error: OSError | None, slow: bool) -> None:
        if slow:
            self._on_thread = _ON_THREAD
        if done.done():
            return
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)
