"""A piece of network cable between a client and a server on loopback: it can be cut, and it can go silent."""

import asyncio
import contextlib
from types import TracebackType
from typing import Self


class Relay:
    """Passes bytes from a free port of its own to ``port``, both on 127.0.0.1, until told otherwise."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self.port = 0
        self.accepted = 0

    def cut(self) -> None:
        """Break every connection at once, as a lost router does; new ones work."""
        for writer in self._writers:
            writer.transport.abort()

    def silence(self) -> None:
        """Swallow nothing, pass nothing, close nothing: both sides believe that they are connected."""
        self._flowing.clear()

    def restore(self) -> None:
        """Pass bytes again, those held back first."""
        self._flowing.set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        self.accepted += 1
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            self._writers.discard(writer)
            return
        self._writers.add(far_writer)
        loop = asyncio.get_running_loop()
        for source, sink in ((reader, far_writer), (far_reader, writer)):
            task = loop.create_task(self._pass(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError):
                while data := await reader.read(65_536):
                    await self._flowing.wait()
                    writer.write(data)
                    await writer.drain()
        finally:
            writer.transport.abort()
            self._writers.discard(writer)
