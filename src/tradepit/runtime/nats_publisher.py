"""Acknowledged publishing to JetStream in groups: in the order of the calls, safe to repeat after a lost connection."""

import asyncio
import secrets
from collections import deque
from collections.abc import Mapping, Sequence

from loguru import logger

from tradepit.runtime.deadlines import Deadlines
from tradepit.runtime.nats_api import StreamRefused, decode_ack, keep
from tradepit.runtime.nats_link import NatsLink
from tradepit.trading.model.errors import PayloadTooLarge, TimedOut, TradepitError, Unavailable

_BATCH_FROM, _BATCH_MOST = 32, 500
_PATIENCE_S = 2.0
_BACKOFF_S = 0.05
_TOO_LARGE = 10054
_NO_BATCHES = frozenset({10174, 10176})


class _Pending:
    __slots__ = ("done", "headers", "payload", "sent", "subject")

    def __init__(self, subject: str, payload: bytes, headers: dict[str, str], done: "asyncio.Future[None]") -> None:
        self.subject, self.payload, self.headers, self.done = subject, payload, headers, done
        self.sent = False

    def expired(self) -> Unavailable:
        """What became of it when its time is over: it may be kept, or it is not."""
        return TimedOut(subject=self.subject) if self.sent else Unavailable(subject=self.subject)


class OrderedPublisher:
    """One lane of publications to one stream, kept in the order ``publish`` was called.

    What waits while a group is under way forms the next group. Small groups are pipelined; from 32 on they go as one atomic
    batch, which costs the server a single write to disk. A group that failed in any way is repeated one by one: each
    publication carries an id, so that one the server already kept is not kept again (within its window of two minutes).
    """

    def __init__(self, link: NatsLink, *, timeout_s: float) -> None:
        self._link, self._timeout_s = link, timeout_s
        self._prefix = secrets.token_hex(8)
        self._count = 0
        self._batches = True
        self._waiting: deque[_Pending] = deque()
        self._wake, self._idle = asyncio.Event(), asyncio.Event()
        self._idle.set()
        self._task: asyncio.Task[None] | None = None
        self._deadlines = Deadlines()

    def start(self) -> None:
        """Begin to send."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="nats-publisher")

    async def publish(self, subject: str, payload: bytes, *, message_id: str, headers: Mapping[str, str] | None) -> None:
        """Return once the stream kept it. Raises TimedOut (it may be kept), Unavailable (it is not), PayloadTooLarge."""
        await self.begin(subject, payload, message_id=message_id, headers=headers)

    def begin(
        self, subject: str, payload: bytes, *, message_id: str = "", headers: Mapping[str, str] | None = None
    ) -> "asyncio.Future[None]":
        """Queue a publication; the future is done once the stream kept it, or fails as ``publish`` does."""
        self._count += 1
        loop = asyncio.get_running_loop()
        carried = {**headers} if headers else {}
        carried["Nats-Msg-Id"] = message_id or f"{self._prefix}-{self._count}"
        pending = _Pending(subject, payload, carried, loop.create_future())
        self._deadlines.watch(pending.done, self._timeout_s, pending.expired)
        self._waiting.append(pending)
        self._wake.set()
        return pending.done

    async def stop(self) -> None:
        """Wait for what is under way (each has its deadline), then end. Idempotent."""
        task, self._task = self._task, None
        if task is None:
            return
        while self._waiting or not self._idle.is_set():
            await asyncio.sleep(0)
            await self._idle.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            self._idle.clear()
            while self._waiting:
                most = min(len(self._waiting), _BATCH_MOST)
                taken = [self._waiting.popleft() for _ in range(most)]
                group = [pending for pending in taken if not pending.done.done()]
                batch = len(group) >= _BATCH_FROM and self._batches
                done = await (self._send_batch(group) if batch else self._send_pipelined(group))
                if not done:
                    await self._send_one_by_one(group)
            self._idle.set()

    async def _send_pipelined(self, group: Sequence[_Pending]) -> bool:
        answers = []
        try:
            for pending in group:
                pending.sent = True
                answers.append(self._link.begin(pending.subject, pending.payload, timeout_s=_PATIENCE_S, headers=pending.headers))
        except TradepitError:
            pass
        kept = 0
        for pending, answer in zip(group, answers, strict=False):
            try:
                decode_ack((await answer).data, pending.subject)
            except TradepitError as error:
                logger.debug("not kept yet: {}", error)
            else:
                kept += 1
                _succeed(pending)
        return kept == len(group)

    async def _send_batch(self, group: Sequence[_Pending]) -> bool:
        self._count += 1
        batch = f"{self._prefix}-b{self._count}"
        *others, last = group
        try:
            for number, pending in enumerate(others, 1):
                pending.sent = True
                headers = {**pending.headers, "Nats-Batch-Id": batch, "Nats-Batch-Sequence": str(number)}
                await self._link.send(pending.subject, pending.payload, headers=headers)
            last.sent = True
            headers = {**last.headers, "Nats-Batch-Id": batch, "Nats-Batch-Sequence": str(len(group)), "Nats-Batch-Commit": "1"}
            await keep(self._link, last.subject, last.payload, timeout_s=_PATIENCE_S, headers=headers)
        except StreamRefused as error:
            # Among others: one of the ids is known already, or this stream was made without batches.
            self._batches = error.err_code not in _NO_BATCHES
            logger.debug("batch not kept: {}", error)
            return False
        except TradepitError as error:
            logger.debug("batch without answer: {}", error)
            return False
        for pending in group:
            _succeed(pending)
        return True

    async def _send_one_by_one(self, group: Sequence[_Pending]) -> None:
        for pending in group:
            while not pending.done.done():
                if await self._link.wait_up(_BACKOFF_S) and await self._try_one(pending):
                    break
                await asyncio.sleep(_BACKOFF_S)

    async def _try_one(self, pending: _Pending) -> bool:
        pending.sent = True
        try:
            await keep(self._link, pending.subject, pending.payload, timeout_s=_PATIENCE_S, headers=pending.headers)
        except StreamRefused as error:
            if error.err_code == _TOO_LARGE:
                _fail(pending, PayloadTooLarge(bytes=len(pending.payload)))
            logger.debug("not kept yet: {}", error)
        except Unavailable as error:
            logger.debug("not kept yet: {}", error)
        except TradepitError as error:
            _fail(pending, error)
        else:
            _succeed(pending)
        return pending.done.done()


def _succeed(pending: _Pending) -> None:
    if not pending.done.done():
        pending.done.set_result(None)


def _fail(pending: _Pending, error: TradepitError) -> None:
    if not pending.done.done():
        pending.done.set_exception(error)
        pending.done.exception()  # nobody may be waiting any more
