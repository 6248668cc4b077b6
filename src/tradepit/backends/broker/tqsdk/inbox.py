"""The TqSDK process's end of the socket: a thread that reads it, so that the end of the other side is noticed even when TqApi blocks."""

import os
import socket
import threading
from collections import deque
from collections.abc import Callable
from typing import NoReturn

import msgspec

from tradepit.backends.broker.tqsdk.frames import HEAD_BYTES, FromProcess, Login, Request, ToProcess, length_of, pack

_DECODER: "msgspec.msgpack.Decoder[ToProcess]" = msgspec.msgpack.Decoder(ToProcess)


class Inbox:
    """Frames from the parent, in order. The parent bounds how many requests wait at a time."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._waiting: deque[Request] = deque()
        self._wake: Callable[[], object] = _nobody
        self._sending = threading.Lock()

    def await_login(self) -> Login:
        """The first frame, and from then on the thread reads the others."""
        frame = self._read()
        if not isinstance(frame, Login):
            self.leave(2)
        threading.Thread(target=self._listen, name="inbox", daemon=True).start()
        return frame

    def attach(self, wake: Callable[[], object]) -> None:
        """Call ``wake`` from the thread whenever something waits."""
        self._wake = wake
        wake()

    def take(self) -> list[Request]:
        """All that waits."""
        taken: list[Request] = []
        while self._waiting:
            taken.append(self._waiting.popleft())
        return taken

    def tell(self, frame: FromProcess) -> None:
        """Send a frame; blocks while the parent does not read."""
        try:
            with self._sending:
                self._connection.sendall(pack(frame))
        except OSError:
            self.leave(0)

    def leave(self, code: int) -> NoReturn:
        """End the process without a farewell: nothing TqApi still holds may be sent."""
        os._exit(code)

    def _listen(self) -> None:
        while True:
            frame = self._read()
            if not isinstance(frame, Login):
                self._waiting.append(frame)
                self._wake()

    def _read(self) -> ToProcess:
        try:
            return _DECODER.decode(self._exactly(length_of(self._exactly(HEAD_BYTES))))
        except (OSError, EOFError):
            self.leave(0)
        except (ValueError, msgspec.MsgspecError):
            self.leave(2)

    def _exactly(self, count: int) -> bytes:
        parts = bytearray()
        while len(parts) < count:
            part = self._connection.recv(count - len(parts))
            if not part:
                raise EOFError
            parts += part
        return bytes(parts)


def _nobody() -> None:
    """Nobody listens yet."""
