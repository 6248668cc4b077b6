"""A thread that has the disk keep what was written, while the event loop goes on."""

import asyncio
import os
import threading
from queue import SimpleQueue

_Asked = tuple[int, "asyncio.Future[None]", asyncio.AbstractEventLoop]


class DiskThread:
    """One journal's own thread: cheaper by half than a pool's for a wait as short as a disk's, and never behind others in a queue.

    The event loop cannot wait itself: of these waits, one in a hundred takes milliseconds, in which nothing else would be served.
    """

    def __init__(self) -> None:
        self._asked: SimpleQueue[_Asked | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    async def sync(self, fd: int) -> None:
        """Return once the disk has all that was written to ``fd``, one call after another. Raises OSError."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="journal-disk", daemon=True)
            self._thread.start()
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._asked.put((fd, done, loop))
        await done

    async def end(self, fd: int) -> None:
        """``sync`` once more, then end the thread. Raises OSError."""
        try:
            await self.sync(fd)
        finally:
            self._thread = None
            self._asked.put(None)

    def _run(self) -> None:
        while (asked := self._asked.get()) is not None:
            fd, done, loop = asked
            error: OSError | None = None
            try:
                os.fdatasync(fd)
            except OSError as raised:
                error = raised
            try:
                loop.call_soon_threadsafe(_tell, done, error)
            except RuntimeError:
                continue  # the event loop has ended: nobody waits for it


def _tell(done: "asyncio.Future[None]", error: OSError | None) -> None:
    if done.done():
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)
