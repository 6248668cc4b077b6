"""One consumer that is kept alive: attached again after every loss, and looked after while nothing is heard."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping

from aiormq.abc import DeliveredMessage
from aiormq.channel import Channel as AmqpChannel
from loguru import logger

from tradepit.backends.bus.rabbitmq_link import RabbitmqLink, shut, translated
from tradepit.ports.bus import Message
from tradepit.trading.model.errors import ConfigError, TradepitError, Unavailable

# What a copied message was published on: a copy travels by the name of its queue.
SUBJECT = "Tradepit-Subject"
_START_S, _ANSWER_S, _LOOK_S = 15.0, 5.0, 5.0
_RETRY_S, _MAX_RETRY_S = 0.05, 0.5


class Attached:
    """What ``attach`` made: the queue and the consumer's tag on it. ``counted``: the server can tell how many consume it."""

    def __init__(self, queue: str, tag: str, *, counted: bool = True) -> None:
        self.queue, self.tag, self.counted = queue, tag, counted


class RabbitmqConsumer:
    """Runs ``attach`` on a fresh channel now and after every loss: of the channel, the connection, the queue, or the consumer.

    The server is asked now and then whether the queue still has its consumer, so that none stays deaf.
    """

    def __init__(
        self,
        link: RabbitmqLink,
        attach: Callable[[AmqpChannel], Awaitable[Attached]],
        *,
        name: str,
        confirms: bool = False,
        on_lost: Callable[[], None] = lambda: None,
    ) -> None:
        self._link, self._attach, self._name, self._confirms, self._on_lost = link, attach, name, confirms, on_lost
        self._attached: Attached | None = None
        self._task: asyncio.Task[None] | None = None
        self.channel: AmqpChannel | None = None

    async def start(self) -> None:
        """Attach. Raises Unavailable when that does not work out in 15 seconds, ConfigError when the server refuses for good."""
        loop = asyncio.get_running_loop()
        ready: asyncio.Future[None] = loop.create_future()
        self._task = loop.create_task(self._run(ready), name=f"rabbitmq:{self._name}")
        try:
            async with asyncio.timeout(_START_S):
                await asyncio.shield(ready)
        except BaseException as error:
            ready.cancel()
            await self.end()
            if isinstance(error, TimeoutError):
                raise Unavailable("RabbitMQ did not let us listen", name=self._name) from error
            raise

    async def halt(self, *, delete: bool = False) -> None:
        """Take no new message; what the server had sent has been handed over. ``delete`` the queue unless others use it."""
        channel, attached = self.channel, self._attached
        self._attached = None
        if channel is None or attached is None:
            return
        with contextlib.suppress(TradepitError), translated():
            async with asyncio.timeout(_ANSWER_S):
                await channel.basic_cancel(attached.tag)
                if delete:
                    await channel.queue_delete(attached.queue, if_unused=True)

    async def end(self) -> None:
        """Close the channel: what was not acknowledged goes to others. Idempotent."""
        task, self._task = self._task, None
        if task is not None and task is not asyncio.current_task():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self, ready: "asyncio.Future[None]") -> None:
        wait = _RETRY_S
        while True:
            channel = None
            try:
                if await self._link.wait_up(_LOOK_S):
                    channel = await self._link.channel(confirms=self._confirms)
                    gone = _watch(channel)
                    with translated():
                        async with asyncio.timeout(_START_S):
                            self._attached = await self._attach(channel)
                    self.channel = channel
                    wait = _RETRY_S
                    if not ready.done():
                        ready.set_result(None)
                    await self._look_after(channel, self._attached, gone)
                    logger.debug("{}: lost, attaching again", self._name)
            except ConfigError as error:
                if not ready.done():
                    ready.set_exception(error)
                    return
                logger.error("{}: cannot attach: {}", self._name, error)
            except TradepitError as error:
                logger.debug("{}: cannot attach yet: {}", self._name, error)
            finally:
                self.channel = None
                self._on_lost()
                await shut(channel)
            await asyncio.sleep(wait)
            wait = min(wait * 2, _MAX_RETRY_S)

    async def _look_after(self, channel: AmqpChannel, attached: Attached, gone: asyncio.Event) -> None:
        while not gone.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_S):
                    await gone.wait()
                return
            if self._attached is None or attached.queue.startswith("amq.rabbitmq."):
                continue
            try:
                with translated():
                    async with asyncio.timeout(_ANSWER_S):
                        told = await channel.queue_declare(attached.queue, passive=True)
            except Unavailable as error:
                if isinstance(error.__cause__, TimeoutError):
                    self._link.reset()
                return
            if attached.counted and told.consumer_count == 0 and self._attached is not None:
                return


def _watch(channel: AmqpChannel) -> asyncio.Event:
    gone = asyncio.Event()
    channel.closing.add_done_callback(lambda _: gone.set())
    channel.on_consumer_cancel_callbacks.add(lambda _: gone.set())
    return gone


def read_message(delivered: DeliveredMessage, *, subject: str = "", sequence: int = 0) -> Message:
    """A delivery as the port's message; ``subject`` where an outside contract's routing key says nothing to us."""
    carried: Mapping[str, object] = delivered.header.properties.headers or {}
    headers = {name: value for name, value in carried.items() if isinstance(value, str) and name != SUBJECT}
    found = subject or carried.get(SUBJECT) or delivered.routing_key or ""
    count = carried.get("x-delivery-count")
    return Message(
        subject=str(found),
        payload=delivered.body,
        headers=headers,
        sequence=sequence,
        redelivered=bool(delivered.redelivered) or (isinstance(count, int) and count > 0),
    )


def deliveries(delivered: DeliveredMessage) -> int:
    """How often a quorum queue has delivered this message before; 0 where the queue does not count."""
    count = (delivered.header.properties.headers or {}).get("x-delivery-count")
    return count if isinstance(count, int) else 0
