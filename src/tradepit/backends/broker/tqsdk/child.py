"""One life of the TqSDK process as its parent sees it: started with a clean environment, spoken to over a socket pair, ended for sure."""

import asyncio
import contextlib
import fcntl
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import IO

import msgspec
from loguru import logger

from tradepit.backends.broker.tqsdk.frames import HEAD_BYTES, FromProcess, Login, ToProcess, length_of, pack
from tradepit.trading.model.errors import Unavailable

_DECODER = msgspec.msgpack.Decoder(FromProcess)
MODULE = "tradepit.backends.broker.tqsdk.process"
_LOG_BYTES = 1 << 20
_LOOPBACK = "127.0.0.1,localhost"
# Addresses and holidays TqSDK may be pointed to. Its other variables replace account, password or mode behind the caller's back.
_TQ_ALLOWED = frozenset({"TQ_AUTH_URL", "TQ_MD_URL", "TQ_TD_URL", "TQ_INS_URL", "TQ_CHINESE_HOLIDAY_URL", "TQ_CONT_TABLE_URL"})
_PASSED = frozenset(
    {"PATH", "LANG", "LC_ALL", "TZ", "PYTHONPATH", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR"}
    | {name for word in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY") for name in (word, word.lower())}
)


def environment_for(folder: Path, own: Mapping[str, str]) -> dict[str, str]:
    """What the process sees of our environment: nothing secret, nothing that changes what TqSDK does, its files in ``folder``."""
    kept = {name: value for name, value in own.items() if name in _PASSED or name in _TQ_ALLOWED}
    for name in ("NO_PROXY", "no_proxy"):
        kept[name] = ",".join(filter(None, (kept.get(name), _LOOPBACK)))
    return kept | {"HOME": str(folder), "PYTHONUNBUFFERED": "1"}


class FolderLock:
    """The lock of a data folder: the process holds it, its parent only long enough to hand it over."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "tqsdk.lock"

    def take(self) -> IO[bytes]:
        """The locked file. Raises Unavailable while a process holds it."""
        lock = self._path.open("a+b")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise Unavailable("another TqSDK process works on this folder", folder=str(self._path.parent)) from None
        lock.truncate(0)
        return lock

    def end_holder(self) -> None:
        """End the process that holds the lock, and with it its owner's way to the broker. It may be stopped or stuck."""
        # The lock is held, so the process that wrote its id there still lives and the id cannot have been given to another.
        with contextlib.suppress(OSError, ValueError):
            os.kill(int(self._path.read_text()), signal.SIGKILL)


class TqsdkChild:
    """The process. ``hear`` is given every frame, in order, and awaited: a slow reader slows the process down."""

    def __init__(self, folder: Path, hear: Callable[[FromProcess], Awaitable[None]]) -> None:
        self._folder, self._hear = folder, hear
        self._process: asyncio.subprocess.Process | None = None
        self._writer: asyncio.StreamWriter | None = None

    @property
    def pid(self) -> int | None:
        """The process's id while it runs."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def start(self, login: Login, environment: Mapping[str, str]) -> asyncio.StreamReader:
        """Start and send the login. Raises Unavailable when another process works on the folder."""
        ours, theirs = socket.socketpair()
        try:
            with FolderLock(self._folder).take() as lock, theirs, _log(self._folder) as log:
                self._process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-m",
                    MODULE,
                    str(theirs.fileno()),
                    str(lock.fileno()),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=self._folder,
                    env=environment_for(self._folder, environment),
                    pass_fds=(theirs.fileno(), lock.fileno()),
                    start_new_session=True,  # Ctrl-C in a terminal ends the owner, and by that the process
                )
            reader, self._writer = await asyncio.open_connection(sock=ours)
        except BaseException:
            ours.close()
            await self.end()
            raise
        self.send(login)
        return reader

    def send(self, frame: ToProcess) -> bool:
        """Hand a frame to the process; False when it is certain that it will not read it."""
        if self._writer is None or self._writer.is_closing() or self.pid is None:
            return False
        self._writer.write(pack(frame))
        return True

    async def listen(self, reader: asyncio.StreamReader) -> None:
        """Hear until the process has ended or says what nobody understands. Raises what ``hear`` raises."""
        while (frame := await self._read(reader)) is not None:
            await self._hear(frame)

    @staticmethod
    async def _read(reader: asyncio.StreamReader) -> FromProcess | None:
        try:
            return _DECODER.decode(await reader.readexactly(length_of(await reader.readexactly(HEAD_BYTES))))
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        except (ValueError, msgspec.MsgspecError) as error:
            logger.error("tqsdk: the process says what nobody understands: {}", error)
            return None

    def kill(self) -> None:
        """End the process at once; ``listen`` then ends too."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    async def end(self) -> None:
        """End the process by force and wait until it has. Idempotent."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        self.kill()
        if self._process is not None:
            await self._process.wait()


def _log(folder: Path) -> IO[bytes]:
    path = folder / "tqsdk.log"
    if path.exists() and path.stat().st_size > _LOG_BYTES:
        path.replace(folder / "tqsdk.log.1")
    return path.open("ab")
