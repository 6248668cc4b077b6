"""A worker at a queue: takes messages one after another, acknowledges each after its effect, and survives all of them."""

from collections.abc import Awaitable
from typing import Protocol

from loguru import logger

from tradepit.ports.bus import Bus, Message, Subscription
from tradepit.ports.clock import Clock
from tradepit.runtime.service import Health
from tradepit.runtime.tasks import TaskGroup
from tradepit.services.dead_letters import DeadLetters
from tradepit.trading.model.errors import RequestRefused, TradepitError, Unavailable
from tradepit.wire.queues import QueueRoute

_AGAIN_S, _MAX_AGAIN_S = 0.05, 1.0
_SHOWN = 200
Figures = dict[str, str | int | float | bool]


class Work(Protocol):
    """What is done with each message. ``do`` returning is the message's end; done twice it has the effect of once."""

    async def open(self) -> None:
        """Connect, recover. Before the first message."""

    async def do(self, message: Message) -> Awaitable[None] | None:
        """Raises RequestRefused for a message that can never be used; Unavailable and its like when it may be tried again.

        What it gives back is waited for while the next messages are worked on: by then this one is kept elsewhere than in the
        queue. It may still raise RequestRefused.
        """

    async def close(self) -> None:
        """Finish what is in hand, disconnect. After the last message. Idempotent."""

    def problem(self) -> str:
        """Why it cannot work now, empty when it can."""

    def figures(self) -> Figures:
        """Progress."""


class QueueWorker:
    """A service that does one kind of work at one queue.

    What cannot be used is buried with its reason and acknowledged. What cannot be done now is tried again in place, so that the
    next message does not overtake it; told to stop meanwhile, it is given back to the queue unacknowledged. ``hands`` is how many
    messages are worked on at once, one where their order matters.

    The stop takes the document's steps: no new message, finish the one in hand, close the broker, the stores, leave.
    """

    def __init__(
        self,
        name: str,
        instance: str,
        *,
        bus: Bus,
        route: QueueRoute,
        dead_letters: DeadLetters,
        work: Work,
        clock: Clock,
        hands: int = 1,
    ) -> None:
        self._name, self._instance = name, instance
        self._bus, self._route, self._dead, self._work, self._clock = bus, route, dead_letters, work, clock
        self._hands = hands
        self._rests = TaskGroup(instance)
        self._subscription: Subscription | None = None
        self._stopping = False
        self._waiting = ""
        self._done = self._tries = 0

    @property
    def name(self) -> str:
        return self._name

    @property
    def instance(self) -> str:
        return self._instance

    async def start(self) -> None:
        await self._work.open()
        self._subscription = await self._bus.subscribe(
            self._route.channel, self._take, group=self._route.queue, max_in_flight=self._hands
        )

    async def stop(self) -> None:
        self._stopping = True
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            await subscription.stop()
        await self._work.close()
        await self._rests.stop()

    def health(self) -> Health:
        figures: Figures = {
            "done": self._done,
            "buried": sum(self._dead.buried.values()),
            "tried_again": self._tries,
            **self._work.figures(),
        }
        reason = self._work.problem() or self._waiting
        return Health(status="UNHEALTHY" if reason else "ACTIVE", ready=not reason, reason=reason, figures=figures)

    async def _take(self, message: Message) -> None:
        wait_s = _AGAIN_S
        while not await self._try(message):
            if self._stopping:
                raise Unavailable("stopping; the message is given back", queue=self._route.queue)
            await self._clock.sleep(wait_s)
            wait_s = min(wait_s * 2, _MAX_AGAIN_S)
        self._count(1)

    def _count(self, messages: int) -> None:
        self._waiting = ""
        self._done += messages

    async def _try(self, message: Message) -> bool:
        try:
            try:
                rest = await self._work.do(message)
                if rest is not None:
                    self._rests.spawn(self._finish(message, rest), "rest")
            except RequestRefused as error:
                await self._dead.bury(message, error, self._route.queue)
        except TradepitError as error:
            self._tries += 1
            self._waiting = str(error)[:_SHOWN]
            logger.warning("{}: not now: {}", self._instance, error)
            return False
        except Exception as error:  # noqa: BLE001 - one message must never end the consumer
            logger.opt(exception=error).error("{}: a message could not be used", self._instance)
            return await self._bury(message, error)
        return True

    async def _finish(self, message: Message, rest: Awaitable[None]) -> None:
        try:
            await rest
        except RequestRefused as error:
            while not await self._bury(message, error):
                await self._clock.sleep(_MAX_AGAIN_S)

    async def _bury(self, message: Message, error: Exception) -> bool:
        try:
            await self._dead.bury(message, error, self._route.queue)
        except TradepitError as problem:
            logger.warning("{}: not now: {}", self._instance, problem)
            return False
        return True
