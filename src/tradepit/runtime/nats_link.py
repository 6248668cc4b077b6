"""One connection to a NATS server that mends itself: reconnects for ever, subscribes again, and notices silence."""

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable, Mapping

import nats
import nats.errors
from loguru import logger
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription as ClientSubscription

from tradepit.trading.model.errors import BadRequest, PayloadTooLarge, TimedOut, Unavailable

Callback = Callable[[Msg], Awaitable[None]]
_FAILURES = (nats.errors.Error, OSError, TimeoutError)
_NO_RESPONDERS = "503"
_FLUSH_TURNS = 1000


class _OrderedClient(Client):
    """nats-py's client, except that a ping does not overtake commands handed over before it.

    The original writes a ping past its own buffer, so that ``flush`` returns before the server has seen a subscription
    that was just made (a request then finds nobody), and a drained one misses its last messages.
    """

    async def _send_ping(self, future: "asyncio.Future[bool] | None" = None) -> None:
        for _ in range(_FLUSH_TURNS):
            if not self._pending or not self.is_connected:
                break
            await asyncio.sleep(0)
        await super()._send_ping(future)


class LinkSubscription:
    """A core subscription that lives on across reconnects. The callback must be quick: it hands over and returns."""

    def __init__(self, link: "NatsLink", subject: str, queue: str, callback: Callback) -> None:
        self._link, self._subject, self._queue, self._callback = link, subject, queue, callback
        self._inner: ClientSubscription | None = None

    async def attach(self, client: Client) -> None:
        """Subscribe on a fresh connection."""
        self._inner = await client.subscribe(self._subject, queue=self._queue, cb=self._callback)

    async def stop(self) -> None:
        """End; what the server had already sent is still handed to the callback. Idempotent."""
        self._link.forget(self)
        inner, self._inner = self._inner, None
        if inner is not None:
            with contextlib.suppress(*_FAILURES):
                await inner.drain()  # type: ignore[no-untyped-call]  # nats-py leaves it without a return type


class NatsLink:
    """Connects with ``connect``, then keeps itself connected until ``close``.

    nats-py's own reconnecting is switched off: it keeps half-sent publications across connections (which turns their
    order round) and gives up after some errors. Here each connection is a fresh client, watched by pings.
    """

    def __init__(self, url: str, *, name: str, retry_s: float = 0.05, ping_s: float = 1.0, dead_s: int = 3) -> None:
        self._url, self._name = url, name
        self._retry_s, self._ping_s, self._dead_s = retry_s, ping_s, dead_s
        self._client: Client | None = None
        self._up, self._broken = asyncio.Event(), asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._subscriptions: list[LinkSubscription] = []
        self._listeners: list[Callable[[], None]] = []
        self._inbox = f"_INBOX.{secrets.token_hex(8)}"
        self._questions: dict[str, asyncio.Future[Msg]] = {}
        self._asked = 0
        self._closing = False
        self.reconnects = 0

    @property
    def is_up(self) -> bool:
        """Whether a connection stands now."""
        return self._up.is_set() and self._client is not None and not self._client.is_closed

    @property
    def client(self) -> Client:
        """The present connection. Raises Unavailable while there is none."""
        client = self._client
        if client is None or client.is_closed:
            raise Unavailable("not connected to the NATS server", url=self._url)
        return client

    def on_reconnect(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` after each reconnect, once all subscriptions stand again."""
        self._listeners.append(listener)

    def off_reconnect(self, listener: Callable[[], None]) -> None:
        """Stop calling ``listener``."""
        with contextlib.suppress(ValueError):
            self._listeners.remove(listener)

    async def connect(self, timeout_s: float = 5.0) -> None:
        """Connect. Idempotent. Raises Unavailable when no server answers within ``timeout_s`` seconds."""
        if self._tasks:
            return
        self._closing = False
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        while True:
            try:
                self._client = await self._open()
                break
            except _FAILURES as error:
                if loop.time() >= deadline:
                    raise Unavailable("no NATS server answers", url=self._url, cause=str(error)) from error
                await asyncio.sleep(self._retry_s)
        self._up.set()
        self._tasks = [loop.create_task(self._keep(), name=f"{self._name}:nats-keep")]
        self._tasks.append(loop.create_task(self._ping(), name=f"{self._name}:nats-ping"))
        await self.subscribe(f"{self._inbox}.*", self._answered)

    async def wait_up(self, timeout_s: float) -> bool:
        """Wait up to ``timeout_s`` seconds for a connection; whether there is one."""
        if self.is_up:
            return True
        if self._closing or not self._tasks:
            return False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):  # not wait_for, which can swallow a cancellation (3.11)
                await self._up.wait()
        return self.is_up

    async def subscribe(self, subject: str, callback: Callback, *, queue: str = "") -> LinkSubscription:
        """Subscribe now and after every reconnect. Raises Unavailable when this link is closed."""
        subscription = LinkSubscription(self, subject, queue, callback)
        client = self._client
        if client is None or self._closing:
            raise Unavailable("the link is closed", url=self._url)
        self._subscriptions.append(subscription)
        if self.is_up:
            try:
                await subscription.attach(client)
                await client.flush(timeout=5)  # so that what is published from now on by anybody is received
            except nats.errors.BadSubjectError as error:
                self.forget(subscription)
                raise BadRequest("not a subject", subject=subject) from error
            except _FAILURES as error:
                logger.debug("{}: subscription to {} waits for the next connection: {}", self._name, subject, error)
        return subscription

    def forget(self, subscription: LinkSubscription) -> None:
        """Do not subscribe again after the next reconnect."""
        with contextlib.suppress(ValueError):
            self._subscriptions.remove(subscription)

    async def send(self, subject: str, payload: bytes, *, reply: str = "", headers: Mapping[str, str] | None = None) -> None:
        """Hand a message to the connection, in order of the calls. Raises Unavailable, PayloadTooLarge, BadRequest."""
        try:
            await self.client.publish(subject, payload, reply, dict(headers) if headers else None)
        except nats.errors.MaxPayloadError as error:
            raise PayloadTooLarge(bytes=len(payload), limit=self.client.max_payload) from error
        except (nats.errors.BadSubjectError, nats.errors.BadHeaderError) as error:
            raise BadRequest("not a subject or header", subject=subject) from error
        except _FAILURES as error:
            raise Unavailable("the NATS server cannot be reached", url=self._url, cause=str(error)) from error

    async def begin(
        self, subject: str, payload: bytes, *, timeout_s: float, headers: Mapping[str, str] | None = None
    ) -> "asyncio.Future[Msg]":
        """Send a question, in order of the calls; the future gives its one answer or TimedOut. Raises Unavailable (not sent)."""
        self._asked += 1
        token = str(self._asked)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Msg] = loop.create_future()
        self._questions[token] = answer
        timer = loop.call_later(timeout_s, _expire, answer, subject, timeout_s)

        def settle(done: "asyncio.Future[Msg]") -> None:
            timer.cancel()
            self._questions.pop(token, None)
            if not done.cancelled():
                done.exception()  # nobody may be waiting any more

        answer.add_done_callback(settle)
        try:
            await self.send(subject, payload, reply=f"{self._inbox}.{token}", headers=headers)
        except BaseException:
            answer.cancel()
            raise
        return answer

    async def ask(self, subject: str, payload: bytes, *, timeout_s: float, headers: Mapping[str, str] | None = None) -> Msg:
        """Send a question and wait for one answer. Raises Unavailable (nobody listens, or not sent), TimedOut.

        Questions under way when the connection is lost time out at once: their answers would not find the way back.
        """
        return await (await self.begin(subject, payload, timeout_s=timeout_s, headers=headers))

    async def close(self) -> None:
        """Send what was handed over, then disconnect. Idempotent."""
        self._closing = True
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        client, self._client = self._client, None
        self._up.clear()
        if client is not None:
            with contextlib.suppress(*_FAILURES):
                if not client.is_closed:
                    await client.flush(timeout=2)
            await _end(client)
        self._subscriptions.clear()
        self._give_up_questions()

    async def _answered(self, message: Msg) -> None:
        future = self._questions.get(message.subject[len(self._inbox) + 1 :])
        if future is None or future.done():
            return
        if not message.data and message.headers and message.headers.get("Status") == _NO_RESPONDERS:
            future.set_exception(Unavailable("nobody answers on this subject"))
        else:
            future.set_result(message)

    def _give_up_questions(self) -> None:
        for question in tuple(self._questions.values()):
            if not question.done():
                question.set_exception(TimedOut("the connection was lost before an answer came"))

    async def _open(self) -> Client:
        client = _OrderedClient()
        try:
            async with asyncio.timeout(4.0):
                await client.connect(
                    self._url,
                    name=self._name,
                    allow_reconnect=False,
                    max_reconnect_attempts=1,
                    reconnect_time_wait=0,
                    connect_timeout=2,
                    error_cb=self._on_error,
                    closed_cb=self._on_closed,
                    pending_size=8 * 1024 * 1024,
                    flush_timeout=5.0,
                )
        except BaseException:
            await _end(client)
            raise
        return client

    async def _on_error(self, error: Exception) -> None:
        if not self._closing:
            logger.debug("{}: NATS connection: {}", self._name, error)

    async def _on_closed(self) -> None:
        self._broken.set()

    async def _ping(self) -> None:
        while not self._closing:  # and not only until cancelled: nats-py swallows some cancellations
            await asyncio.sleep(self._ping_s)
            client = self._client
            if client is None or self._broken.is_set():
                continue
            try:
                # A server that is frozen, or a read loop that died, answers no ping: the connection counts as lost.
                await client.flush(timeout=self._dead_s)
            except _FAILURES:
                self._broken.set()

    async def _keep(self) -> None:
        while not self._closing:
            await self._broken.wait()
            self._up.clear()
            lost = self._client
            self._give_up_questions()
            logger.warning("{}: connection to the NATS server {} lost", self._name, self._url)
            ending = asyncio.get_running_loop().create_task(_end(lost)) if lost is not None else None
            self._broken.clear()
            client = await self._reopen()
            if ending is not None:
                await ending
            self._broken.clear()
            if client.is_closed:
                self._broken.set()
                continue
            self._client = client
            self.reconnects += 1
            self._up.set()
            logger.info("{}: connected to the NATS server again", self._name)
            for listener in tuple(self._listeners):
                listener()

    async def _reopen(self) -> Client:
        while True:
            client = None
            try:
                client = await self._open()
                for subscription in tuple(self._subscriptions):
                    await subscription.attach(client)
                await client.flush(timeout=2)
            except _FAILURES as error:
                if client is not None:
                    await _end(client)
                logger.debug("{}: still no NATS server: {}", self._name, error)
                await asyncio.sleep(self._retry_s)
            else:
                return client


def _expire(answer: "asyncio.Future[Msg]", subject: str, timeout_s: float) -> None:
    if not answer.done():
        answer.set_exception(TimedOut(subject=subject, timeout_s=timeout_s))


async def _end(client: Client) -> None:
    # Closing waits for the peer to take what is buffered, which a frozen server never does.
    with contextlib.suppress(*_FAILURES, RuntimeError, AttributeError):
        async with asyncio.timeout(2.0):
            await client.close()
