"""A worker at a queue that does together what waits together: for work whose cost is in its turns, not in its messages."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from loguru import logger

from tradepit.ports.bus import Bus, Message
from tradepit.ports.clock import Clock
from tradepit.services.dead_letters import DeadLetters
from tradepit.services.queue_worker import QueueWorker, Work
from tradepit.trading.model.errors import RequestRefused, TradepitError, Unavailable
from tradepit.wire.queues import QueueRoute

Waiting = tuple[Message, "asyncio.Future[None]"]
LaneOf = Callable[[Message], str]


class GroupWork(Work, Protocol):
    """Work that can be done on several messages at once."""

    async def do_together(self, messages: Sequence[Message]) -> None:
        """All of them, in their order, or none. Raises as ``do`` does."""


def _one_lane(message: Message) -> str:
    del message
    return ""


class GroupWorker(QueueWorker):
    """Up to ``hands`` messages are in hand, and done in the order in which they came; each is acknowledged after its effect.

    What cannot be done together is done one after another: the one at fault is buried, the one that must wait holds up the others.
    With ``lane_of`` order is kept, and others held up, within a lane alone; ``lanes`` of them are worked off at once, in turns of
    ``most`` messages.
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
        lane_of: LaneOf = _one_lane,
        lanes: int = 1,
        most: int = 1_000,
    ) -> None:
        super().__init__(name, instance, bus=bus, route=route, dead_letters=dead_letters, work=work, clock=clock, hands=hands)
        self._group, self._lane_of, self._most = work, lane_of, most
        self._waits: dict[str, list[Waiting]] = {}
        self._turns = asyncio.Semaphore(lanes)

    async def _take(self, message: Message) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        lane = self._lane_of(message)
        waits = self._waits.get(lane)
        if waits is None:
            self._waits[lane] = [(message, done)]
            self._rests.spawn(self._work_off(lane), "lane")
        else:
            waits.append((message, done))
        await done

    async def _work_off(self, lane: str) -> None:
        try:
            while self._waits[lane]:
                async with self._turns:
                    waits = self._waits[lane]
                    group, self._waits[lane] = waits[: self._most], waits[self._most :]
                    await self._do_group(group, lane)
        finally:
            del self._waits[lane]

    async def _do_group(self, group: Sequence[Waiting], lane: str) -> None:
        if len(group) > 1 and await self._done_together(group):
            return
        for place, (message, done) in enumerate(group):
            try:
                await super()._take(message)
            except TradepitError as error:
                # It is given back, and so is all behind it: nothing may overtake it.
                behind, self._waits[lane] = [*group[place + 1 :], *self._waits[lane]], []
                _end(done, error)
                for _, other in behind:
                    _end(other, Unavailable("given back behind another message"))
                return
            _end(done)

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
            _end(done)
        return True


def _end(done: "asyncio.Future[None]", error: TradepitError | None = None) -> None:
    if done.done():
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)
