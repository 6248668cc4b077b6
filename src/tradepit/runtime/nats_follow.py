"""A reader of one JetStream stream that delivers every message once, in order, and never goes deaf."""

import asyncio
import contextlib
import secrets
from collections import deque
from collections.abc import Awaitable, Callable

import msgspec
from loguru import logger

from tradepit.runtime.nats_api import NOT_FOUND, StreamRefused, StreamState, call, create_consumer, nanoseconds, stream_state
from tradepit.runtime.nats_connection import NatsMessage
from tradepit.runtime.nats_link import LinkSubscription, NatsLink
from tradepit.trading.model.errors import TradepitError, Unavailable

_IDLE_S = 2.0
_RETRY_S = 0.05
_MAX_RETRY_S = 0.5


class Followed(msgspec.Struct, frozen=True):
    """One message of the stream with its number there."""

    sequence: int
    subject: str
    payload: bytes
    headers: dict[str, str]


class StreamFollower:
    """Reads ``stream`` after number ``after`` through an ordered push consumer of its own.

    The consumer is rebuilt after a reconnect, when its deliveries have a gap, and when a check every ``check_s`` seconds
    finds that the server has more than was delivered and nothing moved since the last check. Numbers missing in the stream
    itself (dropped by its limits) show as a jump of ``sequence``: the caller decides what that means.
    """

    def __init__(
        self,
        link: NatsLink,
        stream: str,
        *,
        after: int,
        subject: str = "",
        check_s: float = 1.0,
        declare: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._link, self._stream, self._subject, self._check_s, self._declare = link, stream, subject, check_s, declare
        self._last = after
        self._queue: deque[Followed | str] = deque()
        self._ready, self._rebuild = asyncio.Event(), asyncio.Event()
        self._subscription: LinkSubscription | None = None
        self._consumer = self._created = ""
        self._delivered = 0
        self._task: asyncio.Task[None] | None = None
        self._stopped = False
        self.rebuilds = 0

    async def start(self) -> None:
        """Begin to read; the first consumer stands when this returns. Raises Unavailable."""
        await self._build()
        self._link.on_reconnect(self._rebuild.set)
        self._task = asyncio.get_running_loop().create_task(self._watch(), name=f"follow:{self._stream}")

    async def next(self) -> Followed | None:
        """The next message, waiting for it; None once stopped and all received ones were taken."""
        while True:
            while self._queue:
                item = self._queue.popleft()
                if not isinstance(item, str):
                    return item
                # The server asks how far we are; answering here, after the messages before it, is what paces it.
                with contextlib.suppress(TradepitError):
                    await self._link.send(item, b"")
            if self._stopped:
                return None
            self._ready.clear()
            await self._ready.wait()

    async def stop(self) -> None:
        """Receive no more; ``next`` still gives what has come. Idempotent."""
        self._stopped = True
        self._link.off_reconnect(self._rebuild.set)
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        await self._drop_consumer()
        self._ready.set()

    async def _build(self) -> None:
        await self._drop_consumer()
        state = await self._state()
        if state.last < self._last or self._created not in {"", state.created}:
            logger.error("stream {} was lost and made anew after number {}; reading it from its start", self._stream, self._last)
            self._last = 0
        self._created = state.created
        name = f"f{secrets.token_hex(8)}"
        inbox = f"_INBOX.{name}"

        def receive(message: NatsMessage) -> None:
            if name == self._consumer:
                self._receive(message)

        self._consumer, self._delivered = name, 0
        self._subscription = await self._link.subscribe(inbox, receive)
        config: dict[str, object] = {
            "deliver_subject": inbox,
            "deliver_policy": "by_start_sequence",
            "opt_start_seq": self._last + 1,
            "ack_policy": "none",
            "max_deliver": 1,
            "mem_storage": True,
            "num_replicas": 1,
            "flow_control": True,
            "idle_heartbeat": nanoseconds(_IDLE_S),
            "inactive_threshold": nanoseconds(10.0),
        }
        if self._subject:
            config["filter_subject"] = self._subject
        await create_consumer(self._link, self._stream, name, config)

    async def _state(self) -> StreamState:
        try:
            return await stream_state(self._link, self._stream)
        except StreamRefused as error:
            if error.err_code not in NOT_FOUND or self._declare is None:
                raise
            await self._declare()
            return await stream_state(self._link, self._stream)

    async def _drop_consumer(self) -> None:
        subscription, self._subscription, name, self._consumer = self._subscription, None, self._consumer, ""
        if subscription is None:
            return
        await subscription.stop()
        with contextlib.suppress(Unavailable):
            if self._link.is_up:
                await call(self._link, f"CONSUMER.DELETE.{self._stream}.{name}", timeout_s=1.0)

    def _receive(self, message: NatsMessage) -> None:
        if message.headers is not None and message.headers.get("Status") == "100":
            stalled = message.headers.get("Nats-Consumer-Stalled")
            if message.reply or stalled:
                self._put(message.reply or str(stalled))
            return
        # $JS.ACK.<stream>.<consumer>.<deliveries>.<stream sequence>.<consumer sequence>.<time>.<pending>
        tokens = message.reply.split(".")
        sequence, delivered = int(tokens[-4]), int(tokens[-3])
        if delivered != self._delivered + 1:
            logger.warning("stream {}: delivery {} came after {}", self._stream, delivered, self._delivered)
            self._consumer = ""  # hear nothing more of this one
            self._rebuild.set()
            return
        self._delivered, self._last = delivered, sequence
        self._put(Followed(sequence, message.subject, message.data, message.headers or {}))

    def _put(self, item: Followed | str) -> None:
        self._queue.append(item)
        self._ready.set()

    async def _watch(self) -> None:
        seen = self._last
        while not self._stopped:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._check_s):  # not wait_for, which can swallow a cancellation (3.11)
                    await self._rebuild.wait()
            if not self._rebuild.is_set():
                moved, seen = self._last != seen, self._last
                if moved or self._queue or not self._link.is_up or not await self._is_deaf():
                    continue
            self._rebuild.clear()
            await self._rebuild_until_done()
            seen = self._last

    async def _is_deaf(self) -> bool:
        name, before = self._consumer, self._last
        try:
            info = await call(self._link, f"CONSUMER.INFO.{self._stream}.{name}", timeout_s=self._check_s)
        except StreamRefused as error:
            return error.err_code in NOT_FOUND
        except Unavailable:
            return False  # the link's own ping finds out
        behind = info["num_pending"] > 0 or info["delivered"]["stream_seq"] > before
        return behind and self._last == before

    async def _rebuild_until_done(self) -> None:
        wait = _RETRY_S
        while True:
            try:
                await self._build()
            except Unavailable as error:
                logger.debug("stream {} cannot be read yet: {}", self._stream, error)
                await asyncio.sleep(wait)
                wait = min(wait * 2, _MAX_RETRY_S)
            else:
                self.rebuilds += 1
                return
