"""Requests and answers on RabbitMQ: the server returns a request no queue takes, answers come by direct reply-to."""

import asyncio
import itertools

from aiormq.abc import DeliveredMessage
from aiormq.channel import Channel as AmqpChannel
from aiormq.exceptions import PublishError
from loguru import logger
from pamqp.commands import Basic

from tradepit.backends.bus.rabbitmq_consumer import Attached, RabbitmqConsumer, read_message
from tradepit.backends.bus.rabbitmq_link import RabbitmqLink, translated
from tradepit.backends.bus.rabbitmq_publisher import Poster, check
from tradepit.ports.bus import Responder
from tradepit.runtime.eager import Started
from tradepit.trading.model.errors import InternalError, TimedOut, TradepitError, Unavailable

_ERROR = "Tradepit-Error"
_REPLIES = "amq.rabbitmq.reply-to"


class RabbitmqAsker:
    """Asks questions. Those under way when the connection is lost time out at once: their answers would not find the way."""

    def __init__(self, link: RabbitmqLink, exchange: str) -> None:
        self._link, self._exchange = link, exchange
        self._numbers = itertools.count(1)
        self._questions: dict[str, asyncio.Future[DeliveredMessage]] = {}
        self._consumer = RabbitmqConsumer(link, self._attach, name="replies", confirms=True, on_lost=self._give_up)

    async def start(self) -> None:
        """Be ready to ask. Raises Unavailable, ConfigError."""
        await self._consumer.start()

    async def stop(self) -> None:
        """End. Idempotent."""
        await self._consumer.end()

    async def ask(self, subject: str, payload: bytes, *, timeout_s: float) -> bytes:
        """As the port's ``request``."""
        check(subject, payload)
        number = str(next(self._numbers))
        answer: asyncio.Future[DeliveredMessage] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(timeout_s):
                channel = await self._channel()
                self._questions[number] = answer
                await self._send(channel, subject, payload, number)
                reply = await answer
        except TimeoutError as error:
            if number not in self._questions:
                raise Unavailable("not connected to the RabbitMQ server", subject=subject) from error
            raise TimedOut(subject=subject, timeout_s=timeout_s) from error
        finally:
            self._questions.pop(number, None)
            answer.cancel()
        headers = reply.header.properties.headers or {}
        if _ERROR in headers:
            raise InternalError(str(headers[_ERROR]), subject=subject)
        return reply.body

    async def _channel(self) -> AmqpChannel:
        while (channel := self._consumer.channel) is None:  # noqa: ASYNC110 - within the request's own deadline
            await asyncio.sleep(0.01)
        return channel

    async def _send(self, channel: AmqpChannel, subject: str, payload: bytes, number: str) -> None:
        properties = Basic.Properties(reply_to=_REPLIES, correlation_id=number)
        try:
            with translated():
                await channel.basic_publish(
                    payload, exchange=self._exchange, routing_key=subject, properties=properties, mandatory=True, wait=False
                )
        except Unavailable as error:
            if isinstance(error.__cause__, PublishError):
                raise Unavailable("nobody answers on this subject", subject=subject) from error
            raise TimedOut("the connection was lost with the question", subject=subject) from error

    async def _attach(self, channel: AmqpChannel) -> Attached:
        told = await channel.basic_consume(_REPLIES, self._receive, no_ack=True)
        return Attached(_REPLIES, str(told.consumer_tag))

    async def _receive(self, delivered: DeliveredMessage) -> None:
        answer = self._questions.get(delivered.header.properties.correlation_id or "")
        if answer is not None and not answer.done():
            answer.set_result(delivered)

    def _give_up(self) -> None:
        for answer in self._questions.values():
            if not answer.done():
                answer.set_exception(TimedOut("the connection was lost with the question"))
                answer.exception()  # nobody may be waiting any more


class RabbitmqServing:
    """Answers requests, each in a task of its own. Responders of one group share a queue; others have one each."""

    def __init__(
        self, link: RabbitmqLink, poster: Poster, responder: Responder, *, exchange: str, subject: str, queue: str
    ) -> None:
        self._poster, self._responder = poster, responder
        self._exchange, self._subject, self._queue = exchange, subject, queue
        self._running: set[asyncio.Task[None]] = set()
        self._consumer = RabbitmqConsumer(link, self._attach, name=subject)

    async def start(self) -> None:
        """Begin to answer. Raises Unavailable, ConfigError."""
        await self._consumer.start()

    async def stop(self) -> None:
        """Take no more, finish what was begun. Idempotent."""
        await self._consumer.halt(delete=True)
        mine = asyncio.current_task()
        await asyncio.gather(*(task for task in self._running if task is not mine), return_exceptions=True)
        await self._consumer.end()

    async def _attach(self, channel: AmqpChannel) -> Attached:
        told = await channel.queue_declare(self._queue, exclusive=not self._queue, auto_delete=True)
        queue = str(told.queue)
        await channel.queue_bind(queue, self._exchange, self._subject)
        consuming = await channel.basic_consume(queue, self._receive, no_ack=True)
        return Attached(queue, str(consuming.consumer_tag))

    async def _receive(self, delivered: DeliveredMessage) -> None:
        started = Started(self._answer(delivered))
        if not started.finished:
            self._running.add(started.task)
            started.task.add_done_callback(self._running.discard)

    async def _answer(self, delivered: DeliveredMessage) -> None:
        message, asked = read_message(delivered), delivered.header.properties
        properties = Basic.Properties(correlation_id=asked.correlation_id)
        try:
            answer = await self._responder(message)
        except Exception as error:  # noqa: BLE001 - whatever a responder does, its client gets an answer, not silence
            logger.opt(exception=error).error("answering {} failed", message.subject)
            code = error.reason_code if isinstance(error, TradepitError) else InternalError.code
            answer, properties.headers = b"", {_ERROR: code}
        if asked.reply_to:
            try:
                self._poster.post("", asked.reply_to, answer, properties)
            except TradepitError as error:
                logger.warning("an answer on {} cannot be sent: {}", message.subject, error)
