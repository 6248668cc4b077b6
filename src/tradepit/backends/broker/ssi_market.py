"""Vietnam's futures market as SSI tells it: the quotes of the contracts that the house trades."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

from tradepit.backends.broker.ssi_feed import SsiFeed
from tradepit.backends.broker.ssi_link import SsiLink
from tradepit.runtime.tasks import TaskGroup
from tradepit.trading.model.tick import Tick


class SsiMarket:
    """Implements ``ports.market.BrokerMarket`` on the link of the process's brokers and a stream of its own."""

    def __init__(self, link: SsiLink, feed: SsiFeed) -> None:
        self._link, self._feed = link, feed
        self._tasks = TaskGroup("ssi-market")
        self._keeper: asyncio.Task[None] | None = None

    @property
    def figures(self) -> Mapping[str, int]:
        return self._feed.figures

    async def connect(self) -> None:
        if self._keeper is None:
            await self._link.join()
            self._keeper = self._tasks.spawn(self._feed.run(), "feed")

    async def ticks(self) -> AsyncGenerator[Tick]:
        async with aclosing(self._feed.ticks()) as ticks:
            async for tick in ticks:
                yield tick

    async def close(self) -> None:
        if self._keeper is not None:
            self._keeper = None
            await self._tasks.stop()
            await self._link.leave()
