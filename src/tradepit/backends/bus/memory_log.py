"""The durable channels of the memory bus: their logs, the readers of a log, and the groups that share its work."""

import asyncio
import re
from bisect import insort
from collections import deque
from collections.abc import Coroutine
from typing import Any

import msgspec
from loguru import logger

from tradepit.backends.bus.seen_ids import SeenIds
from tradepit.ports.bus import Channel, Handler, Message

_WINDOW = 100_000
_AGAIN_S, _MAX_AGAIN_S = 0.05, 5.0


class Member:
    """Something that runs handlers in tasks and stops in order."""

    def __init__(self) -> None:
        self.running: set[asyncio.Task[Any]] = set()
        self.stopped = False

    def watch(self, task: asyncio.Task[Any]) -> None:
        """Wait for ``task`` when stopping."""
        self.running.add(task)
        task.add_done_callback(self._ended_task)

    def _ended_task(self, task: asyncio.Task[Any]) -> None:
        self.running.discard(task)
        if not task.cancelled():
            task.exception()  # was told to the one who asked, who may be gone

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self.watch(asyncio.get_running_loop().create_task(work))

    def leave(self) -> None:
        """Take no new message."""

    async def stop(self) -> None:
        self.part()
        await asyncio.gather(*(task for task in self.running if task is not asyncio.current_task()), return_exceptions=True)

    def abandon(self) -> None:
        # Out of reach first: what came in after the others were cancelled would be waited for without end.
        self.part()
        for task in self.running:
            task.cancel()

    def part(self) -> None:
        """Take no new message from now on; ``stop`` still waits for those in hand. Idempotent."""
        if not self.stopped:
            self.stopped = True
            self.leave()


class Log:
    """A durable channel: its messages, numbered from 1, and who still has to read them."""

    def __init__(self, channel: Channel, retain: int) -> None:
        self.pattern = pattern(channel.subject)
        self._retain = retain
        self._first = 1
        self._messages: list[Message] = []
        self._ids = SeenIds(_WINDOW)
        self.readers: list[Reader] = []
        self.groups: dict[str, Group] = {}

    @property
    def first(self) -> int:
        """The number of the oldest message retained."""
        return self._first

    @property
    def last(self) -> int:
        """The number of the newest message."""
        return self._first + len(self._messages) - 1

    def group(self, name: str) -> "Group":
        if name not in self.groups:
            self.groups[name] = Group(self)
        return self.groups[name]

    def get(self, number: int) -> Message:
        return self._messages[number - self._first]

    def append(self, message: Message, message_id: str) -> None:
        if self._ids.repeats(message_id):
            return
        self._messages.append(msgspec.structs.replace(message, sequence=self.last + 1))
        for reader in self.readers:
            reader.wake()
        for group in self.groups.values():
            group.dispatch()
        if len(self._messages) > 2 * self._retain:
            self._trim()

    def _trim(self) -> None:
        wanted = [reader.next for reader in self.readers] + [group.next for group in self.groups.values()]
        keep_from = min([self.last - self._retain + 1, *wanted])
        if keep_from > self._first:
            del self._messages[: keep_from - self._first]
            self._first = keep_from


class Reader(Member):
    """A BROADCAST subscription to a durable channel: a place in its log."""

    def __init__(self, log: Log, subject: str, handler: Handler, *, replay: bool) -> None:
        super().__init__()
        self._log, self._handler, self._pattern = log, handler, pattern(subject)
        self.next = log.first if replay else log.last + 1
        self._woken = asyncio.Event()
        log.readers.append(self)
        self.spawn(self._run())

    def wake(self) -> None:
        self._woken.set()

    def leave(self) -> None:
        self._log.readers.remove(self)
        self._woken.set()

    async def _run(self) -> None:
        while not self.stopped:
            if self.next > self._log.last:
                self._woken.clear()
                await self._woken.wait()
                continue
            message = self._log.get(self.next)
            self.next += 1
            if self._pattern.fullmatch(message.subject):
                await handle(self._handler, message)


class Group:
    """The workers of one group, the next message for them, and those that must be done again."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self.next = log.first
        self.workers: list[Worker] = []
        self._again: deque[tuple[Message, int]] = deque()

    def dispatch(self) -> None:
        """Hand out what there is to the workers with the most hands free."""
        while self._again or self.next <= self._log.last:
            worker = max(self.workers, key=lambda each: each.free, default=None)
            if worker is None or worker.free <= 0:
                return
            if self._again:
                message, deliveries = self._again.popleft()
            else:
                message, deliveries = self._log.get(self.next), 0
                self.next += 1
            worker.begin(message, deliveries + 1)

    def give_back(self, message: Message, deliveries: int, *, delay_s: float) -> None:
        asyncio.get_running_loop().call_later(delay_s, self._put_back, message, deliveries)

    def _put_back(self, message: Message, deliveries: int) -> None:
        # In their order, as a server keeps them: what one worker held comes again as it came.
        again = msgspec.structs.replace(message, redelivered=True), deliveries
        insort(self._again, again, key=lambda waiting: waiting[0].sequence)
        self.dispatch()


class Worker(Member):
    """One member of a COMPETE group on a durable channel."""

    def __init__(self, group: Group, handler: Handler, hands: int) -> None:
        super().__init__()
        self._group, self._handler, self._hands = group, handler, hands
        self._busy = 0
        group.workers.append(self)
        group.dispatch()

    @property
    def free(self) -> int:
        return self._hands - self._busy

    def begin(self, message: Message, deliveries: int) -> None:
        self._busy += 1
        task = asyncio.get_running_loop().create_task(self._work(message))
        self.running.add(task)
        task.add_done_callback(lambda done: self._ended(done, message, deliveries))

    def leave(self) -> None:
        self._group.workers.remove(self)

    async def _work(self, message: Message) -> None:
        await self._handler(message)

    def _ended(self, task: asyncio.Task[Any], message: Message, deliveries: int) -> None:
        self.running.discard(task)
        self._busy -= 1
        if task.cancelled():
            self._group.give_back(message, deliveries, delay_s=0.0)
        elif (error := task.exception()) is not None:
            delay = min(_AGAIN_S * 2 ** min(deliveries - 1, 10), _MAX_AGAIN_S)
            logger.opt(exception=error).error("handling {} failed; it comes again in {} s", message.subject, delay)
            self._group.give_back(message, deliveries, delay_s=delay)
        self._group.dispatch()


async def handle(handler: Handler, message: Message) -> None:
    """Run a handler whose failure must not end its subscription."""
    try:
        await handler(message)
    except Exception as error:  # noqa: BLE001 - one bad message must not end the subscription
        logger.opt(exception=error).error("handling {} failed", message.subject)


def pattern(subject: str) -> re.Pattern[str]:
    """A subject with ``*`` (one token) and ``>`` (the rest) as a regular expression."""
    return re.compile(re.escape(subject).replace(r"\*", r"[^.]+").replace(">", ".+"))
