"""Publishing to RabbitMQ: confirmed and in order for what must be kept, without waiting for what may be lost."""

import asyncio
import contextlib
import secrets
from collections import OrderedDict, deque
from collections.abc import Mapping

from aiormq.channel import Channel as AmqpChannel
from aiormq.exceptions import PublishError
from loguru import logger
from pamqp.commands import Basic

from tradepit.backends.bus.letter import Letter, LettersById
from tradepit.backends.bus.rabbitmq_link import RabbitmqLink, bounded, shut, translated
from tradepit.runtime.deadlines import Deadlines
from tradepit.trading.model.errors import BadRequest, PayloadTooLarge, TimedOut, TradepitError, Unavailable

MAX_PAYLOAD_BYTES = 16 << 20
_MAX_KEY_BYTES = 255
_WINDOW = 512
_PATIENCE_S = 5.0
_BACKOFF_S = 0.05
_BACKLOG = 65_536
_PERSISTENT = 2


def check(routing_key: str, payload: bytes) -> None:
    """Refuse what the server would close the channel for. Raises BadRequest, PayloadTooLarge."""
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise PayloadTooLarge(bytes=len(payload))
    if not routing_key or len(routing_key.encode()) > _MAX_KEY_BYTES:
        raise BadRequest("a subject has 1 to 255 bytes", subject=routing_key[:64])


class _Posted(Letter):
    """A letter as RabbitMQ takes it; its subject is its routing key."""

    __slots__ = ("exchange", "mandatory", "payload", "properties")

    def __init__(self, exchange: str, key: str, payload: bytes, properties: Basic.Properties, *, mandatory: bool = True) -> None:
        super().__init__(key)
        self.exchange, self.payload, self.properties, self.mandatory = exchange, payload, properties, mandatory

    async def send(self, channel: AmqpChannel) -> None:
        """Publish once. Raises Unavailable, TimedOut (no confirmation in time), or the client's PublishError: no queue took it."""
        self.sent = True
        with translated():
            try:
                await channel.basic_publish(
                    self.payload,
                    exchange=self.exchange,
                    routing_key=self.subject,
                    properties=self.properties,
                    mandatory=self.mandatory,
                    timeout=_PATIENCE_S,
                    wait=False,
                )
            except PublishError as error:
                raise _Returned(subject=self.subject) from error
            except TimeoutError as error:
                raise TimedOut(subject=self.subject) from error


class _Returned(Unavailable):
    """No queue is bound for the message."""


class ConfirmedPublisher:
    """One lane of publications, kept in the order ``begin`` was called; each is done when the server confirmed it.

    Up to 512 are under way at once. When one fails, or the server keeps silent, the channel is given up and all that are not
    confirmed are published again, in order, under their ids: whoever reads a stream passes over an id it has seen. An id that
    is confirmed already (the last 65,536) is not published again.
    """

    def __init__(self, link: RabbitmqLink, *, timeout_s: float) -> None:
        self._link, self._timeout_s = link, timeout_s
        self._prefix, self._count = secrets.token_hex(8), 0
        self._waiting: deque[_Posted] = deque()
        self._under_way: OrderedDict[asyncio.Task[None], _Posted] = OrderedDict()
        self._known = LettersById()
        self._wake = asyncio.Event()
        self._broken = self._homeless = False
        self._task: asyncio.Task[None] | None = None
        self._deadlines = Deadlines()

    def start(self) -> None:
        """Begin to send."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="rabbitmq-publisher")

    def begin(
        self,
        exchange: str,
        key: str,
        payload: bytes,
        *,
        message_id: str = "",
        headers: Mapping[str, str] | None = None,
        mandatory: bool = True,
    ) -> "asyncio.Future[None]":
        """Queue a publication; the future is done once it is kept. It fails with TimedOut (perhaps kept) or Unavailable (not)."""
        if self._task is None:
            raise Unavailable("the bus is closed")
        check(key, payload)
        again = self._known.again(message_id)
        if again is not None:
            return again
        self._count += 1
        identity = message_id or f"{self._prefix}-{self._count}"
        carried = dict(headers) if headers else None
        properties = Basic.Properties(message_id=identity, delivery_mode=_PERSISTENT, headers=carried)  # type: ignore[arg-type]  # a table of text
        letter = _Posted(exchange, key, payload, properties, mandatory=mandatory)
        self._known.remember(message_id, letter)
        self._deadlines.watch(letter.done, self._timeout_s, letter.expired)
        self._waiting.append(letter)
        self._wake.set()
        return letter.done

    async def stop(self) -> None:
        """Wait for what is under way (each has its deadline), then end. Idempotent."""
        task, self._task = self._task, None
        if task is None:
            return
        for letter in (*self._under_way.values(), *self._waiting):
            await asyncio.gather(letter.done, return_exceptions=True)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            channel = None
            try:
                if await self._link.wait_up(_PATIENCE_S):
                    if self._homeless:
                        await self._link.declare()
                        self._homeless = False
                    channel = await self._link.channel(confirms=True)
                    await self._send_through(channel)
            except TradepitError as error:
                logger.debug("cannot publish yet: {}", error)
            finally:
                await shut(channel)
                await self._take_back()
            await asyncio.sleep(_BACKOFF_S)

    async def _send_through(self, channel: AmqpChannel) -> None:
        self._broken = False
        channel.closing.add_done_callback(lambda _: self._break())
        while not self._broken:
            while self._waiting and len(self._under_way) < _WINDOW:
                letter = self._waiting.popleft()
                if letter.done.done():
                    continue
                task = asyncio.get_running_loop().create_task(self._send(letter, channel))
                self._under_way[task] = letter
                task.add_done_callback(self._sent)
            self._wake.clear()
            if not self._broken:
                await self._wake.wait()

    async def _send(self, letter: _Posted, channel: AmqpChannel) -> None:
        try:
            await letter.send(channel)
        except _Returned:
            self._homeless = True
            self._break()
        except TimedOut:
            self._break()
            self._link.reset()
        except TradepitError as error:
            logger.debug("not kept yet: {}", error)
            self._break()
        else:
            letter.settle()

    def _sent(self, task: "asyncio.Task[None]") -> None:
        letter = self._under_way.get(task)
        if letter is not None and not self._broken:
            del self._under_way[task]
        self._wake.set()

    def _break(self) -> None:
        self._broken = True
        self._wake.set()

    async def _take_back(self) -> None:
        # In the order they were sent, before all that wait: repeated, they are where they would have been.
        self._broken = True
        tasks = list(self._under_way)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        left = [letter for letter in self._under_way.values() if not letter.done.done()]
        self._under_way.clear()
        self._waiting.extendleft(reversed(left))


class Poster:
    """Sends what may be lost, in order, and never makes anybody wait: what finds no connection, or no room, is dropped."""

    def __init__(self, link: RabbitmqLink) -> None:
        self._link = link
        self._waiting: deque[_Posted] = deque()
        self._wake, self._idle = asyncio.Event(), asyncio.Event()
        self._idle.set()
        self._task: asyncio.Task[None] | None = None
        self.dropped = 0

    def start(self) -> None:
        """Begin to send."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="rabbitmq-poster")

    def post(self, exchange: str, key: str, payload: bytes, properties: Basic.Properties) -> None:
        """Hand a message over. Raises BadRequest, PayloadTooLarge, and Unavailable when the bus is closed."""
        if self._task is None:
            raise Unavailable("the bus is closed")
        check(key, payload)
        if not self._link.is_up or len(self._waiting) >= _BACKLOG:
            self.dropped += 1
            return
        self._waiting.append(_Posted(exchange, key, payload, properties, mandatory=False))
        self._idle.clear()
        self._wake.set()

    async def stop(self) -> None:
        """Send what was handed over, then end. Idempotent."""
        task, self._task = self._task, None
        if task is None:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE_S):
                await self._idle.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        channel = None
        while True:
            if not self._waiting:
                self._idle.set()
                await self._wake.wait()
            self._wake.clear()
            try:
                if channel is None or channel.is_closed:
                    channel = await self._link.channel()
                while self._waiting:
                    letter = self._waiting[0]
                    async with bounded():
                        # Waits while the server does not take what was sent before.
                        await channel.basic_publish(
                            letter.payload,
                            exchange=letter.exchange,
                            routing_key=letter.subject,
                            properties=letter.properties,
                            wait=not len(self._waiting) % 16,
                        )
                    self._waiting.popleft()
            except TradepitError as error:
                self.dropped += len(self._waiting)
                self._waiting.clear()
                channel = None
                logger.debug("dropped: {}", error)
