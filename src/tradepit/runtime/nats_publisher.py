"""Acknowledged publishing to JetStream: pipelined, in the order of the calls, safe to repeat after a lost connection."""

import asyncio
import contextlib
import secrets
from collections import deque
from collections.abc import Mapping
from typing import Any

from loguru import logger
from nats.aio.msg import Msg

from tradepit.runtime.nats_api import StreamRefused, decode_ack
from tradepit.runtime.nats_link import LinkSubscription, NatsLink
from tradepit.trading.model.errors import PayloadTooLarge, TimedOut, TradepitError, Unavailable

_BACKOFF_S = 0.05
_PROBE_S = 1.0
_TOO_LARGE = 10054


class _Pending:
    __slots__ = ("done", "headers", "payload", "round", "sent", "subject", "token")

    def __init__(self, token: str, subject: str, payload: bytes, headers: dict[str, str], done: "asyncio.Future[None]") -> None:
        self.token, self.subject, self.payload, self.headers, self.done = token, subject, payload, headers, done
        self.sent = False
        self.round = 0


class OrderedPublisher:
    """One lane of publications to one stream: they are kept in the order ``publish`` was called.

    While all is well many are under way at once. After a lost connection, an unanswered or a refused publication the lane
    starts slowly: the oldest unacknowledged one alone, until the stream takes it, then all others in order. Each carries
    an id, so that one the server had already kept is not kept again (within its window of two minutes).
    """

    def __init__(self, link: NatsLink, *, timeout_s: float, patience_s: float = 3.0) -> None:
        self._link, self._timeout_s, self._patience_s = link, timeout_s, patience_s
        self._inbox = f"_INBOX.p{secrets.token_hex(8)}"
        self._prefix = secrets.token_hex(8)
        self._count = 0
        self._waiting: deque[_Pending] = deque()
        self._by_token: dict[str, _Pending] = {}
        self._subscription: LinkSubscription | None = None
        # While open, calls send at once; otherwise they only queue up and the mending task sends them in order.
        self._open = True
        self._trouble = asyncio.Event()
        self._round = 0
        self._task: asyncio.Task[None] | None = None
        self._acked = 0
        self._idle = asyncio.Event()

    async def start(self) -> None:
        """Listen for acknowledgements. Raises Unavailable."""
        self._subscription = await self._link.subscribe(f"{self._inbox}.*", self._answered)
        self._link.on_reconnect(self._alarm)
        self._task = asyncio.get_running_loop().create_task(self._mend(), name="nats-publisher")

    async def publish(self, subject: str, payload: bytes, *, message_id: str, headers: Mapping[str, str] | None) -> None:
        """Return once the stream kept it. Raises TimedOut (it may be kept), Unavailable (it is not), PayloadTooLarge."""
        self._count += 1
        token = str(self._count)
        loop = asyncio.get_running_loop()
        carried = {**headers} if headers else {}
        carried["Nats-Msg-Id"] = message_id or f"{self._prefix}-{token}"
        pending = _Pending(token, subject, payload, carried, loop.create_future())
        self._waiting.append(pending)
        self._by_token[token] = pending
        timer = loop.call_later(self._timeout_s, self._expire, pending)
        try:
            if self._open:
                await self._send(pending)
            await pending.done
        finally:
            timer.cancel()
            self._forget(pending)

    async def stop(self) -> None:
        """Wait for what is under way (each has its deadline), then end. Idempotent."""
        while self._waiting and self._task is not None:
            self._idle.clear()
            await self._idle.wait()
        self._link.off_reconnect(self._alarm)
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        if self._subscription is not None:
            await self._subscription.stop()

    async def _send(self, pending: _Pending) -> None:
        try:
            await self._link.send(
                pending.subject, pending.payload, reply=f"{self._inbox}.{pending.token}", headers=pending.headers
            )
        except Unavailable:
            self._alarm()
        except TradepitError as error:
            _fail(pending, error)
        else:
            pending.sent = True

    def _expire(self, pending: _Pending) -> None:
        _fail(pending, TimedOut(subject=pending.subject) if pending.sent else Unavailable(subject=pending.subject))

    def _forget(self, pending: _Pending) -> None:
        self._by_token.pop(pending.token, None)
        while self._waiting and self._waiting[0].done.done():
            self._waiting.popleft()
        if not self._waiting:
            self._idle.set()

    async def _answered(self, message: Msg) -> None:
        pending = self._by_token.get(message.subject[len(self._inbox) + 1 :])
        if pending is None or pending.done.done():
            return
        try:
            decode_ack(message.data, pending.subject)
        except StreamRefused as error:
            if error.err_code == _TOO_LARGE:
                _fail(pending, PayloadTooLarge(bytes=len(pending.payload)))
                return
            # No stream there yet (it is being recovered or moved), or it cannot take it now: again, until the deadline.
            logger.debug("not kept yet: {}", error)
            self._alarm()
            return
        self._acked += 1
        pending.done.set_result(None)

    def _alarm(self) -> None:
        self._open = False
        self._trouble.set()

    async def _mend(self) -> None:
        while True:
            acked, oldest = self._acked, self._oldest()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._trouble.wait(), self._patience_s)
            if not self._trouble.is_set() and oldest is not None and self._acked == acked and oldest is self._oldest():
                self._alarm()  # nothing was acknowledged for that long: ask again
            while not self._open:
                await self._start_slowly()

    def _oldest(self) -> _Pending | None:
        return next((pending for pending in self._waiting if not pending.done.done()), None)

    async def _start_slowly(self) -> None:
        while (oldest := self._oldest()) is not None:
            if await self._link.wait_up(_PROBE_S) and await self._try_one(oldest):
                break
            await asyncio.sleep(_BACKOFF_S)
        self._trouble.clear()
        self._round += 1
        while batch := [each for each in self._waiting if each.round != self._round and not each.done.done()]:
            for pending in batch:
                pending.round = self._round
                await self._send(pending)
                if self._trouble.is_set():
                    return
        self._open = True

    async def _try_one(self, pending: _Pending) -> bool:
        self._trouble.clear()
        await self._send(pending)
        trouble = asyncio.ensure_future(self._trouble.wait())
        either: list[asyncio.Future[Any]] = [trouble, pending.done]
        try:
            await asyncio.wait(either, timeout=_PROBE_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            trouble.cancel()
        return pending.done.done()


def _fail(pending: _Pending, error: TradepitError) -> None:
    if not pending.done.done():
        pending.done.set_exception(error)
