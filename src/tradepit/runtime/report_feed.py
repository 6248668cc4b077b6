"""The exchange's reports from now on, in order and without gaps: what is told at best effort is asked for when it did not come."""

import asyncio
from collections.abc import Callable

from loguru import logger

from tradepit.ports.bus import Bus, Message, Subscription
from tradepit.ports.clock import Clock
from tradepit.runtime.exchange_desk import ExchangeDesk
from tradepit.runtime.tasks import TaskGroup
from tradepit.trading.model.errors import BadRequest, Unavailable
from tradepit.trading.model.report import Report
from tradepit.wire.gateway import read_report
from tradepit.wire.simulator import BROKER_REPORTS

_LOOK_S = 1.0


class ReportFeed:
    """``take`` is given every report once, in order, from the first ``begin`` on; until then reports cost nothing.

    Whoever holds ``lock`` is not overtaken by a report.
    """

    def __init__(self, bus: Bus, clock: Clock, take: Callable[[Report], None], owner: str = "reports") -> None:
        self._bus, self._clock, self._take = bus, clock, take
        self._desk = ExchangeDesk(bus)
        self._tasks = TaskGroup(owner)
        self._subscription: Subscription | None = None
        self._last = -1
        self.lock = asyncio.Lock()
        self.taken = self.gaps = self.refused = 0

    @property
    def last(self) -> int:
        """The number of the last report that was passed on, -1 before ``begin``."""
        return self._last

    async def start(self) -> None:
        """Listen."""
        self._subscription = await self._bus.subscribe(BROKER_REPORTS, self._on_report)
        self._tasks.spawn(self._look_forever(), "gaps")

    async def stop(self) -> None:
        """Listen no more. Idempotent."""
        await self._tasks.stop()
        if self._subscription is not None:
            await self._subscription.stop()

    async def begin(self) -> None:
        """From now on every report counts; call it under ``lock``. Idempotent. Raises Unavailable."""
        if self._last < 0:
            self._last = await self._desk.last_report()

    async def _on_report(self, message: Message) -> None:
        if self._last < 0:
            return
        try:
            report = read_report(message.payload)
        except BadRequest as error:
            self.refused += 1
            logger.warning("a message on {} is no report: {}", message.subject, error)
            return
        async with self.lock:
            if report.sequence == self._last + 1:
                self._pass(report)
            elif report.sequence > self._last:
                await self._fill()

    async def _look_forever(self) -> None:
        while True:
            await self._clock.sleep(_LOOK_S)
            if self._last < 0:
                continue
            try:
                if await self._desk.last_report() > self._last:
                    async with self.lock:
                        await self._fill()
            except Unavailable as error:
                logger.debug("the exchange cannot be asked for its reports: {}", error)

    async def _fill(self) -> None:
        """Ask for what is missing. What cannot be had now is asked for again within a second."""
        before = self._last
        try:
            async for report in self._desk.reports(self._last):
                if report.sequence > self._last:
                    self._pass(report)
        except Unavailable as error:
            logger.debug("reports after {} cannot be had now: {}", self._last, error)
        self.gaps += self._last > before

    def _pass(self, report: Report) -> None:
        self._last = report.sequence
        self.taken += 1
        self._take(report)
