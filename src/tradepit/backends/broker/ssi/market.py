"""Vietnam's futures market as SSI tells it: the quotes of the contracts that the house trades."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing

from tradepit.backends.broker.ssi.feed import SsiFeed
from tradepit.backends.broker.ssi.history import ToldBar, bars_of
from tradepit.backends.broker.ssi.link import SsiLink
from tradepit.ports.clock import Clock
from tradepit.runtime.tasks import TaskGroup
from tradepit.trading.model.errors import ConfigError, InstrumentNotFound
from tradepit.trading.model.tick import Tick
from tradepit.trading.records.bars import Bar

History = Callable[[str, int], Awaitable[Sequence[ToldBar]]]
"""What SSI has of a contract (the exchange's code) on a day (YYYYMMDD). Raises Unavailable."""


class SsiMarket:
    """Implements ``ports.market.BrokerMarket`` on the link of the process's brokers and a stream of its own; ``clock`` is the market's."""

    def __init__(self, link: SsiLink, feed: SsiFeed, history: History, clock: Clock) -> None:
        self._link, self._feed, self._history, self._clock = link, feed, history, clock
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

    async def bars(self, symbol: str, trading_day: int) -> Sequence[Bar]:
        try:
            code = self._link.listed.code_of(symbol, trading_day)
        except ConfigError as error:
            raise InstrumentNotFound(symbol=symbol) from error
        told = await self._history(code, trading_day)
        return bars_of(told, symbol, trading_day, self._clock.now_ns())

    async def close(self) -> None:
        if self._keeper is not None:
            self._keeper = None
            await self._tasks.stop()
            await self._link.leave()
