"""The bus inside one process: requests call the responder directly, events wait in the subscriber's own queue.

Events are not handled inside ``publish``: a slow subscriber would hold up the publisher, and one that publishes in turn
would turn the order of events round for the others.
"""

import asyncio
from collections.abc import Mapping, Sequence

from loguru import logger

from tradepit.backends.bus.memory_log import Log, Member, Reader, Worker, handle, pattern
from tradepit.ports.bus import Channel, Delivery, Handler, Message, Outgoing, Responder, Subscription
from tradepit.runtime.eager import Started
from tradepit.trading.model.errors import ConfigError, InternalError, TimedOut, TradepitError, Unavailable

_BACKLOG = 65_536


class MemoryHub:
    """What the buses of one process share. ``retain``: how many messages a durable channel keeps for late subscribers."""

    def __init__(self, *, retain: int = 100_000) -> None:
        self._retain = retain
        self.logs: dict[str, Log] = {}
        self.feeds: list[_Feed] = []
        self.servings: list[MemoryServing] = []
        self._routes: dict[str, _Route] = {}

    def declare(self, channels: Sequence[Channel]) -> None:
        """Make the logs of durable channels. Idempotent."""
        for channel in channels:
            if channel.durable and channel.name not in self.logs:
                self.logs[channel.name] = Log(channel, self._retain)
        self.changed()

    def changed(self) -> None:
        """Forget which subscriber hears which subject."""
        self._routes.clear()

    def is_served(self, subject: str) -> bool:
        """Whether somebody answers requests on ``subject``."""
        return bool(self.route(subject).servings)

    def route(self, subject: str) -> "_Route":
        """Who hears ``subject``."""
        route = self._routes.get(subject)
        if route is None:
            groups: dict[tuple[str, str], list[_Feed]] = {}
            for feed in self.feeds:
                if feed.pattern.fullmatch(subject):
                    groups.setdefault((feed.group, "" if feed.group else str(id(feed))), []).append(feed)
            serving: dict[tuple[str, str], list[MemoryServing]] = {}
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

    def __init__(self, log: "Log | None", feeds: "list[list[_Feed]]", servings: "list[list[MemoryServing]]") -> None:
        self.log, self.feeds, self.servings, self.turn = log, feeds, servings, 0


class MemoryBus:
    """One member's view of a hub."""

    def __init__(self, hub: MemoryHub, *, channels: Sequence[Channel] = ()) -> None:
        self._hub, self._channels = hub, channels
        self._subscriptions: list[_Feed | Reader | Worker | MemoryServing] = []
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

    async def publish_all(self, messages: Sequence[Outgoing]) -> None:
        for message in messages:
            await self.publish(message.subject, message.payload, message_id=message.message_id, headers=message.headers)

    async def subscribe(
        self, channel: Channel, handler: Handler, *, group: str = "", replay: bool = False, max_in_flight: int = 1
    ) -> Subscription:
        self._check_connected()
        compete = channel.delivery is Delivery.COMPETE
        subscription: _Feed | Reader | Worker
        if channel.durable:
            log = self._hub.logs.get(channel.name)
            if log is None:
                raise ConfigError("the channel was not declared to this bus", channel=channel.name)
            if compete:
                subscription = Worker(log.group(group or channel.name), handler, max_in_flight)
            else:
                subscription = Reader(log, channel.subject, handler, replay=replay)
        else:
            name = (group or channel.name) if compete else ""
            subscription = _Feed(self._hub, channel.subject, name, handler, max_in_flight if compete else 1)
        self._subscriptions.append(subscription)
        return subscription

    async def last(self, channel: Channel) -> Message | None:
        self._check_connected()
        log = self._hub.logs.get(channel.name)
        if log is None:
            raise ConfigError("the channel was not declared to this bus", channel=channel.name)
        return log.get(log.last) if log.last >= log.first else None

    async def request(self, subject: str, payload: bytes, *, timeout_s: float) -> bytes:
        self._check_connected()
        route = self._hub.route(subject)
        if not route.servings:
            raise Unavailable("nobody answers on this subject", subject=subject)
        message = Message(subject=subject, payload=payload)
        route.turn += 1
        answer = route.servings[0][route.turn % len(route.servings[0])].start(message)
        for group in route.servings[1:]:  # as on a network: every responder outside a shared group gets it, the first one answers
            group[route.turn % len(group)].start(message)
        if not answer.finished and not await _ends_within(answer.task, timeout_s):
            raise TimedOut(subject=subject, timeout_s=timeout_s)
        try:
            return answer.result()
        except asyncio.CancelledError:
            raise TimedOut("the responder was ended before it answered", subject=subject) from None

    async def serve(self, subject: str, responder: Responder, *, group: str = "") -> Subscription:
        self._check_connected()
        serving = MemoryServing(self._hub, subject, group, responder)
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


class _Feed(Member):
    """A subscription to a channel that is not durable; a slow one loses the oldest."""

    def __init__(self, hub: MemoryHub, subject: str, group: str, handler: Handler, hands: int) -> None:
        super().__init__()
        self._hub, self._handler = hub, handler
        self.pattern, self.group = pattern(subject), group
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
            await handle(self._handler, message)


class MemoryServing(Member):
    """Answers requests, each in a task of its own."""

    def __init__(self, hub: MemoryHub, subject: str, group: str, responder: Responder) -> None:
        super().__init__()
        self._hub, self._responder = hub, responder
        self.pattern, self.group = pattern(subject), group
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
