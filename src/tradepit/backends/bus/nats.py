"""The bus on NATS: core subjects for what may be lost, one JetStream stream per durable channel for what may not.

A durable channel's stream captures its plain subjects, so programs outside see and send them with core NATS alone.
"""

import asyncio
import contextlib
import re
from collections.abc import Mapping, Sequence

from loguru import logger

from tradepit.ports.bus import Channel, Delivery, Handler, Message, Outgoing, Responder, Subscription
from tradepit.runtime.eager import Started
from tradepit.runtime.nats_api import ensure_stream, nanoseconds, stored, stream_state
from tradepit.runtime.nats_connection import NatsMessage
from tradepit.runtime.nats_follow import StreamFollower
from tradepit.runtime.nats_link import LinkSubscription, NatsLink
from tradepit.runtime.nats_publisher import OrderedPublisher
from tradepit.runtime.nats_work import WorkQueue
from tradepit.trading.model.errors import ConfigError, InternalError, TradepitError, Unavailable

_ERROR, _ERROR_CODE = "Nats-Service-Error", "Nats-Service-Error-Code"
_BACKLOG = 65_536


class NatsBus:
    """One connection's view of the bus. ``channels`` are declared on ``connect``; only they can be subscribed to durably.

    ``name`` names the connection. ``max_bytes`` bounds what a durable channel retains (oldest dropped first).
    ``publish_timeout_s`` bounds how long a durable publication may wait, reconnects included.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str,
        channels: Sequence[Channel] = (),
        stream_prefix: str = "TP_",
        max_bytes: int = 1 << 30,
        publish_timeout_s: float = 10.0,
        ack_wait_s: float = 5.0,
    ) -> None:
        self._link = NatsLink(url, name=name)
        self._prefix, self._max_bytes = stream_prefix, max_bytes
        self._publish_timeout_s, self._ack_wait_s = publish_timeout_s, ack_wait_s
        self._durable = {channel.name: channel for channel in channels if channel.durable}
        self._patterns = [(_pattern(channel.subject), channel.name) for channel in self._durable.values()]
        self._lane_of: dict[str, str] = {}
        self._lanes: dict[str, OrderedPublisher] = {}
        self._subscriptions: set[Subscription] = set()
        self._connected = self._closing = False
        self.dropped = 0

    @property
    def reconnects(self) -> int:
        """How often the connection was lost and made again."""
        return self._link.reconnects

    async def connect(self) -> None:
        if self._connected:
            return
        await self._link.connect()
        await self._declare()
        self._connected = True

    async def publish(
        self, subject: str, payload: bytes, *, message_id: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        """As the port says. A message for a channel that is not durable is dropped (and counted) while no server is reached."""
        lane = self._lanes.get(self._channel_of(subject))
        if lane is not None:
            await lane.publish(subject, payload, message_id=message_id, headers=headers)
            return
        if message_id:
            headers = {**(headers or {}), "Nats-Msg-Id": message_id}
        try:
            await self._link.send(subject, payload, headers=headers)
        except Unavailable:
            if not self._connected or self._closing:
                raise
            self.dropped += 1

    async def publish_all(self, messages: Sequence[Outgoing]) -> None:
        begun = []
        for message in messages:
            lane = self._lanes.get(self._channel_of(message.subject))
            if lane is not None:
                begun.append(lane.begin(message.subject, message.payload, message_id=message.message_id, headers=message.headers))
            else:
                await self.publish(message.subject, message.payload, message_id=message.message_id, headers=message.headers)
        for kept in begun:
            await kept

    async def subscribe(
        self, channel: Channel, handler: Handler, *, group: str = "", replay: bool = False, max_in_flight: int = 1
    ) -> Subscription:
        if channel.durable and channel.name not in self._durable:
            raise ConfigError("the channel was not declared to this bus", channel=channel.name)
        subscription: _Broadcast | _Core | WorkQueue
        if channel.delivery is Delivery.COMPETE and channel.durable:
            subscription = WorkQueue(
                self._link,
                self._stream(channel.name),
                group or channel.name,
                handler,
                subject=channel.subject,
                max_in_flight=max_in_flight,
                ack_wait_s=self._ack_wait_s,
                declare=self._declare,
            )
            await subscription.start()
        elif channel.durable:
            after = 0 if replay else (await stream_state(self._link, self._stream(channel.name))).last
            subscription = _Broadcast(
                StreamFollower(
                    self._link,
                    self._stream(channel.name),
                    after=after,
                    subject="" if channel.subject == self._durable[channel.name].subject else channel.subject,
                    declare=self._declare,
                ),
                handler,
            )
            await subscription.start()
        else:
            queue = (group or channel.name) if channel.delivery is Delivery.COMPETE else ""
            subscription = _Core(self._link, handler, max_in_flight if queue else 1)
            await subscription.start(channel.subject, queue)
        self._subscriptions.add(subscription)
        return subscription

    async def last(self, channel: Channel) -> Message | None:
        if channel.name not in self._durable:
            raise ConfigError("the channel was not declared to this bus", channel=channel.name)
        kept = await stored(self._link, self._stream(channel.name), last_by_subj=channel.subject)
        return Message(subject=kept.subject, payload=kept.payload, sequence=kept.sequence) if kept is not None else None

    async def request(self, subject: str, payload: bytes, *, timeout_s: float) -> bytes:
        if not self._link.is_up and not await self._link.wait_up(timeout_s):
            raise Unavailable("not connected to the NATS server", subject=subject)
        reply = await self._link.ask(subject, payload, timeout_s=timeout_s)
        if reply.headers and _ERROR in reply.headers:
            raise InternalError(reply.headers[_ERROR], subject=subject)
        return reply.data

    async def serve(self, subject: str, responder: Responder, *, group: str = "") -> Subscription:
        serving = _Serving(self._link, responder)
        await serving.start(subject, group)
        self._subscriptions.add(serving)
        return serving

    async def close(self) -> None:
        self._closing = True
        subscriptions, self._subscriptions = self._subscriptions, set()
        await asyncio.gather(*(subscription.stop() for subscription in subscriptions))
        lanes, self._lanes = self._lanes, {}
        await asyncio.gather(*(lane.stop() for lane in lanes.values()))
        await self._link.close()

    async def _declare(self) -> None:
        for channel in self._durable.values():
            await ensure_stream(
                self._link,
                self._stream(channel.name),
                [channel.subject],
                max_bytes=self._max_bytes,
                discard="old",
                duplicate_window=nanoseconds(120.0),
                allow_atomic=True,
            )
            if channel.name not in self._lanes:
                lane = OrderedPublisher(self._link, timeout_s=self._publish_timeout_s)
                lane.start()
                self._lanes[channel.name] = lane

    def _stream(self, channel: str) -> str:
        return self._prefix + re.sub(r"[^A-Za-z0-9_-]", "_", channel)

    def _channel_of(self, subject: str) -> str:
        name = self._lane_of.get(subject)
        if name is None:
            name = next((name for pattern, name in self._patterns if pattern.fullmatch(subject)), "")
            if len(self._lane_of) < 10_000:
                self._lane_of[subject] = name
        return name


class _Broadcast:
    """Every message of a durable channel, one after another, with its number in the stream."""

    def __init__(self, follower: StreamFollower, handler: Handler) -> None:
        self._follower, self._handler = follower, handler
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self._follower.start()
        self._task = asyncio.get_running_loop().create_task(self._run(), name="nats-broadcast")

    async def stop(self) -> None:
        await self._follower.stop()
        task, self._task = self._task, None
        if task is not None and task is not asyncio.current_task():
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        last = None
        while (item := await self._follower.next()) is not None:
            if last is not None and item.sequence > last + 1:
                logger.warning("{}: numbers {} to {} are not retained any more", item.subject, last + 1, item.sequence - 1)
            last = item.sequence
            await _handle(
                self._handler,
                Message(subject=item.subject, payload=item.payload, headers=item.headers, sequence=item.sequence),
            )


class _Core:
    """A core subscription: its messages one after another, or up to ``max_in_flight`` at once; a slow one loses the oldest."""

    def __init__(self, link: NatsLink, handler: Handler, max_in_flight: int) -> None:
        self._link, self._handler, self._workers = link, handler, max_in_flight
        self._queue: asyncio.Queue[NatsMessage | None] = asyncio.Queue()
        self._subscription: LinkSubscription | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self.dropped = 0

    async def start(self, subject: str, queue: str) -> None:
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._run(), name=f"nats:{subject}") for _ in range(self._workers)]
        self._subscription = await self._link.subscribe(subject, self._receive, queue=queue)

    async def stop(self) -> None:
        subscription, self._subscription = self._subscription, None
        if subscription is None:
            return
        await subscription.stop()
        for _ in self._tasks:
            self._queue.put_nowait(None)
        await asyncio.gather(*(task for task in self._tasks if task is not asyncio.current_task()), return_exceptions=True)

    def _receive(self, message: NatsMessage) -> None:
        if self._queue.qsize() >= _BACKLOG:
            self._queue.get_nowait()
            self.dropped += 1
        self._queue.put_nowait(message)

    async def _run(self) -> None:
        while (message := await self._queue.get()) is not None:
            await _handle(self._handler, _message(message))


class _Serving:
    """Answers requests, each in a task of its own."""

    def __init__(self, link: NatsLink, responder: Responder) -> None:
        self._link, self._responder = link, responder
        self._running: set[asyncio.Task[None]] = set()
        self._subscription: LinkSubscription | None = None

    async def start(self, subject: str, group: str) -> None:
        self._subscription = await self._link.subscribe(subject, self._receive, queue=group)

    async def stop(self) -> None:
        subscription, self._subscription = self._subscription, None
        if subscription is None:
            return
        await subscription.stop()
        await asyncio.gather(*(task for task in self._running if task is not asyncio.current_task()), return_exceptions=True)

    def _receive(self, message: NatsMessage) -> None:
        started = Started(self._answer(message))
        if not started.finished:
            self._running.add(started.task)
            started.task.add_done_callback(self._running.discard)

    async def _answer(self, message: NatsMessage) -> None:
        headers = None
        try:
            answer = await self._responder(_message(message))
        except Exception as error:  # noqa: BLE001 - whatever a responder does, its client gets an answer, not silence
            logger.opt(exception=error).error("answering {} failed", message.subject)
            code = error.reason_code if isinstance(error, TradepitError) else InternalError.code
            answer, headers = b"", {_ERROR: code, _ERROR_CODE: "500"}
        if message.reply:
            with contextlib.suppress(Unavailable):
                self._link.post(message.reply, answer, headers=headers)


def _message(message: NatsMessage) -> Message:
    if message.headers:
        return Message(subject=message.subject, payload=message.data, headers=message.headers)
    return Message(subject=message.subject, payload=message.data)


async def _handle(handler: Handler, message: Message) -> None:
    try:
        await handler(message)
    except Exception as error:  # noqa: BLE001 - one bad message must not end the subscription
        logger.opt(exception=error).error("handling {} failed", message.subject)


def _pattern(subject: str) -> re.Pattern[str]:
    return re.compile(re.escape(subject).replace(r"\*", r"[^.]+").replace(">", ".+"))
