"""A watch on a broker: looks when something was reported and every now and then, and never stops looking."""

import asyncio
from typing import Protocol

from loguru import logger

from tradepit.ports.broker import Broker
from tradepit.ports.clock import Clock
from tradepit.runtime.service import Health
from tradepit.runtime.tasks import TaskGroup
from tradepit.services.queue_worker import Figures
from tradepit.trading.model.errors import TradepitError

_AGAIN_S = 0.5
_DEAF_LOOKS = 10
# One order is acknowledged, filled and traded in as many reports: they are looked at together.
_GATHER_S = 0.03


class Look(Protocol):
    """What is looked at. ``look`` publishes what has changed; it raises when broker or bus are away, and is called again."""

    async def look(self) -> None:
        """Look once."""

    def figures(self) -> Figures:
        """Progress."""


class BrokerWatch:
    """A monitor that compares: the service around one ``Look``. Healthy is who has looked lately, not who is connected.

    It looks at once when something is reported after a quiet time, and every 30 ms while much is.
    """

    def __init__(self, name: str, instance: str, *, broker: Broker, clock: Clock, look: Look, look_s: float) -> None:
        self._name, self._instance = name, instance
        self._broker, self._clock, self._look, self._look_s = broker, clock, look, look_s
        self._tasks = TaskGroup(instance)
        self._news = asyncio.Event()
        self._problem = ""
        self._looks = 0
        self._looked_ns = 0
        self._stopped = False

    @property
    def name(self) -> str:
        return self._name

    @property
    def instance(self) -> str:
        return self._instance

    async def start(self) -> None:
        await self._broker.connect()
        self._looked_ns = self._clock.monotonic_ns()
        self._tasks.spawn(self._listen(), "reports")
        self._tasks.spawn(self._watch(), "watch")

    async def stop(self) -> None:
        if self._stopped:
            return
        self._stopped = True
        await self._tasks.stop()
        await self._broker.close()

    def health(self) -> Health:
        age_s = (self._clock.monotonic_ns() - self._looked_ns) / 1e9
        reason = self._problem or ("has not looked for too long" if age_s > self._look_s * _DEAF_LOOKS + _AGAIN_S else "")
        figures: Figures = {"looks": self._looks, "looked_age_s": round(age_s, 3), **self._look.figures()}
        return Health(status="UNHEALTHY" if reason else "ACTIVE", ready=not reason, reason=reason, figures=figures)

    async def _listen(self) -> None:
        """Whatever is reported from now on may have changed what is looked at."""
        while True:
            try:
                async for _ in self._broker.reports(await self._broker.last_report()):
                    self._news.set()
            except TradepitError as error:
                logger.warning("{}: the broker's reports stopped: {}", self._instance, error)
            await self._clock.sleep(_AGAIN_S)

    async def _watch(self) -> None:
        while True:
            self._news.clear()
            if not await self._has_looked():
                await self._clock.sleep(_AGAIN_S)
                continue
            self._problem = ""
            self._looks += 1
            self._looked_ns = self._clock.monotonic_ns()
            await self._wait()

    async def _has_looked(self) -> bool:
        try:
            await self._look.look()
        except TradepitError as error:
            self._problem = str(error)[:200]
            logger.warning("{}: looks again: {}", self._instance, error)
            return False
        except Exception as error:  # noqa: BLE001 - a monitor that gave up would be deaf for good
            self._problem = f"cannot look: {type(error).__name__}"
            logger.opt(exception=error).error("{}: looks again", self._instance)
            return False
        return True

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(self._look_s):
                await self._news.wait()
        except TimeoutError:
            return
        lately_s = (self._clock.monotonic_ns() - self._looked_ns) / 1e9
        if lately_s < _GATHER_S:
            await self._clock.sleep(_GATHER_S - lately_s)
