"""A worker at a queue that does together what waits together: for work whose cost is in its turns, not in its messages."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from loguru import logger

from tradepit.ports.bus import Bus, Message
from tradepit.ports.clock import Clock
from tradepit.services.dead_letters import DeadLetters
from tradepit.services.queue_worker import QueueWorker, Work
from tradepit.trading.model.errors import RequestRefused, TradepitError
from tradepit.wire.queues import QueueRoute

Waiting = tuple[Message, "asyncio.Future[None]"]


class GroupWork(Work, Protocol):
    """Work that can be done on several messages at once."""

    async def do_together(self, messages: Sequence[Message]) -> None:
        """All of them, in their order, or none. Raises as ``do`` does."""


class GroupWorker(QueueWorker):
    """Up to ``hands`` messages are in hand, and done in the order in which they came; each is acknowledged after its effect.

    What cannot be done together is done one after another: the one at fault is buried, the one that must wait holds up the others.
    """

    def __init__(
        self,
        name: str,
        instance: str,
        *,
        bus: Bus,
        route: QueueRoute,
        dead_letters: DeadLetters,
        work: GroupWork,
        clock: Clock,
        hands: int,
    ) -> None:
        super().__init__(name, instance, bus=bus, route=route, dead_letters=dead_letters, work=work, clock=clock, hands=hands)
        self._group = work
        self._waits: list[Waiting] = []
        self._running: asyncio.Task[None] | None = None

    async def _take(self, message: Message) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waits.append((message, done))
        if self._running is None:
            self._running = self._rests.spawn(self._work_off(), "group")
        await done

    async def _work_off(self) -> None:
        try:
            while self._waits:
                group, self._waits = self._waits, []
                if len(group) == 1 or not await self._done_together(group):
                    for message, done in group:
                        await self._do_one(message, done)
        finally:
            self._running = None

    async def _done_together(self, group: Sequence[Waiting]) -> bool:
        try:
            await self._group.do_together([message for message, _ in group])
        except RequestRefused:
            return False
        except TradepitError as error:
            logger.warning("{}: {} messages not now: {}", self.instance, len(group), error)
            return False
        except Exception as error:  # noqa: BLE001 - which one it was shows when each is done by itself
            logger.opt(exception=error).error("{}: {} messages could not be used together", self.instance, len(group))
            return False
        self._count(len(group))
        for _, done in group:
            if not done.done():
                done.set_result(None)
        return True

    async def _do_one(self, message: Message, done: "asyncio.Future[None]") -> None:
        try:
            await super()._take(message)
        except TradepitError as error:
            if not done.done():
                done.set_exception(error)
        else:
            if not done.done():
                done.set_result(None)
