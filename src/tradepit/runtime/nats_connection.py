"""One TCP connection to a NATS server: the client protocol on an asyncio transport, a burst of messages handled in one turn.

Protocol: https://docs.nats.io/reference/reference-protocols/nats-protocol. What a turn of the event loop publishes leaves in
one write, and what one read brings is handed over without a task or a queue between: the order path is dominated by those.
"""

import asyncio
import re
import ssl
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, cast
from urllib.parse import unquote, urlsplit

import msgspec
from loguru import logger

from tradepit.trading.model.errors import BadRequest, PayloadTooLarge, TimedOut, Unavailable

DEFAULT_PORT = 4222
NO_SERVER = "no NATS server answers"
_CRLF = b"\r\n"
_HEADER_LINE = b"NATS/1.0"
_PING, _PONG = b"PING\r\n", b"PONG\r\n"
_HIGH_WATER_BYTES = 8 * 1024 * 1024
_LONGEST_LINE = 64 * 1024
_REMEMBERED = 10_000
# A flood on one connection must not keep the event loop from the others: the lease has a connection of its own.
_TURN_MESSAGES = 64
# So many turns of the event loop, microseconds when nothing else is to be done, are given to those who are about to send too:
# a write costs this process, the server and its receiver more than what they have to say.
_LINGER_TURNS = 2
_SUBJECT = re.compile(r"[!-~]+")
_HEADER = re.compile(r"[!-9;-~]+")
_HEADER_VALUE = re.compile(r"[^\r\n]*")

Headers = Mapping[str, str]


class NatsMessage(msgspec.Struct, gc=False):
    """One message received. ``headers`` also carry a status line's ``Status`` and ``Description``; None when there are none."""

    subject: str = ""
    reply: str = ""
    data: bytes = b""
    headers: dict[str, str] | None = None


Receive = Callable[[NatsMessage], None]


class _Info(msgspec.Struct, frozen=True):
    max_payload: int = 1024 * 1024
    tls_required: bool = False


_INFO = msgspec.json.Decoder(_Info)


class NatsConnection(asyncio.Protocol):
    """Open with ``connect``. Callbacks run inside the read: they hand over and return. One that raises is logged.

    A connection that is lost stays lost (``closed``): NatsLink makes a new one. ``on_closed`` is told once.
    """

    def __init__(self, url: str, *, name: str, on_closed: Callable[[], None]) -> None:
        self._url, self._name, self._on_closed = url, name, on_closed
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._info: asyncio.Future[_Info] = self._loop.create_future()
        self._rest = b""
        self._out: list[bytes] = []
        self._pongs: deque[asyncio.Future[None]] = deque()
        self._callbacks: dict[bytes, Receive] = {}
        self._sids = 0
        self._lines: dict[str, bytes] = {}
        self._writable = asyncio.Event()
        self._writable.set()
        self._max_payload = 0
        self._lost: Unavailable | None = None
        self._paused = False

    async def connect(self, timeout_s: float) -> None:
        """Connect and greet. Raises Unavailable (refused, wrong credentials, no NATS server, no answer in time)."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._greet()
        except (OSError, ValueError, TimeoutError, Unavailable) as error:
            self.abort()
            raise Unavailable(NO_SERVER, url=_without_secret(self._url), cause=str(error)[:200]) from error
        except BaseException:
            self.abort()
            raise

    def subscribe(self, subject: str, receive: Receive, *, queue: str = "") -> int:
        """Subscribe; the server knows once a ``flush`` has returned. Raises BadRequest, Unavailable."""
        words = [subject, queue] if queue else [subject]
        for word in words:
            _check_subject(word)
        self._check_open()
        self._sids += 1
        self._callbacks[b"%d" % self._sids] = receive
        self._write(f"SUB {' '.join(words)} {self._sids}\r\n".encode())
        return self._sids

    async def unsubscribe(self, sid: int, timeout_s: float) -> None:
        """End a subscription; what the server had sent before is still handed over. Raises Unavailable, TimedOut."""
        try:
            if not self.closed:
                self._write(b"UNSUB %d\r\n" % sid)
                await self.flush(timeout_s)
        finally:
            self._callbacks.pop(b"%d" % sid, None)

    def publish(self, subject: str, payload: bytes, reply: str = "", headers: Headers | None = None) -> None:
        """Send at the end of this turn of the event loop, in order of the calls. Raises Unavailable, PayloadTooLarge, BadRequest."""
        self._check_open()
        head = _encode_headers(headers) if headers else b""
        size = len(head) + len(payload)
        if size > self._max_payload:
            raise PayloadTooLarge(bytes=size, limit=self._max_payload)
        line = self._line(subject)
        if reply:
            line = b"%b %b" % (line, reply.encode())
        if head:
            self._write(b"HPUB %b %d %d\r\n%b%b\r\n" % (line, len(head), size, head, payload))
        else:
            self._write(b"PUB %b %d\r\n%b\r\n" % (line, size, payload))

    @property
    def closed(self) -> bool:
        """The connection is lost, or was never made and will not be."""
        return self._lost is not None

    @property
    def is_full(self) -> bool:
        """The server does not take what is sent fast enough: await ``writable`` before sending more."""
        return not self._writable.is_set()

    async def writable(self) -> None:
        """Wait until the server takes more, or the connection is lost."""
        await self._writable.wait()

    async def flush(self, timeout_s: float) -> None:
        """Return once the server has handled everything sent before. Raises Unavailable, TimedOut."""
        self._check_open()
        pong: asyncio.Future[None] = self._loop.create_future()
        self._pongs.append(pong)
        self._write(_PING)
        try:
            async with asyncio.timeout(timeout_s):
                await pong
        except TimeoutError as error:
            raise TimedOut("the NATS server does not answer", timeout_s=timeout_s) from error

    async def close(self, timeout_s: float) -> None:
        """Send what was handed over, then disconnect; by force when the server does not take it in time. Idempotent."""
        if not self.closed:
            try:
                await self.flush(timeout_s)
            except Unavailable:
                pass
            finally:
                self.abort()

    def abort(self) -> None:
        """Disconnect at once."""
        if self._transport is not None:
            self._transport.abort()
        self._end("closed")

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclasses of asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=_HIGH_WATER_BYTES)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(str(exc) if exc else "the server closed the connection")

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        """Hand over every whole message; what is left of the last one waits for its rest."""
        data = self._rest + data if self._rest else data
        position, end, messages = 0, len(data), 0
        while position < end:
            if messages >= _TURN_MESSAGES:
                self._go_on_later()
                break
            line_end = data.find(_CRLF, position)
            if line_end < 0:
                if end - position > _LONGEST_LINE:
                    self._fail("a line without end")
                    return
                break
            first = data[position]
            if first in b"MH":
                stop = self._message(data, position, line_end, end)
                if stop < 0:
                    break
                position, messages = stop, messages + 1
            else:
                self._control(data[position:line_end])
                position = line_end + 2
            if self.closed:
                return
        self._rest = data[position:]

    def _go_on_later(self) -> None:
        if not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()
            self._loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        self._paused = False
        if self._lost is None and self._transport is not None:
            self._transport.resume_reading()
            self.data_received(b"")

    def _message(self, data: bytes, position: int, line_end: int, end: int) -> int:
        """Hand over the message that begins at ``position``; where it ends, -1 when it is not all there yet."""
        words = data[position:line_end].split()
        begin = line_end + 2
        try:
            stop = begin + int(words[-1])
            if stop + 2 > end:
                return -1
            headers = None
            if words[0] == b"HMSG":
                body = begin + int(words[-2])
                headers = decode_headers(data[begin:body])
                reply = words[3] if len(words) == 6 else b""
            else:
                body = begin
                reply = words[3] if len(words) == 5 else b""
            receive = self._callbacks.get(words[2])
            message = NatsMessage(words[1].decode(), reply.decode(), data[body:stop], headers)
        except (ValueError, IndexError) as error:
            self._fail(f"not a message of the protocol: {error}")
            return end
        if receive is not None:
            try:
                receive(message)
            except Exception as error:  # noqa: BLE001 - one bad message must not end the connection
                logger.opt(exception=error).error("handling a message on {} failed", message.subject)
        return stop + 2

    def _control(self, line: bytes) -> None:
        word = line[:4].upper()
        if word == b"PING":
            self._write(_PONG)
        elif word == b"PONG":
            if self._pongs and not (pong := self._pongs.popleft()).done():
                pong.set_result(None)
        elif word == b"INFO":
            info = _INFO.decode(line[5:])
            self._max_payload = info.max_payload
            if not self._info.done():
                self._info.set_result(info)
        elif word == b"-ERR":
            text = line[5:].decode(errors="replace").strip("' ")
            logger.debug("{}: the NATS server says: {}", self._name, text)
            if not text.lower().startswith(("permissions violation", "invalid subject")):
                self._fail(text)

    async def _greet(self) -> None:
        address = urlsplit(self._url if "://" in self._url else f"nats://{self._url}")
        host = address.hostname or "127.0.0.1"
        await self._loop.create_connection(lambda: self, host, address.port or DEFAULT_PORT)
        info = await self._info
        self._check_open()
        if address.scheme == "tls" or info.tls_required:
            await self._secure(host)
        hello: dict[str, Any] = {
            "verbose": False,
            "pedantic": False,
            "lang": "python",
            "version": "1",
            "protocol": 1,
            "headers": True,
            "no_responders": True,
            "echo": True,
            "name": self._name,
        }
        if address.password is not None:
            hello |= {"user": unquote(address.username or ""), "pass": unquote(address.password)}
        elif address.username:
            hello["auth_token"] = unquote(address.username)
        self._write(b"CONNECT %b\r\n" % msgspec.json.encode(hello))
        pong: asyncio.Future[None] = self._loop.create_future()
        self._pongs.append(pong)
        self._write(_PING)
        await pong

    async def _secure(self, host: str) -> None:
        plain = self._transport
        if plain is None:
            raise Unavailable("the server closed the connection")
        secure = await self._loop.start_tls(plain, self, ssl.create_default_context(), server_hostname=host)
        if secure is None:
            raise Unavailable("the server closed the connection")
        self._transport = secure

    def _line(self, subject: str) -> bytes:
        line = self._lines.get(subject)
        if line is None:
            _check_subject(subject)
            line = subject.encode()
            if len(self._lines) < _REMEMBERED and not subject.startswith("_INBOX."):
                self._lines[subject] = line
        return line

    def _write(self, command: bytes) -> None:
        if not self._out:
            self._loop.call_soon(self._send, _LINGER_TURNS)
        self._out.append(command)

    def _send(self, linger: int) -> None:
        if linger:
            self._loop.call_soon(self._send, linger - 1)
            return
        out, self._out = self._out, []
        if out and self._transport is not None and not self.closed:
            self._transport.write(out[0] if len(out) == 1 else b"".join(out))

    def _check_open(self) -> None:
        if self._lost is not None:
            raise Unavailable(self._lost.message)

    def _fail(self, why: str) -> None:
        logger.debug("{}: NATS connection: {}", self._name, why)
        if self._transport is not None:
            self._transport.abort()
        self._end(why)

    def _end(self, why: str) -> None:
        if self._lost is not None:
            return
        error = self._lost = Unavailable(f"the connection to the NATS server is lost: {why}"[:200])
        self._writable.set()
        waiting: list[asyncio.Future[Any]] = [self._info, *self._pongs]
        self._pongs.clear()
        for future in waiting:
            if not future.done():
                future.set_exception(error)
                future.exception()  # nobody may be waiting for it
        self._on_closed()


def _check_subject(subject: str) -> None:
    if not _SUBJECT.fullmatch(subject):
        raise BadRequest("not a subject", subject=subject[:200])


def _encode_headers(headers: Headers) -> bytes:
    lines = ["NATS/1.0"]
    for name, value in headers.items():
        if not _HEADER.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise BadRequest("not a header", header=name[:64])
        lines.append(f"{name}: {value}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def decode_headers(block: bytes) -> dict[str, str]:
    """The headers of a message, with a status line's ``Status`` and ``Description``."""
    first, *lines = block.decode(errors="replace").split("\r\n")
    headers: dict[str, str] = {}
    status, _, description = first[len(_HEADER_LINE) :].strip().partition(" ")
    if status:
        headers["Status"] = status
    if description:
        headers["Description"] = description
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip()] = value.strip()
    return headers


def _without_secret(url: str) -> str:
    return re.sub(r"//[^/@]*@", "//***@", url)
