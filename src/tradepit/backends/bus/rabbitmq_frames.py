"""What comes from a RabbitMQ server, with properties the client cannot read taken off their messages."""

import asyncio

from loguru import logger
from pamqp.header import ContentHeader

_CONTENT_HEADER, _HEAD_BYTES = 2, 7
_FIXED_BYTES, _NO_PROPERTIES = 12, b"\x00\x00"


class ReadableFrames:
    """A stream of frames. The client ends its connection at a content header it cannot decode: an instant in ns, a name that is
    no UTF-8. The server would deliver that message again at once, for ever, and nobody could take what is behind it. So such a
    message comes without its properties; its body is whole.

    The client reads a frame in three steps: its type, channel and size, then the rest.
    """

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self._head = b""
        self._passed_over = 0

    def at_eof(self) -> bool:
        """Whether there is nothing more to read."""
        return self._reader.at_eof()

    async def read(self, count: int = -1) -> bytes:
        """Up to ``count`` bytes, as they come."""
        return await self._reader.read(count)

    async def readexactly(self, count: int) -> bytes:
        """The next step of a frame. Raises IncompleteReadError."""
        part = await self._reader.readexactly(count)
        if len(self._head) < _HEAD_BYTES:
            self._head += part
            return part
        head, self._head = self._head, b""
        return self._readable(part) if head[0] == _CONTENT_HEADER else part

    def _readable(self, part: bytes) -> bytes:
        try:
            ContentHeader().unmarshal(part[:-1])
        except Exception as error:  # noqa: BLE001 - whatever it is, the client would end the connection over it
            self._passed_over += 1
            if self._passed_over == 1:
                logger.warning("a message's properties cannot be read and are passed over, as others' will be: {}", error)
            # Of the same length, since the size was read before; what follows the empty list of properties is not looked at.
            return part[:_FIXED_BYTES] + _NO_PROPERTIES + part[_FIXED_BYTES + len(_NO_PROPERTIES) :]
        return part
