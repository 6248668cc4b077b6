"""The bus inside one process: requests call the responder directly, events wait in the subscriber's own queue.

Events are not handled inside ``publish``: a slow subscriber would hold up the publisher, and one that publishes in turn
would turn the order of events round for the others.
"""

import asyncio
import re
from collections import OrderedDict, deque
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

import msgspec
from loguru import logger

from tradepit.ports.bus import Channel, Delivery, Handler, Message, Responder, Subscription
from tradepit.runtime.eager import Started
from tradepit.trading.model.errors import ConfigError, InternalError, TimedOut, TradepitError, Unavailable

_BACKLOG = 65_536
_WINDOW = 100_000
_AGAIN_S, _MAX_AGAIN_S = 0.05, 5.0


class MemoryHub:
    """What the buses of one process share. ``retain``: how many messages a durable channel keeps for late subscribers."""

    def __init__(self, *, retain: int = 100_000) -> None:
        self._retain = retain
        self.logs: dict[str, _Log] = {}
        self.feeds: list[_Feed] = []
        self.servings: list[_Serving] = []
        self._routes: dict[str, _Route] = {}

    def declare(self, channels: Sequence[Channel]) -> None:
        """Make the logs of durable channels. Idempotent."""
        for channel in channels:
            if channel.durable and channel.name not in self.logs:
                self.logs[channel.name] = _Log(channel, self._retain)
        self.changed()

    def changed(self) -> None:
        """Forget which subscriber hears which subject."""
        self._routes.clear()

    def route(self, subject: str) -> "_Route":
        """Who hears ``subject``."""
        route = self._routes.get(subject)
        if route is None:
            groups: dict[tuple[str, str], list[_Feed]] = {}
            for feed in self.feeds:
                if feed.pattern.fullmatch(subject):
                    groups.setdefault((feed.group, "" if feed.group else str(id(feed))), []).append(feed)
            serving: dict[tuple[str, str], list[_Serving]] = {}
            for each in self.servings:
                if each.pattern.fullmatch(subject):
                    serving.setdefault((each.group, "" if each.group else str(id(each))), []).append(each)
            log = next((log for log in self.logs.values() if log.pattern.fullmatch(subject)), None)
            route = _Route(log, list(groups.values()), list(serving.values()))
            if len(self._routes) < 10_000:
                self._routes[subject] = route
        return route


class _Route:
    __slots__ = ("feeds", "log", "servings", "turn")

    def __init__(self, log: "_Log | None", feeds: "list[list[_Feed]]", servings: "list[list[_Serving]]") -> None:
        self.log, self.feeds, self.servings, self.turn = log, feeds, servings, 0


class MemoryBus:
    """One member's view of a hub."""

    def __init__(self, hub: MemoryHub, *, channels: Sequence[Channel] = ()) -> None:
        self._hub, self._channels = hub, channels
        self._subscriptions: list[_Feed | _Reader | _Worker | _Serving] = []
        self._connected = False

    async def connect(self) -> None:
        self._hub.declare(self._channels)
        self._connected = True

    async def publish(
        self, subject: str, payload: bytes, *, message_id: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        self._check_connected()
        route = self._hub.route(subject)
        message = Message(subject=subject, payload=payload, headers=headers or {})
        if route.log is not None:
            route.log.append(message, message_id)
        for group in route.feeds:
            if len(group) > 1:
                route.turn += 1
            group[route.turn % len(group)].put(message)

    async def subscribe(
        self, channel: Channel, handler: Handler, *, group: str = "", replay: bool = False, max_in_flight: int = 1
    ) -> Subscription:
        self._check_connected()
        compete = channel.delivery is Delivery.COMPETE
        subscription: _Feed | _Reader | _Worker
        if channel.durable:
            log = self._hub.logs.get(channel.name)
            if log is None:
                raise ConfigError("the channel was not declared to this bus", channel=channel.name)
            if compete:
                subscription = _Worker(log.group(group or channel.name), handler, max_in_flight)
            else:
                subscription = _Reader(log, channel.subject, handler, replay=replay)
        else:
            name = (group or channel.name) if compete else ""
            subscription = _Feed(self._hub, channel.subject, name, handler, max_in_flight if compete else 1)
        self._subscriptions.append(subscription)
        return subscription

    async def request(self, subject: str, payload: bytes, *, timeout_s: float) -> bytes:
        self._check_connected()
        route = self._hub.route(subject)
        if not route.servings:
            raise Unavailable("nobody answers on this subject", subject=subject)
        message = Message(subject=subject, payload=payload)
        route.turn += 1
        first, *others = (group[route.turn % len(group)] for group in route.servings)
        answer = first.start(message)
        for serving in others:  # as on a network: every responder outside a shared group gets it, the first one answers
            serving.start(message)
        if not answer.finished and not await _ends_within(answer.task, timeout_s):
            raise TimedOut(subject=subject, timeout_s=timeout_s)
        try:
            return answer.result()
        except asyncio.CancelledError:
            raise TimedOut("the responder was ended before it answered", subject=subject) from None

    async def serve(self, subject: str, responder: Responder, *, group: str = "") -> Subscription:
        self._check_connected()
        serving = _Serving(self._hub, subject, group, responder)
        self._subscriptions.append(serving)
        return serving

    async def close(self) -> None:
        subscriptions, self._subscriptions = self._subscriptions, []
        await asyncio.gather(*(subscription.stop() for subscription in subscriptions))
        self._connected = False

    async def abandon(self) -> None:
        """End at once, as a killed process would: nothing is finished, what was in hand goes to others."""
        subscriptions, self._subscriptions = self._subscriptions, []
        self._connected = False
        for subscription in subscriptions:
            subscription.abandon()
        await asyncio.gather(*(subscription.stop() for subscription in subscriptions))

    def _check_connected(self) -> None:
        if not self._connected:
            raise Unavailable("the bus is not connected")


class _Log:
    """A durable channel: its messages, numbered from 1, and who still has to read them."""

    def __init__(self, channel: Channel, retain: int) -> None:
        self.pattern = _pattern(channel.subject)
        self._retain = retain
        self._first = 1
        self._messages: list[Message] = []
        self._ids: OrderedDict[str, None] = OrderedDict()
        self.readers: list[_Reader] = []
        self.groups: dict[str, _Group] = {}

    @property
    def first(self) -> int:
        """The number of the oldest message retained."""
        return self._first

    @property
    def last(self) -> int:
        """The number of the newest message."""
        return self._first + len(self._messages) - 1

    def group(self, name: str) -> "_Group":
        if name not in self.groups:
            self.groups[name] = _Group(self)
        return self.groups[name]

    def get(self, number: int) -> Message:
        return self._messages[number - self._first]

    def append(self, message: Message, message_id: str) -> None:
        if message_id:
            if message_id in self._ids:
                return
            self._ids[message_id] = None
            if len(self._ids) > _WINDOW:
                self._ids.popitem(last=False)
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


class _Member:
    """Something that runs handlers in tasks and stops in order."""

    def __init__(self) -> None:
        self.running: set[asyncio.Task[Any]] = set()
        self.stopped = False

    def watch(self, task: asyncio.Task[Any]) -> None:
        """Wait for ``task`` when stopping."""
        self.running.add(task)
        task.add_done_callback(self.running.discard)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self.watch(asyncio.get_running_loop().create_task(work))

    def leave(self) -> None:
        """Take no new message."""

    async def stop(self) -> None:
        if not self.stopped:
            self.stopped = True
            self.leave()
        await asyncio.gather(*(task for task in self.running if task is not asyncio.current_task()), return_exceptions=True)

    def abandon(self) -> None:
        for task in self.running:
            task.cancel()


class _Feed(_Member):
    """A subscription to a channel that is not durable; a slow one loses the oldest."""

    def __init__(self, hub: MemoryHub, subject: str, group: str, handler: Handler, hands: int) -> None:
        super().__init__()
        self._hub, self._handler = hub, handler
        self.pattern, self.group = _pattern(subject), group
        self._queue: asyncio.Queue[Message | None] = asyncio.Queue()
        self._hands = hands
        for _ in range(hands):
            self.spawn(self._run())
        hub.feeds.append(self)
        hub.changed()

    def put(self, message: Message) -> None:
        if self._queue.qsize() >= _BACKLOG:
            self._queue.get_nowait()
        self._queue.put_nowait(message)

    def leave(self) -> None:
        self._hub.feeds.remove(self)
        self._hub.changed()
        for _ in range(self._hands):
            self._queue.put_nowait(None)

    async def _run(self) -> None:
        while (message := await self._queue.get()) is not None:
            await _handle(self._handler, message)


class _Reader(_Member):
    """A BROADCAST subscription to a durable channel: a place in its log."""

    def __init__(self, log: _Log, subject: str, handler: Handler, *, replay: bool) -> None:
        super().__init__()
        self._log, self._handler, self._pattern = log, handler, _pattern(subject)
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
                await _handle(self._handler, message)


class _Group:
    """The workers of one group, the next message for them, and those that must be done again."""

    def __init__(self, log: _Log) -> None:
        self._log = log
        self.next = log.first
        self.workers: list[_Worker] = []
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
        self._again.append((msgspec.structs.replace(message, redelivered=True), deliveries))
        self.dispatch()


class _Worker(_Member):
    """One member of a COMPETE group on a durable channel."""

    def __init__(self, group: _Group, handler: Handler, hands: int) -> None:
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


class _Serving(_Member):
    """Answers requests, each in a task of its own."""

    def __init__(self, hub: MemoryHub, subject: str, group: str, responder: Responder) -> None:
        super().__init__()
        self._hub, self._responder = hub, responder
        self.pattern, self.group = _pattern(subject), group
        hub.servings.append(self)
        hub.changed()

    def start(self, message: Message) -> Started[bytes]:
        started = Started(self._answer(message))
        if not started.finished:
            self.watch(started.task)
        return started

    def leave(self) -> None:
        self._hub.servings.remove(self)
        self._hub.changed()

    async def _answer(self, message: Message) -> bytes:
        try:
            return await self._responder(message)
        except Exception as error:
            logger.opt(exception=error).error("answering {} failed", message.subject)
            code = error.reason_code if isinstance(error, TradepitError) else InternalError.code
            raise InternalError(code, subject=message.subject) from error


async def _ends_within(task: asyncio.Task[bytes], timeout_s: float) -> bool:
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[bool] = loop.create_future()

    def settle(_: object = None) -> None:
        if not ended.done():
            ended.set_result(task.done())

    timer = loop.call_later(timeout_s, settle)
    task.add_done_callback(settle)
    try:
        return await ended
    finally:
        timer.cancel()


async def _handle(handler: Handler, message: Message) -> None:
    try:
        await handler(message)
    except Exception as error:  # noqa: BLE001 - one bad message must not end the subscription
        logger.opt(exception=error).error("handling {} failed", message.subject)


def _pattern(subject: str) -> re.Pattern[str]:
    return re.compile(re.escape(subject).replace(r"\*", r"[^.]+").replace(">", ".+"))
