"""The bus on RabbitMQ: streams for what everybody must hear, queues for what one must do, direct replies for requests.

A topic exchange carries all subjects. Channels of outside contracts go by the names in ``routes`` instead.
"""

import asyncio
import re
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from aiormq.abc import AbstractConnection, DeliveredMessage
from aiormq.channel import Channel as AmqpChannel
from loguru import logger
from pamqp.commands import Basic

from tradepit.backends.bus.rabbitmq_consumer import Attached, RabbitmqConsumer, read_message
from tradepit.backends.bus.rabbitmq_link import RabbitmqLink, open_channel, shut, translated
from tradepit.backends.bus.rabbitmq_publisher import ConfirmedPublisher, Poster
from tradepit.backends.bus.rabbitmq_requests import RabbitmqAsker, RabbitmqServing
from tradepit.backends.bus.rabbitmq_stream import StreamReader, ensure_stream, look_up_last, routing_key
from tradepit.backends.bus.rabbitmq_work import RabbitmqWorker, consume, ensure_group, ensure_route
from tradepit.ports.bus import Channel, Delivery, Handler, Message, Outgoing, Responder, Subscription
from tradepit.ports.bus_route import Route, Routes
from tradepit.trading.model.errors import ConfigError, Unavailable

_BACKLOG = 65_536
_ANSWER_S = 10.0
# An outside contract's queue has one worker, whose handler keeps a message until it is done: nobody else waits for those that lie
# ready with it.
_AHEAD = 16
_Receive = Callable[[DeliveredMessage], Coroutine[Any, Any, None]]


class RabbitmqBus:
    """One connection's view of the bus. ``channels`` are declared on ``connect``; only they can be subscribed to durably.

    ``name`` names the connection. ``routes`` gives channels, by name, the exchange and queue of an outside contract. ``prefix``
    is that of every exchange, stream and queue of our own. ``max_bytes`` bounds what a durable channel retains (oldest dropped
    first). ``publish_timeout_s`` bounds how long a durable publication may wait, reconnects included. ``settle_s`` is how long a
    server takes to write to disk that a queue exists: so long nothing is published to a new one, for a server that died before
    would have forgotten the queue with what it had confirmed. Messages of COMPETE channels carry no number: their queues have
    none.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str,
        channels: Sequence[Channel] = (),
        routes: Routes | None = None,
        prefix: str = "tradepit",
        max_bytes: int = 1 << 30,
        publish_timeout_s: float = 10.0,
        settle_s: float = 2.0,
    ) -> None:
        self._link = RabbitmqLink(url, name=name, prepare=self._declare)
        self._prefix, self._max_bytes = prefix, max_bytes
        self._publish_timeout_s, self._settle_s = publish_timeout_s, settle_s
        self._topics, self._requests = f"{prefix}.topics", f"{prefix}.requests"
        self._durable = {channel.name: channel for channel in channels if channel.durable}
        self._routes = {name: route for name, route in (routes or {}).items() if name in self._durable}
        for routed in self._routes:
            _check_routed(self._durable[routed])
        self._patterns = [(_pattern(channel.subject), channel.name) for channel in self._durable.values()]
        self._channel_of: dict[str, str] = {}
        self._lanes: dict[str, ConfirmedPublisher] = {}
        self._poster = Poster(self._link)
        self._asker = RabbitmqAsker(self._link, self._requests)
        self._subscriptions: set[Subscription] = set()
        self._connected = False

    @property
    def reconnects(self) -> int:
        """How often the connection was lost and made again."""
        return self._link.reconnects

    @property
    def dropped(self) -> int:
        """How many messages of channels that are not durable found no connection, or no room, and were dropped."""
        return self._poster.dropped

    async def connect(self) -> None:
        if self._connected:
            return
        await self._link.connect()
        self._poster.start()
        await self._asker.start()
        self._connected = True

    async def publish(
        self, subject: str, payload: bytes, *, message_id: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        """As the port says. A message for a channel that is not durable is dropped (and counted) while no server is reached."""
        kept = self._begin(subject, payload, message_id, headers)
        if kept is not None:
            await kept

    async def publish_all(self, messages: Sequence[Outgoing]) -> None:
        begun = [self._begin(message.subject, message.payload, message.message_id, message.headers) for message in messages]
        for kept in begun:
            if kept is not None:
                await kept

    async def subscribe(
        self, channel: Channel, handler: Handler, *, group: str = "", replay: bool = False, max_in_flight: int = 1
    ) -> Subscription:
        self._check_connected()
        if channel.durable:
            self._check_declared(channel)
        subscription: RabbitmqWorker | StreamReader | _Feed
        if channel.delivery is Delivery.COMPETE:
            subscription = self._worker(channel, handler, group or channel.name, max_in_flight)
        elif channel.durable:
            pattern = _pattern(channel.subject)
            subscription = StreamReader(
                self._link,
                self._named(channel.name),
                handler,
                replay=replay,
                accepts=lambda subject: pattern.fullmatch(subject) is not None,
            )
        else:
            subscription = _Feed(self._link, self._topics, channel.subject, handler)
        await subscription.start()
        self._subscriptions.add(subscription)
        return subscription

    async def last(self, channel: Channel) -> Message | None:
        """As the port says. Raises ConfigError for a routed channel too: its queue keeps nothing that was done."""
        self._check_connected()
        self._check_declared(channel)
        if channel.name in self._routes:
            raise ConfigError("a routed channel keeps no history", channel=channel.name)
        return await look_up_last(self._link, self._named(channel.name))

    async def request(self, subject: str, payload: bytes, *, timeout_s: float) -> bytes:
        self._check_connected()
        return await self._asker.ask(subject, payload, timeout_s=timeout_s)

    async def serve(self, subject: str, responder: Responder, *, group: str = "") -> Subscription:
        self._check_connected()
        queue = self._named(f"requests.{group}.{subject}") if group else ""
        serving = RabbitmqServing(self._link, self._poster, responder, exchange=self._requests, subject=subject, queue=queue)
        await serving.start()
        self._subscriptions.add(serving)
        return serving

    async def close(self) -> None:
        subscriptions, self._subscriptions = self._subscriptions, set()
        await asyncio.gather(*(subscription.stop() for subscription in subscriptions))
        self._connected = False
        lanes, self._lanes = self._lanes, {}
        await asyncio.gather(*(lane.stop() for lane in lanes.values()))
        await self._asker.stop()
        await self._poster.stop()
        await self._link.close()

    def _begin(
        self, subject: str, payload: bytes, message_id: str, headers: Mapping[str, str] | None
    ) -> "asyncio.Future[None] | None":
        self._check_connected()
        name = self._find_channel(subject)
        if not name:
            properties = Basic.Properties(message_id=message_id or None, headers=dict(headers) if headers else None)
            self._poster.post(self._topics, subject, payload, properties)
            return None
        lane = self._lanes.get(name)
        if lane is None:
            lane = self._lanes[name] = ConfirmedPublisher(self._link, timeout_s=self._publish_timeout_s)
            lane.start()
        route = self._routes.get(name)
        if route is None:
            return lane.begin(self._topics, subject, payload, message_id=message_id, headers=headers)
        return lane.begin(
            route.exchange,
            route.routing_key or route.queue,
            payload,
            message_id=message_id,
            headers=headers,
            mandatory=bool(route.queue),
        )

    def _worker(self, channel: Channel, handler: Handler, group: str, max_in_flight: int) -> RabbitmqWorker:
        route = self._routes.get(channel.name)
        if route is not None:
            return self._routed_worker(route, channel, handler, max_in_flight)
        queue = self._named(f"{channel.name}.{group}")

        async def attach(amqp: AmqpChannel, receive: _Receive) -> Attached:
            if channel.durable:
                stream = self._named(channel.name)
                await ensure_group(
                    amqp.connection, self._link, stream, queue, exchange=self._topics, key=routing_key(channel.subject)
                )
            else:
                await amqp.queue_declare(queue, auto_delete=True, arguments={"x-max-length": _BACKLOG})
                await amqp.queue_bind(queue, self._topics, routing_key(channel.subject))
            return await consume(amqp, queue, receive)

        return RabbitmqWorker(self._link, attach, handler, name=queue, max_in_flight=max_in_flight, again=channel.durable)

    def _routed_worker(self, route: Route, channel: Channel, handler: Handler, max_in_flight: int) -> RabbitmqWorker:
        if not route.queue:
            raise ConfigError("the contract has no queue to read this channel from", channel=channel.name)

        async def attach(amqp: AmqpChannel, receive: _Receive) -> Attached:
            await ensure_route(amqp.connection, route)
            return await consume(amqp, route.queue, receive)

        async def bury(delivered: DeliveredMessage, reason: Mapping[str, str]) -> None:
            carried = delivered.header.properties
            properties = Basic.Properties(
                message_id=carried.message_id,
                content_type=carried.content_type,
                delivery_mode=2,
                headers={**(carried.headers or {}), **reason},
            )
            amqp = await self._link.channel(confirms=True)
            try:
                with translated():
                    await amqp.basic_publish(
                        delivered.body, routing_key=route.dead_letter, properties=properties, mandatory=True, timeout=_ANSWER_S
                    )
            finally:
                await shut(amqp)

        return RabbitmqWorker(
            self._link,
            attach,
            handler,
            name=route.queue,
            max_in_flight=max_in_flight,
            ahead=_AHEAD,
            subject=channel.subject,
            bury=bury if route.dead_letter else None,
            max_deliveries=route.max_deliveries,
        )

    async def _declare(self, connection: AbstractConnection) -> None:
        amqp = await open_channel(connection)
        try:
            with translated():
                async with asyncio.timeout(_ANSWER_S):
                    await amqp.exchange_declare(self._topics, exchange_type="topic", durable=True)
                    await amqp.exchange_declare(self._requests, exchange_type="topic", durable=True)
        finally:
            await shut(amqp)
        made = False
        for channel in self._durable.values():
            route = self._routes.get(channel.name)
            if route is not None:
                made |= await ensure_route(connection, route)
            else:
                made |= await ensure_stream(
                    connection, self._named(channel.name), self._topics, channel.subject, max_bytes=self._max_bytes
                )
        if made:
            await asyncio.sleep(self._settle_s)

    def _named(self, name: str) -> str:
        return f"{self._prefix}." + re.sub(r"[^A-Za-z0-9_.:-]", "_", name.replace("*", ":any"))

    def _find_channel(self, subject: str) -> str:
        name = self._channel_of.get(subject)
        if name is None:
            name = next((name for pattern, name in self._patterns if pattern.fullmatch(subject)), "")
            if len(self._channel_of) < 10_000:
                self._channel_of[subject] = name
        return name

    def _check_connected(self) -> None:
        if not self._connected:
            raise Unavailable("the bus is not connected")

    def _check_declared(self, channel: Channel) -> None:
        if channel.name not in self._durable:
            raise ConfigError("the channel was not declared to this bus", channel=channel.name)


class _Feed:
    """A subscription to a channel that is not durable: one message after another; a slow one loses the oldest."""

    def __init__(self, link: RabbitmqLink, exchange: str, subject: str, handler: Handler) -> None:
        self._exchange, self._subject, self._handler = exchange, subject, handler
        self._messages: asyncio.Queue[Message | None] = asyncio.Queue()
        self._consumer = RabbitmqConsumer(link, self._attach, name=subject)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self._consumer.start()
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"rabbitmq:{self._subject}")

    async def stop(self) -> None:
        task, self._task = self._task, None
        if task is None:
            return
        await self._consumer.halt(delete=True)
        await self._consumer.end()
        self._messages.put_nowait(None)
        if task is not asyncio.current_task():
            await asyncio.gather(task, return_exceptions=True)

    async def _attach(self, channel: AmqpChannel) -> Attached:
        told = await channel.queue_declare(exclusive=True, auto_delete=True, arguments={"x-max-length": _BACKLOG})
        queue = str(told.queue)
        await channel.queue_bind(queue, self._exchange, routing_key(self._subject))
        consuming = await channel.basic_consume(queue, self._receive, no_ack=True)
        return Attached(queue, str(consuming.consumer_tag))

    async def _receive(self, delivered: DeliveredMessage) -> None:
        if self._messages.qsize() >= _BACKLOG:
            self._messages.get_nowait()
        self._messages.put_nowait(read_message(delivered))

    async def _run(self) -> None:
        while (message := await self._messages.get()) is not None:
            try:
                await self._handler(message)
            except Exception as error:  # noqa: BLE001 - one bad message must not end the subscription
                logger.opt(exception=error).error("handling {} failed", message.subject)


def _pattern(subject: str) -> re.Pattern[str]:
    return re.compile(re.escape(subject).replace(r"\*", r"[^.]+").replace(">", ".+"))


def _check_routed(channel: Channel) -> None:
    if channel.delivery is not Delivery.COMPETE or "*" in channel.subject or ">" in channel.subject:
        raise ConfigError("only a COMPETE channel of one subject has a route", channel=channel.name)
