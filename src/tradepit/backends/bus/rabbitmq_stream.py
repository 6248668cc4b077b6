"""Durable channels as RabbitMQ streams: made once, read from any place without gap, looked up at their end."""

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable

from aiormq.abc import AbstractConnection, DeliveredMessage
from aiormq.channel import Channel as AmqpChannel
from loguru import logger
from pamqp.commands import Basic
from pamqp.common import FieldValue

from tradepit.backends.bus.rabbitmq_consumer import Attached, RabbitmqConsumer, read_message
from tradepit.backends.bus.rabbitmq_link import RabbitmqLink, alone, bounded, exists, open_channel, shut, translated
from tradepit.backends.bus.seen_ids import SeenIds
from tradepit.ports.bus import Handler, Message
from tradepit.trading.model.errors import TradepitError, Unavailable

# The first entry of every stream: a stream that is never empty always has an end that can be asked for.
_FIRST = "Tradepit-Stream"
_OFFSET = "x-stream-offset"
_SETTLED, _SETTLE_S = "tradepit.streams-settled", 2.0
_SEGMENT_BYTES = 64 << 20
_PREFETCH, _ACK_EVERY = 500, 100
_WHOLE_CHUNK = 65_535
_ANSWER_S, _ACK_S = 5.0, 1.0


async def ensure_stream(connection: AbstractConnection, name: str, exchange: str, subject: str, *, max_bytes: int) -> bool:
    """Make the stream unless it is there, and bind it; whether it was made. What is there is taken as it is.

    Raises Unavailable, ConfigError.
    """
    made = False
    if not await exists(connection, queue=name):
        async with alone(connection, f"{name}.lock"):
            if not await exists(connection, queue=name):
                await _settle(connection)
                await _make(connection, name, max_bytes)
                made = True
    channel = await open_channel(connection)
    try:
        with translated():
            async with asyncio.timeout(_ANSWER_S):
                await channel.queue_bind(name, exchange, routing_key(subject))
    finally:
        await shut(channel)
    return made


async def _settle(connection: AbstractConnection) -> None:
    # A server that dies in the second after its first stream was made forgets the keeper of all streams (RabbitMQ 3.10), and
    # that stream can never be read or deleted again. So the first one is one that nobody needs.
    if await exists(connection, exchange=_SETTLED):
        return
    channel = await open_channel(connection)
    try:
        with translated():
            first = f"{_SETTLED}.{secrets.token_hex(4)}"
            async with asyncio.timeout(_ANSWER_S):
                await channel.queue_declare(first, durable=True, arguments={"x-queue-type": "stream"})
            await asyncio.sleep(_SETTLE_S)
            async with asyncio.timeout(_ANSWER_S):
                await channel.queue_delete(first)
                await channel.exchange_declare(_SETTLED, exchange_type="fanout", durable=True)
    finally:
        await shut(channel)


async def _make(connection: AbstractConnection, name: str, max_bytes: int) -> None:
    channel = await open_channel(connection, confirms=True)
    try:
        with translated():
            async with asyncio.timeout(2 * _ANSWER_S):
                arguments: dict[str, FieldValue] = {
                    "x-queue-type": "stream",
                    "x-max-length-bytes": max_bytes,
                    "x-stream-max-segment-size-bytes": min(_SEGMENT_BYTES, max_bytes),
                }
                await channel.queue_declare(name, durable=True, arguments=arguments)
                await _begin(channel, name)
    finally:
        await shut(channel)


async def _begin(channel: AmqpChannel, name: str) -> None:
    properties = Basic.Properties(delivery_mode=2, message_id=secrets.token_hex(8), headers={_FIRST: "1"})
    await channel.basic_publish(b"", routing_key=name, properties=properties, mandatory=True)


def routing_key(subject: str) -> str:
    """The topic exchange's pattern of a subject: ``*`` is one token in both, ``>`` one or more."""
    return subject.replace(">", "*.#")


class Entry:
    """One entry of a stream."""

    __slots__ = ("delivered", "identity", "is_first", "offset")

    def __init__(self, delivered: DeliveredMessage) -> None:
        headers = delivered.header.properties.headers or {}
        offset = headers.get(_OFFSET)
        self.delivered = delivered
        self.offset = offset if isinstance(offset, int) else 0
        self.identity = delivered.header.properties.message_id or ""
        self.is_first = _FIRST in headers

    def message(self) -> Message:
        """As the port says. Its number is its offset, which is 1 for the first that was published."""
        return read_message(self.delivered, sequence=self.offset)


async def newest(channel: AmqpChannel, stream: str) -> Entry:
    """The last entry of a stream. Needs a channel that confirms; leaves no consumer. Raises the client's errors."""
    found: list[Entry] = []
    some = asyncio.Event()

    async def receive(delivered: DeliveredMessage) -> None:
        found.append(Entry(delivered))
        some.set()

    await channel.basic_qos(prefetch_count=_WHOLE_CHUNK)
    told = await channel.basic_consume(stream, receive, arguments={_OFFSET: "last"})
    try:
        async with asyncio.timeout(_ANSWER_S):
            await some.wait()
    except TimeoutError:
        # Its maker died between making it and its first entry.
        await _begin(channel, stream)
        async with asyncio.timeout(_ANSWER_S):
            await some.wait()
    # The server sends all there is in one go: what it answers after the first of them, it answers after the last.
    await channel.basic_cancel(str(told.consumer_tag))
    return found[-1]


class StreamReader:
    """Every entry of a stream from a place on, one after another, to a handler; entries whose id it has seen are passed over.

    It begins again at the last entry it has seen and makes sure that this is still the same one: a server that lost its store
    makes a new stream, which is read from its beginning.
    """

    def __init__(
        self,
        link: RabbitmqLink,
        stream: str,
        handler: Handler,
        *,
        replay: bool,
        accepts: Callable[[str], bool] = lambda _: True,
    ) -> None:
        self._link, self._stream, self._handler, self._replay = link, stream, handler, replay
        self._accepts = accepts
        self._place: tuple[int, str] | None = None
        self._checked = True
        self._current: object = None
        self._seen = SeenIds()
        self._entries: asyncio.Queue[Entry | None] = asyncio.Queue()
        self._consumer = RabbitmqConsumer(link, self._attach, name=stream, confirms=True)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to read. Raises Unavailable, ConfigError."""
        await self._consumer.start()
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"rabbitmq-stream:{self._stream}")

    async def stop(self) -> None:
        """Finish the entry in hand, end. Idempotent."""
        await self._consumer.halt()
        await self._consumer.end()
        task, self._task = self._task, None
        if task is not None and task is not asyncio.current_task():
            self._empty()
            self._entries.put_nowait(None)
            await asyncio.gather(task, return_exceptions=True)
        elif task is not None:
            self._entries.put_nowait(None)

    def _empty(self) -> None:
        while not self._entries.empty():
            self._entries.get_nowait()

    async def _attach(self, channel: AmqpChannel) -> Attached:
        # Whatever the lost channel still hands over comes too late: taken now, it would leave a gap behind it.
        self._current = channel
        self._empty()
        if not await exists(channel.connection, queue=self._stream):
            await self._link.declare()
        if self._place is not None or not self._replay:
            probe = await self._link.channel(confirms=True)
            try:
                end = await newest(probe, self._stream)
            finally:
                await shut(probe)
            if self._place is None:
                self._place = (end.offset, end.identity)
            elif end.offset < self._place[0]:
                self._start_over()
        self._checked = self._place is None
        await channel.basic_qos(prefetch_count=_PREFETCH)
        offset: str | int = "first" if self._place is None else self._place[0]

        async def receive(delivered: DeliveredMessage) -> None:
            if channel is self._current:
                self._entries.put_nowait(Entry(delivered))

        told = await channel.basic_consume(self._stream, receive, arguments={_OFFSET: offset})
        return Attached(self._stream, str(told.consumer_tag), counted=False)

    def _start_over(self) -> None:
        logger.warning("{} is not the stream it was; reading it from its beginning", self._stream)
        self._place, self._replay = None, True

    async def _run(self) -> None:
        while (entry := await self._entries.get()) is not None:
            channel, tag = entry.delivered.channel, entry.delivered.delivery_tag or 0
            await self._take(entry)
            if self._entries.empty() or not tag % _ACK_EVERY:
                with contextlib.suppress(TradepitError):
                    async with bounded(_ACK_S):
                        await channel.basic_ack(tag, multiple=True, wait=False)

    async def _take(self, entry: Entry) -> None:
        if self._place is not None:
            offset, identity = self._place
            if not self._checked:
                self._checked = True
                if entry.offset == offset and entry.identity != identity:
                    self._start_over()
                    self._current = None
                    self._empty()
                    await shut(entry.delivered.channel)
                    return
                if entry.offset > offset + 1:
                    logger.warning("{}: numbers {} to {} are not retained any more", self._stream, offset + 1, entry.offset - 1)
            if entry.offset <= offset:
                return
        self._place = (entry.offset, entry.identity)
        if entry.is_first or self._seen.repeats(entry.identity):
            return
        message = entry.message()
        if self._accepts(message.subject):
            try:
                await self._handler(message)
            except Exception as error:  # noqa: BLE001 - one bad message must not end the subscription
                logger.opt(exception=error).error("handling {} failed", message.subject)


async def look_up_last(link: RabbitmqLink, stream: str) -> Message | None:
    """The newest message of a stream, None when nothing was published to it. Raises Unavailable."""
    channel = await link.channel(confirms=True)
    try:
        with translated():
            entry = await newest(channel, stream)
    finally:
        await shut(channel)
    return None if entry.is_first else entry.message()


async def copy_stream(link: RabbitmqLink, stream: str, take: Callable[[Message, str], Awaitable[None]]) -> None:
    """Give every retained message up to the stream's present end, and its id, to ``take``, in order. Raises Unavailable."""
    channel = await link.channel(confirms=True)
    try:
        with translated():
            end = (await newest(channel, stream)).offset
        entries: asyncio.Queue[Entry] = asyncio.Queue()

        async def receive(delivered: DeliveredMessage) -> None:
            entries.put_nowait(Entry(delivered))

        with translated():
            await channel.basic_qos(prefetch_count=_PREFETCH)
            await channel.basic_consume(stream, receive, arguments={_OFFSET: "first"})
        while True:
            try:
                async with asyncio.timeout(_ANSWER_S):
                    entry = await entries.get()
            except TimeoutError as error:
                raise Unavailable("the stream does not come", stream=stream) from error
            if not entry.is_first and entry.offset <= end:
                await take(entry.message(), entry.identity)
            if entry.offset >= end:
                return
            async with bounded():
                await channel.basic_ack(entry.delivered.delivery_tag or 0, wait=False)
    finally:
        await shut(channel)
