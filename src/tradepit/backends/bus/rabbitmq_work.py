"""A shared queue of work on RabbitMQ: each message goes to one worker until one of them acknowledged it."""

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from hashlib import blake2b
from typing import Any

import msgspec
from aiormq.abc import AbstractConnection, DeliveredMessage
from aiormq.channel import Channel as AmqpChannel
from loguru import logger
from pamqp.commands import Basic

from tradepit.backends.bus.rabbitmq_consumer import SUBJECT, Attached, RabbitmqConsumer, deliveries, read_message
from tradepit.backends.bus.rabbitmq_link import RabbitmqLink, alone, bounded, exists, open_channel, shut, translated
from tradepit.backends.bus.rabbitmq_stream import copy_stream
from tradepit.ports.bus import Handler, Message
from tradepit.ports.bus_route import Route
from tradepit.trading.model.errors import InternalError, RequestRefused, TradepitError

Attach = Callable[[AmqpChannel, Callable[[DeliveredMessage], Coroutine[Any, Any, None]]], Awaitable[Attached]]
Bury = Callable[[DeliveredMessage, Mapping[str, str]], Awaitable[None]]

REASON_CODE, REASON, FAILURES = "x-reason-code", "x-reason", "x-failures"
_AGAIN_S, _MAX_AGAIN_S = 0.05, 5.0
_COUNTED = 10_000
_SETTLE_S = 0.1
_ANSWER_S = 10.0


class RabbitmqWorker:
    """One worker: as many messages in hand as it has hands, each acknowledged when its handler returned.

    A handler that raises gives its message back, later each time. With ``bury``, what is at fault goes to the dead letters
    instead: a message that was refused at once, one that broke the handler ``max_deliveries`` times then. Our own errors that
    are no refusal (something is away) never bury a message. Without ``again`` a failed message is dropped.

    ``ahead`` is how many more lie ready here: the next one does not wait for the server to hear of the one before. They are worked
    on in their order, so one whose handler raises stays in hand until it is tried again.
    """

    def __init__(
        self,
        link: RabbitmqLink,
        attach: Attach,
        handler: Handler,
        *,
        name: str,
        max_in_flight: int,
        ahead: int = 0,
        again: bool = True,
        subject: str = "",
        bury: Bury | None = None,
        max_deliveries: int = 0,
    ) -> None:
        self._handler, self._again, self._subject, self._ahead = handler, again, subject, ahead
        self._bury, self._max_deliveries = bury, max_deliveries
        self._failures: OrderedDict[str, int] = OrderedDict()
        self._hands = asyncio.Semaphore(max_in_flight)
        self._running: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()

        async def attach_here(channel: AmqpChannel) -> Attached:
            await channel.basic_qos(prefetch_count=max_in_flight + ahead)
            return await attach(channel, self._receive)

        self._consumer = RabbitmqConsumer(link, attach_here, name=name)

    async def start(self) -> None:
        """Begin to work. Raises Unavailable, ConfigError."""
        await self._consumer.start()

    async def stop(self) -> None:
        """Take no more, finish what was begun, give the rest back. Idempotent."""
        self._stopping.set()
        await self._consumer.halt()
        mine = asyncio.current_task()
        await asyncio.gather(*(task for task in self._running if task is not mine), return_exceptions=True)
        await self._consumer.end()

    async def _receive(self, delivered: DeliveredMessage) -> None:
        task = asyncio.get_running_loop().create_task(self._work(delivered))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _work(self, delivered: DeliveredMessage) -> None:
        async with self._hands:
            if self._stopping.is_set() or delivered.channel.is_closed:
                return  # closing the channel gives it back, or has done so
            message, identity = read_message(delivered, subject=self._subject), _identity(delivered)
            while True:
                try:
                    await self._handler(message)
                except Exception as error:  # noqa: BLE001 - whatever a handler does, its message is not lost
                    if await self._is_over(delivered, identity, message, error):
                        return
                    message = msgspec.structs.replace(message, redelivered=True)
                else:
                    self._failures.pop(identity, None)
                    await self._tell(delivered, keep=False)
                    return

    async def _is_over(self, delivered: DeliveredMessage, identity: str, message: Message, error: Exception) -> bool:
        """What becomes of a message that was not done; False when it is to be tried again here."""
        if not self._again:
            logger.opt(exception=error).error("handling {} failed", message.subject)
            await self._tell(delivered, keep=False)
            return True
        count = max(self._failures.get(identity, 0), deliveries(delivered)) + 1
        self._failures[identity] = count
        if len(self._failures) > _COUNTED:
            self._failures.popitem(last=False)
        if self._bury is not None and self._is_at_fault(error, count):
            try:
                await self._bury(delivered, _reason(error, count))
            except TradepitError as unburied:
                logger.error("{} cannot be put with the dead letters: {}", message.subject, unburied)
            else:
                logger.error("{} went to the dead letters: {}", message.subject, error)
                self._failures.pop(identity, None)
                await self._tell(delivered, keep=False)
                return True
        delay = min(_AGAIN_S * 2 ** min(count - 1, 10), _MAX_AGAIN_S)
        logger.opt(exception=error).error("handling {} failed; it comes again in {} s", message.subject, delay)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(delay):
                await self._stopping.wait()
        if self._ahead and not self._stopping.is_set() and not delivered.channel.is_closed:
            return False
        await self._tell(delivered, keep=True)
        return True

    def _is_at_fault(self, error: Exception, count: int) -> bool:
        if isinstance(error, RequestRefused):
            return True
        ours = isinstance(error, TradepitError) and not isinstance(error, InternalError)
        return not ours and count >= self._max_deliveries

    async def _tell(self, delivered: DeliveredMessage, *, keep: bool) -> None:
        # Lost on the way, the message comes again, marked as redelivered.
        tag = delivered.delivery_tag or 0
        with contextlib.suppress(TradepitError):
            async with bounded():
                if keep:
                    await delivered.channel.basic_nack(tag, requeue=True, wait=False)
                else:
                    await delivered.channel.basic_ack(tag, wait=False)


def _identity(delivered: DeliveredMessage) -> str:
    return delivered.header.properties.message_id or blake2b(delivered.body, digest_size=16).hexdigest()


def _reason(error: Exception, count: int) -> dict[str, str]:
    code = error.reason_code if isinstance(error, TradepitError) else InternalError.code
    # The text of an error that is not ours may hold anything; the log has it.
    text = str(error)[:1000] if isinstance(error, TradepitError) else type(error).__name__
    return {REASON_CODE: code, REASON: text, FAILURES: str(count)}


async def consume(channel: AmqpChannel, queue: str, receive: Callable[[DeliveredMessage], Coroutine[Any, Any, None]]) -> Attached:
    """Attach to a queue that is there."""
    told = await channel.basic_consume(queue, receive)
    return Attached(queue, str(told.consumer_tag))


async def ensure_group(
    connection: AbstractConnection, link: RabbitmqLink, stream: str, queue: str, *, exchange: str, key: str
) -> None:
    """Make a group's queue unless it is there, bound to the exchange and filled with what the channel's stream retains.

    An exchange of the queue's name is the sign that it was filled; a maker that died before leaves none, and the next one
    begins anew. Messages published in the moment of the making may be in it twice. Raises Unavailable, ConfigError.
    """
    if await exists(connection, exchange=queue) and await exists(connection, queue=queue):
        return
    async with alone(connection, f"{queue}.lock"):
        if await exists(connection, exchange=queue) and await exists(connection, queue=queue):
            return
        channel = await open_channel(connection, confirms=True)
        try:
            with translated():
                async with asyncio.timeout(_ANSWER_S):
                    await channel.queue_declare(queue, durable=True)
                    await channel.queue_unbind(queue, exchange, key)
                    await channel.queue_purge(queue)
                    await channel.queue_bind(queue, exchange, key)

            async def take(message: Message, identity: str) -> None:
                headers = {**message.headers, SUBJECT: message.subject}
                properties = Basic.Properties(message_id=identity, delivery_mode=2, headers=dict(headers))
                async with bounded():
                    await channel.basic_publish(message.payload, routing_key=queue, properties=properties, mandatory=True)

            await asyncio.sleep(_SETTLE_S)  # what was routed before the binding is in the stream by then
            await copy_stream(link, stream, take)
            with translated():
                async with asyncio.timeout(_ANSWER_S):
                    await channel.exchange_declare(queue, exchange_type="fanout", durable=True)
        finally:
            await shut(channel)


async def ensure_route(connection: AbstractConnection, route: Route) -> bool:
    """Make an outside contract's exchange, queue, binding and dead-letter queue where they are missing; whether some were.

    They are durable and have no arguments. What is there is taken as it is, whatever its arguments: programs outside declare it their way.
    """
    with_exchange = await exists(connection, exchange=route.exchange)
    names = [name for name in (route.queue, route.dead_letter) if name]
    missing = [name for name in names if not await exists(connection, queue=name)]
    channel = await open_channel(connection)
    try:
        with translated():
            async with asyncio.timeout(_ANSWER_S):
                if not with_exchange:
                    await channel.exchange_declare(route.exchange, exchange_type=route.kind, durable=True)
                for name in missing:
                    await channel.queue_declare(name, durable=True)
                if route.queue:
                    for key in dict.fromkeys((route.routing_key, *route.bindings)):
                        await channel.queue_bind(route.queue, route.exchange, key)
    finally:
        await shut(channel)
    return bool(missing) or not with_exchange
