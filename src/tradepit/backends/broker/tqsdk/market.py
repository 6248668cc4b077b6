"""China's futures market as TqSDK tells it: the quotes of the contracts its process watches."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing

from tradepit.backends.broker.tqsdk.link import TqsdkLink
from tradepit.backends.broker.tqsdk.terms import tick_of
from tradepit.ports.clock import Clock
from tradepit.trading.calendar.catalog import Catalog
from tradepit.trading.model.errors import VenueRefused
from tradepit.trading.model.tick import Tick
from tradepit.trading.records.bars import Bar


class TqsdkMarket:
    """Implements ``ports.market.BrokerMarket`` on the link of the process's brokers."""

    def __init__(self, link: TqsdkLink, catalog: Catalog, clock: Clock) -> None:
        self._link, self._catalog, self._clock = link, catalog, clock
        self._joined = False

    @property
    def figures(self) -> Mapping[str, int]:
        return {"restarts": self._link.restarts}

    async def connect(self) -> None:
        if not self._joined:
            await self._link.join()
            self._joined = True

    async def ticks(self) -> AsyncGenerator[Tick]:
        async with aclosing(self._link.ticks()) as ticks:
            async for told in ticks:
                tick = tick_of(told, self._catalog, self._clock.now_ns())
                if tick is not None:
                    yield tick

    async def bars(self, symbol: str, trading_day: int) -> Sequence[Bar]:
        raise VenueRefused("NOT_SUPPORTED", "TqSDK is asked for no past here", symbol=symbol, trading_day=trading_day)

    async def close(self) -> None:
        if self._joined:
            self._joined = False
            await self._link.leave()
