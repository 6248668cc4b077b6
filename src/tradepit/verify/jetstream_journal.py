"""Reads a journal kept in a JetStream stream, one message per entry, by nats-py and nothing of the house."""

import asyncio
import struct
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tradepit.verify.entries import Entry, UnreadableError

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.js import JetStreamContext

_MARKER = b"TPJ1"
_HEAD = struct.Struct("<4sIQQI")
_CHECKED_FROM = 8
_LENGTH = struct.Struct("<I")
_PAGE = 500
_TIMEOUT_S = 10.0

Stored = tuple[int, str, bytes]
"""A stored message: its number, subject and payload."""


def read_stream(url: str) -> Iterator[Entry]:
    """The entries of ``nats://host:port/STREAM``. Raises UnreadableError: not reachable, no such stream, a damaged message.

    Runs an event loop of its own: call it from a thread that has none.
    """
    for sequence, _, payload in read_messages(url):
        yield decode_message(url, sequence, payload)


def read_messages(url: str) -> Iterator[Stored]:
    """All messages the stream holds when reading begins, oldest first. Raises UnreadableError."""
    parts = urlsplit(url)
    server, stream = f"{parts.scheme}://{parts.netloc}", parts.path.strip("/")
    if not stream:
        raise UnreadableError(url, 0, "the URL names no stream: nats://host:port/STREAM")
    loop = asyncio.new_event_loop()
    try:
        reading = _Reading(server, stream)
        try:
            last = loop.run_until_complete(reading.begin())
            seen = 0
            while seen < last:
                page = loop.run_until_complete(reading.page())
                yield from (message for message in page if message[0] <= last)
                seen = page[-1][0]
        finally:
            loop.run_until_complete(reading.end())
    except Exception as error:
        if isinstance(error, UnreadableError):
            raise
        raise UnreadableError(url, 0, f"{type(error).__name__}: {error}") from error
    finally:
        loop.close()


def decode_message(location: str, sequence: int, payload: bytes) -> Entry:
    """An entry from a message's payload. Raises UnreadableError."""
    if len(payload) < _HEAD.size or payload[:4] != _MARKER:
        raise UnreadableError(location, sequence, f"message {sequence} is no entry of a journal")
    _, crc, epoch, _, count = _HEAD.unpack_from(payload)
    if zlib.crc32(payload[_CHECKED_FROM:]) != crc:
        raise UnreadableError(location, sequence, f"entry {sequence} is damaged")
    records, position = [], _HEAD.size
    for _ in range(count):
        if position + 4 > len(payload):
            break
        (length,) = _LENGTH.unpack_from(payload, position)
        position += 4 + length
        records.append(payload[position - length : position])
    if len(records) != count or position != len(payload):
        raise UnreadableError(location, sequence, f"the records of entry {sequence} do not fill its message")
    return Entry(sequence, epoch, tuple(records))


class _Reading:
    def __init__(self, server: str, stream: str) -> None:
        self._server, self._stream = server, stream
        self._client: Client | None = None
        self._source: JetStreamContext.PullSubscription | None = None

    async def begin(self) -> int:
        """Connect; the number of the last message, 0 when there is none."""
        import nats  # noqa: PLC0415 - needed for streams only: files are verified without it
        from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy  # noqa: PLC0415 - as above

        self._client = await nats.connect(
            self._server,
            name="tradepit-verify",
            allow_reconnect=False,
            connect_timeout=_TIMEOUT_S,
            max_reconnect_attempts=2,
            reconnect_time_wait=0.2,
            error_cb=_pass_over,
        )
        context = self._client.jetstream(timeout=_TIMEOUT_S)
        state = (await context.stream_info(self._stream)).state
        if state.messages:
            config = ConsumerConfig(
                ack_policy=AckPolicy.NONE, deliver_policy=DeliverPolicy.ALL, inactive_threshold=60.0, mem_storage=True
            )
            self._source = await context.pull_subscribe("", stream=self._stream, config=config)
            return int(state.last_seq)
        return 0

    async def page(self) -> list[Stored]:
        """The next messages, one at least."""
        if self._source is None:
            raise RuntimeError("reading has not begun")
        messages = await self._source.fetch(_PAGE, timeout=_TIMEOUT_S)
        return [(_number(message), message.subject, bytes(message.data)) for message in messages]

    async def end(self) -> None:
        if self._client is not None and not self._client.is_closed:
            await self._client.close()


def _number(message: Any) -> int:  # noqa: ANN401 - nats-py's message, whose type is known when it is installed only
    return int(message.metadata.sequence.stream)


async def _pass_over(error: Exception) -> None:
    """Errors of the connection end the reading anyway; nats-py would print them."""
    del error
