"""One connection to a NATS server that mends itself: reconnects for ever, subscribes again, and notices silence."""

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Mapping

from loguru import logger

from tradepit.runtime.deadlines import Deadlines
from tradepit.runtime.nats_connection import NatsConnection, NatsMessage, Receive
from tradepit.trading.model.errors import TimedOut, Unavailable

_NO_RESPONDERS = "503"
_CONNECT_S, _FLUSH_S, _CLOSE_S = 2.0, 5.0, 2.0


class LinkSubscription:
    """A core subscription that lives on across reconnects. The callback must be quick: it hands over and returns."""

    def __init__(self, link: "NatsLink", subject: str, queue: str, receive: Receive) -> None:
        self._link, self._subject, self._queue, self._receive = link, subject, queue, receive
        self._connection: NatsConnection | None = None
        self._sid = 0

    def attach(self, connection: NatsConnection) -> None:
        """Subscribe on a fresh connection. Raises BadRequest, Unavailable."""
        self._sid = connection.subscribe(self._subject, self._receive, queue=self._queue)
        self._connection = connection

    async def stop(self) -> None:
        """End; what the server had already sent is still handed to the callback. Idempotent."""
        self._link.forget(self)
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Unavailable):
                await connection.unsubscribe(self._sid, _FLUSH_S)


class NatsLink:
    """Connects with ``connect``, then keeps itself connected until ``close``.

    Each connection is a fresh one, watched by pings; nothing half sent is carried over, so the order per publisher holds.
    """

    def __init__(self, url: str, *, name: str, retry_s: float = 0.05, ping_s: float = 1.0, dead_s: float = 3.0) -> None:
        self._url, self._name = url, name
        self._retry_s, self._ping_s, self._dead_s = retry_s, ping_s, dead_s
        self._connection: NatsConnection | None = None
        self._up, self._broken = asyncio.Event(), asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._subscriptions: list[LinkSubscription] = []
        self._listeners: list[Callable[[], None]] = []
        self._inbox = f"_INBOX.{secrets.token_hex(8)}"
        self._questions: dict[str, asyncio.Future[NatsMessage]] = {}
        self._deadlines = Deadlines()
        self._asked = 0
        self._closing = False
        self.reconnects = 0

    @property
    def is_up(self) -> bool:
        """Whether a connection stands now."""
        return self._up.is_set() and self._connection is not None and not self._connection.closed

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
                self._connection = await self._open()
                break
            except Unavailable:
                if loop.time() >= deadline:
                    raise
                await asyncio.sleep(self._retry_s)
        if not self._connection.closed:
            self._broken.clear()  # attempts that failed have set it
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

    async def subscribe(self, subject: str, receive: Receive, *, queue: str = "") -> LinkSubscription:
        """Subscribe now and after every reconnect. Raises Unavailable when this link is closed, BadRequest for a bad subject."""
        subscription = LinkSubscription(self, subject, queue, receive)
        connection = self._connection
        if connection is None or self._closing:
            raise Unavailable("the link is closed", url=self._url)
        try:
            if self.is_up:
                subscription.attach(connection)
            self._subscriptions.append(subscription)
            if self.is_up:
                await connection.flush(_FLUSH_S)  # so that what is published from now on by anybody is received
        except Unavailable as error:
            if subscription not in self._subscriptions:
                self._subscriptions.append(subscription)
            logger.debug("{}: subscription to {} waits for the next connection: {}", self._name, subject, error)
        return subscription

    def forget(self, subscription: LinkSubscription) -> None:
        """Do not subscribe again after the next reconnect."""
        with contextlib.suppress(ValueError):
            self._subscriptions.remove(subscription)

    def post(self, subject: str, payload: bytes, *, reply: str = "", headers: Mapping[str, str] | None = None) -> None:
        """Hand a message to the connection, in order of the calls. Raises Unavailable, PayloadTooLarge, BadRequest.

        For answers and other messages whose number is bounded by what came in; streams of them use ``send``.
        """
        connection = self._connection
        if connection is None:
            raise Unavailable("not connected to the NATS server", url=self._url)
        connection.publish(subject, payload, reply, headers)

    async def send(self, subject: str, payload: bytes, *, reply: str = "", headers: Mapping[str, str] | None = None) -> None:
        """As ``post``, but waits while the server does not take what was sent before."""
        connection = self._connection
        if connection is not None and connection.is_full:
            await connection.writable()
        self.post(subject, payload, reply=reply, headers=headers)

    def begin(
        self, subject: str, payload: bytes, *, timeout_s: float, headers: Mapping[str, str] | None = None
    ) -> "asyncio.Future[NatsMessage]":
        """Send a question, in order of the calls; the future gives its one answer or TimedOut. Raises Unavailable (not sent)."""
        self._asked += 1
        token = str(self._asked)
        answer: asyncio.Future[NatsMessage] = asyncio.get_running_loop().create_future()
        self.post(subject, payload, reply=f"{self._inbox}.{token}", headers=headers)
        self._questions[token] = answer
        self._deadlines.watch(answer, timeout_s, lambda: self._expired(token, subject, timeout_s))
        return answer

    async def ask(
        self, subject: str, payload: bytes, *, timeout_s: float, headers: Mapping[str, str] | None = None
    ) -> NatsMessage:
        """Send a question and wait for one answer. Raises Unavailable (nobody listens, or not sent), TimedOut.

        Questions under way when the connection is lost time out at once: their answers would not find the way back.
        """
        return await self.begin(subject, payload, timeout_s=timeout_s, headers=headers)

    async def close(self) -> None:
        """Send what was handed over, then disconnect. Idempotent."""
        self._closing = True
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        connection, self._connection = self._connection, None
        self._up.clear()
        if connection is not None:
            await connection.close(_CLOSE_S)
        self._subscriptions.clear()
        self._give_up_questions()

    def _answered(self, message: NatsMessage) -> None:
        future = self._questions.pop(message.subject[len(self._inbox) + 1 :], None)
        if future is None or future.done():
            return
        if not message.data and message.headers and message.headers.get("Status") == _NO_RESPONDERS:
            future.set_exception(Unavailable("nobody answers on this subject"))
            future.exception()  # nobody may be waiting any more
        else:
            future.set_result(message)

    def _expired(self, token: str, subject: str, timeout_s: float) -> TimedOut:
        self._questions.pop(token, None)
        return TimedOut(subject=subject, timeout_s=timeout_s)

    def _give_up_questions(self) -> None:
        questions, self._questions = self._questions, {}
        for question in questions.values():
            if not question.done():
                question.set_exception(TimedOut("the connection was lost before an answer came"))
                question.exception()  # nobody may be waiting any more

    async def _open(self) -> NatsConnection:
        connection = NatsConnection(self._url, name=self._name, on_closed=self._broken.set)
        await connection.connect(_CONNECT_S)
        return connection

    async def _ping(self) -> None:
        while not self._closing:
            await asyncio.sleep(self._ping_s)
            connection = self._connection
            if connection is None or self._broken.is_set():
                continue
            try:
                # A server that is frozen answers no ping: the connection counts as lost.
                await connection.flush(self._dead_s)
            except Unavailable:
                self._broken.set()

    async def _keep(self) -> None:
        while not self._closing:
            await self._broken.wait()
            self._up.clear()
            if self._connection is not None:
                self._connection.abort()
            self._give_up_questions()
            logger.warning("{}: connection to the NATS server lost", self._name)
            connection = await self._reopen()
            self._broken.clear()
            if connection.closed:
                self._broken.set()
                continue
            self._connection = connection
            self.reconnects += 1
            self._up.set()
            logger.info("{}: connected to the NATS server again", self._name)
            for listener in tuple(self._listeners):
                listener()

    async def _reopen(self) -> NatsConnection:
        while True:
            try:
                connection = await self._open()
            except Unavailable as error:
                logger.debug("{}: still no NATS server: {}", self._name, error)
                await asyncio.sleep(self._retry_s)
                continue
            try:
                for subscription in tuple(self._subscriptions):
                    subscription.attach(connection)
                await connection.flush(_CLOSE_S)
            except Unavailable as error:
                connection.abort()
                logger.debug("{}: the NATS server went away again: {}", self._name, error)
                await asyncio.sleep(self._retry_s)
            else:
                return connection
