"""A shared queue of work on JetStream: each message goes to one worker until one of them acknowledged it."""

import asyncio
import contextlib
import re
import secrets
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from loguru import logger

from tradepit.ports.bus import Handler, Message
from tradepit.runtime.nats_api import create_consumer, nanoseconds
from tradepit.runtime.nats_connection import NatsMessage
from tradepit.runtime.nats_link import LinkSubscription, NatsLink
from tradepit.trading.model.errors import TradepitError, Unavailable

_EXPIRES_S, _HEARTBEAT_S = 5.0, 1.0
_SILENT_S = 2.5
_MANY_HANDS_S = 2.0
_RETRY_S, _MAX_RETRY_S = 0.05, 0.5
_NAK_S, _MAX_NAK_S = 0.05, 5.0


class WorkQueue:
    """One worker of ``group``: pulls as many messages as it has hands free, acknowledges each when its handler returned.

    A pull that hears neither a message nor the server's heartbeat is given up and asked again under a new inbox, so no lost
    or orphaned pull leaves the worker deaf. While a handler runs, the server is told so; a handler that raises gives the
    message back, at growing intervals.
    """

    def __init__(
        self,
        link: NatsLink,
        stream: str,
        group: str,
        handler: Handler,
        *,
        subject: str,
        max_in_flight: int,
        ack_wait_s: float,
        declare: Callable[[], Awaitable[None]],
    ) -> None:
        self._link, self._stream, self._handler, self._declare = link, stream, handler, declare
        self._consumer = re.sub(r"[^A-Za-z0-9_-]", "_", group)
        # Whoever follows a killed worker of many hands waits so long before it begins.
        self._ack_wait_s = ack_wait_s if max_in_flight == 1 else min(ack_wait_s, _MANY_HANDS_S)
        self._subject, self._limit = subject, max_in_flight
        self._inbox = f"_INBOX.w{secrets.token_hex(8)}"
        self._pull = 0
        self._wanted = 0
        self._heard = 0.0
        self._free = asyncio.Event()
        self._running: dict[asyncio.Task[None], str] = {}
        self._held: deque[NatsMessage] = deque()
        self._subscription: LinkSubscription | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = self._gone = False

    async def start(self) -> None:
        """Create the shared consumer unless it exists, and begin to pull. Raises Unavailable."""
        await self._ensure()
        self._subscription = await self._link.subscribe(f"{self._inbox}.*", self._receive)
        self._link.on_reconnect(self._give_up_pull)
        loop = asyncio.get_running_loop()
        self._tasks = [
            loop.create_task(self._pull_for_ever(), name=f"work:{self._consumer}"),
            loop.create_task(self._tell_progress(), name=f"work-progress:{self._consumer}"),
        ]

    async def stop(self) -> None:
        """Take no more, give back what was not begun, finish what was. Idempotent."""
        if self._stopping:
            return
        self._stopping = True
        self._link.off_reconnect(self._give_up_pull)
        puller, *others = self._tasks
        puller.cancel()
        await asyncio.gather(puller, return_exceptions=True)
        if self._subscription is not None:
            await self._subscription.stop()
        while self._held:
            self._tell(self._held.popleft().reply, b"-NAK")
        mine = asyncio.current_task()
        await asyncio.gather(*(task for task in self._running if task is not mine), return_exceptions=True)
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _ensure(self) -> dict[str, Any]:
        config = {
            "durable_name": self._consumer,
            "deliver_policy": "all",
            "ack_policy": "explicit",
            "ack_wait": nanoseconds(self._ack_wait_s),
            "max_deliver": -1,
            "max_ack_pending": 10_000,
            "filter_subject": self._subject,
        }
        return await create_consumer(self._link, self._stream, self._consumer, config)

    def _give_up_pull(self) -> None:
        self._wanted = 0
        self._free.set()

    async def _pull_for_ever(self) -> None:
        with contextlib.suppress(TradepitError):
            await self._await_the_dead()
        wait = _RETRY_S
        loop = asyncio.get_running_loop()
        while not self._stopping:
            if self._gone:
                await self._make_again()
            silent = loop.time() - self._heard > _SILENT_S
            free = self._limit - len(self._running) - len(self._held)
            if (self._wanted and not silent) or free <= 0:
                self._free.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_HEARTBEAT_S):  # not wait_for, which can swallow a cancellation (3.11)
                        await self._free.wait()
                continue
            try:
                await self._ask(free)
                wait = _RETRY_S
            except Unavailable as error:
                logger.debug("worker {} cannot pull yet: {}", self._consumer, error)
                self._wanted = 0
                await asyncio.sleep(wait)
                wait = min(wait * 2, _MAX_RETRY_S)

    async def _await_the_dead(self) -> None:
        """What a killed worker of many hands still holds comes free when its time is over, and then comes first. To take newer
        messages before that would turn the order round, by as many as it held.
        """
        told = await self._ensure()
        if self._limit > 1 and told.get("num_ack_pending") and not told.get("num_waiting"):
            logger.info("worker {}: {} messages are still in a former one's hands", self._consumer, told["num_ack_pending"])
            await asyncio.sleep(self._ack_wait_s + _RETRY_S)

    async def _make_again(self) -> None:
        try:
            await self._declare()
            await self._ensure()
        except TradepitError as error:
            logger.debug("worker {} waits for its queue: {}", self._consumer, error)
            await asyncio.sleep(_RETRY_S)
        else:
            self._gone = False

    async def _ask(self, count: int) -> None:
        self._pull += 1
        body = {"batch": count, "expires": nanoseconds(_EXPIRES_S), "idle_heartbeat": nanoseconds(_HEARTBEAT_S)}
        self._wanted, self._heard = count, asyncio.get_running_loop().time()
        await self._link.send(
            f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self._consumer}",
            msgspec.json.encode(body),
            reply=f"{self._inbox}.{self._pull}",
        )

    def _receive(self, message: NatsMessage) -> None:
        self._heard = asyncio.get_running_loop().time()
        status = message.headers.get("Status") if message.headers else None
        if status is not None and not message.reply.startswith("$JS.ACK."):
            self._told(status, message)
            return
        if self._stopping:
            self._tell(message.reply, b"-NAK")
            return
        self._wanted = max(0, self._wanted - 1)
        if len(self._running) < self._limit:
            self._begin(message)
        else:
            self._held.append(message)  # of a pull that had been given up and was answered after all
        if not self._wanted:
            self._free.set()

    def _begin(self, message: NatsMessage) -> None:
        task = asyncio.get_running_loop().create_task(self._work(message))
        self._running[task] = message.reply
        task.add_done_callback(self._done)

    def _told(self, status: str, message: NatsMessage) -> None:
        if status == "100" or not message.subject.endswith(f".{self._pull}"):
            return  # a heartbeat, or the end of a pull already given up
        if status == "503" or (status == "409" and "Deleted" in (message.headers or {}).get("Description", "")):
            self._gone = True
        self._give_up_pull()

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.pop(task, None)
        if self._held and not self._stopping:
            self._begin(self._held.popleft())
        self._free.set()

    async def _work(self, message: NatsMessage) -> None:
        # $JS.ACK.<stream>.<consumer>.<deliveries>.<stream sequence>.<consumer sequence>.<time>.<pending>
        tokens = message.reply.split(".")
        deliveries, sequence = int(tokens[-5]), int(tokens[-4])
        try:
            await self._handler(
                Message(
                    subject=message.subject,
                    payload=message.data,
                    headers=message.headers or {},
                    sequence=sequence,
                    redelivered=deliveries > 1,
                )
            )
        except BaseException as error:
            delay = min(_NAK_S * 2 ** min(deliveries - 1, 10), _MAX_NAK_S)
            self._tell(message.reply, b'-NAK {"delay": %d}' % nanoseconds(delay))
            if not isinstance(error, Exception):
                raise
            logger.opt(exception=error).error("handling {} failed; it comes again in {} s", message.subject, delay)
        else:
            self._tell(message.reply, b"+ACK")

    def _tell(self, reply: str, verdict: bytes) -> None:
        # Lost on the way, the message comes again, marked as redelivered.
        with contextlib.suppress(Unavailable):
            self._link.post(reply, verdict)

    async def _tell_progress(self) -> None:
        while not (self._stopping and not self._running):
            await asyncio.sleep(self._ack_wait_s / 3)
            for reply in (*self._running.values(), *(message.reply for message in self._held)):
                self._tell(reply, b"+WPI")
