"""A real broker's market on the house's topics: ticks as they come, the newest of each contract for whoever asks."""

from collections.abc import Sequence
from contextlib import aclosing

from loguru import logger

from tradepit.ports.bus import Bus
from tradepit.ports.clock import Clock
from tradepit.ports.market import BrokerMarket
from tradepit.runtime.tick_sequence import number_headers
from tradepit.services.broker_listings import BrokerListings
from tradepit.services.gateway_door import check_tick
from tradepit.trading.model.errors import RequestRefused, Unavailable
from tradepit.trading.model.terms import SessionPhase
from tradepit.trading.model.tick import Tick
from tradepit.trading.records.bars import Bar
from tradepit.wire.simulator import depth_topic, tick_topic
from tradepit.wire.simulator_codec import encode, tick_data

_RETRY_S = 0.2


class BrokerQuotes:
    """Best effort, as ticks are. ``run_id`` tells this life's numbers from others'."""

    def __init__(self, market: BrokerMarket, bus: Bus, clock: Clock, listings: BrokerListings, run_id: str) -> None:
        self._market, self._bus, self._clock, self._listings, self._run_id = market, bus, clock, listings, run_id
        self._newest: dict[str, Tick] = {}
        self._numbers: dict[str, int] = {}
        self._heard_ns: dict[str, int] = {}
        self._begun_ns = clock.monotonic_ns()
        self.published = self.dropped = 0

    async def connect(self) -> None:
        """Connect to the market."""
        await self._market.connect()

    async def close(self) -> None:
        """Leave it. Idempotent."""
        await self._market.close()

    async def bars(self, symbol: str, trading_day: int) -> Sequence[Bar]:
        """A contract's bars of a minute on a day, as the broker has them. Raises as ``ports.market.BrokerMarket`` does."""
        return await self._market.bars(symbol, trading_day)

    def newest(self, symbol: str) -> Tick | None:
        """A contract's market as it was told last."""
        return self._newest.get(symbol)

    def silent(self, after_s: float) -> list[str]:
        """Contracts that are traded continuously now and of which nothing was heard for ``after_s``."""
        before_ns = self._clock.monotonic_ns() - int(after_s * 1e9)
        return [
            listing.instrument.symbol
            for listing in self._listings.all()
            if listing.phase is SessionPhase.CONTINUOUS
            and self._heard_ns.get(listing.instrument.symbol, self._begun_ns) < before_ns
        ]

    @property
    def age_s(self) -> float:
        """Seconds since the last tick, -1 before the first."""
        if not self._heard_ns:
            return -1.0
        return (self._clock.monotonic_ns() - max(self._heard_ns.values())) / 1e9

    @property
    def figures(self) -> dict[str, int]:
        """What the market says of itself."""
        return {f"market_{name}": count for name, count in self._market.figures.items()}

    async def run(self) -> None:
        """Publish for ever. After an absence of the bus the market is begun anew: all there is, as it is then, comes first."""
        while True:
            try:
                async with aclosing(self._market.ticks()) as ticks:
                    async for tick in ticks:
                        await self._tell(tick)
            except Unavailable:
                self.dropped += 1
                await self._clock.sleep(_RETRY_S)

    async def _tell(self, tick: Tick) -> None:
        try:
            check_tick(tick)
            self._heard_ns[tick.symbol], self._newest[tick.symbol] = self._clock.monotonic_ns(), tick
            listing = await self._listings.find(tick.symbol)
            payload = encode(tick_data(tick, listing.instrument)) if listing is not None else b""
        except RequestRefused as error:
            logger.warning("a tick of {} cannot be told: {}", tick.symbol, error)
            payload = b""
        if not payload:
            self.dropped += 1
            return
        number = self._numbers[tick.symbol] = self._numbers.get(tick.symbol, 0) + 1
        # The book before the tick: who hears both takes the book, and knows then that the tick is no news.
        await self._bus.publish(depth_topic(tick.symbol), payload)
        await self._bus.publish(tick_topic(tick.symbol), payload, headers=number_headers(self._run_id, number))
        self.published += 1
