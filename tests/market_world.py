"""A hot window in memory on a driven clock: its writer, the Data API over it, and a cache that can be away or forget."""

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from email.message import Message as Headers
from typing import Any

import msgspec
from tests.bot_stage import SECOND, START_NS, tick
from tests.step_clock import StepClock, settle
from tests.unit.conftest import StubExchange

from tradepit.backends.bus.memory import MemoryBus, MemoryHub
from tradepit.backends.cache.memory import MemoryCache, MemoryCacheStore
from tradepit.backends.cache.memory_series import MemorySeries, MemorySeriesStore
from tradepit.ports.series import Sample, TimeSeries
from tradepit.runtime.exchange_desk import ExchangeDesk
from tradepit.runtime.tick_sequence import number_headers
from tradepit.services.hot_refill import TickPast
from tradepit.services.market_cache import MarketCache
from tradepit.services.market_cache_settings import MarketCacheSettings
from tradepit.trading.calendar.trading_calendar import load_calendar
from tradepit.trading.model.errors import BadRequest, Unavailable
from tradepit.trading.model.tick import Tick
from tradepit.web.data_api import DataApi
from tradepit.web.data_meters import DataMeters
from tradepit.web.data_source import DataSource
from tradepit.web.market_past import MarketPast
from tradepit.wire import gateway
from tradepit.wire.simulator import CHANNELS, TRADING_GATEWAY, PhaseData, depth_topic, phase_topic, rpc_subject, tick_topic
from tradepit.wire.simulator_codec import encode, tick_data

START_MS = START_NS // 1_000_000


class Quoting(StubExchange):
    """Also answers ``depth``."""

    shown: Tick | None = None

    async def open(self) -> None:
        await super().open()
        await self.bus.serve(rpc_subject(TRADING_GATEWAY, "depth"), self._responder("depth"))

    def depth_reply(self, payload: bytes) -> gateway.Reply:
        del payload
        if self.shown is None:
            return gateway.Reply(error="INSTRUMENT_NOT_FOUND", message="no")
        return gateway.DepthReply(tick=self.shown)


class Mortal(MemorySeries):
    """Series that can be away, lose everything, or refuse one key."""

    def __init__(self, store: MemorySeriesStore) -> None:
        super().__init__(store)
        self.store, self.down, self.foreign = store, False, ""
        self.adds = 0

    async def connect(self) -> None:
        self._check()
        await super().connect()

    async def add(self, told: Mapping[TimeSeries, Sequence[Sample]]) -> None:
        self._check()
        if any(series.key == self.foreign for series in told):
            raise BadRequest("the key holds something else", key=self.foreign)
        self.adds += 1
        await super().add(told)

    async def range(self, *args: Any, **more: Any) -> list[Sample]:
        self._check()
        return await super().range(*args, **more)

    async def newest(self, *args: Any, **more: Any) -> list[Sample]:
        self._check()
        return await super().newest(*args, **more)

    def _check(self) -> None:
        if self.down:
            raise Unavailable("the cache cannot be reached")


class MortalCache(MemoryCache):
    """Keys that can be away."""

    down = False

    async def get(self, key: str) -> bytes | None:
        self._check()
        return await super().get(key)

    async def put_newer(self, key: str, value: bytes, *, version: int, ttl_s: float) -> bool:
        self._check()
        return await super().put_newer(key, value, version=version, ttl_s=ttl_s)

    def _check(self) -> None:
        if self.down:
            raise Unavailable("the cache cannot be reached")


class MarketWorld:
    """Everything in one process; time passes when told."""

    def __init__(
        self,
        settings: MarketCacheSettings | None = None,
        past: MarketPast | None = None,
        tick_past: TickPast | None = None,
    ) -> None:
        self.tick_past = tick_past
        self.clock = StepClock(START_NS)
        self.bus = MemoryBus(MemoryHub(), channels=CHANNELS)
        self.exchange = Quoting(self.bus)
        self.series = Mortal(MemorySeriesStore())
        self.keys = MemoryCacheStore()
        self.cache = MortalCache(self.keys, self.clock)
        self.settings = settings or MarketCacheSettings()
        self.writer = self.make_writer()
        self.meters = DataMeters()
        self.source = DataSource(
            self.cache, self.series, ExchangeDesk(self.bus), past, load_calendar(), self.clock, self.clock, self.meters
        )
        self.api = DataApi(self.source, self.meters, self.clock, host="127.0.0.1", port=0)
        self.numbers: dict[str, int] = {}

    def make_writer(self) -> MarketCache:
        return MarketCache(
            self.bus, self.series, self.cache, self.clock, self.clock, self.settings, "market-cache-1", past=self.tick_past
        )

    async def open(self) -> None:
        await self.bus.connect()
        await self.cache.connect()
        await self.exchange.open()
        await self.writer.start()
        await self.api.start()
        await settle()

    async def close(self) -> None:
        await self.api.stop()
        await self.writer.stop()
        await self.bus.close()

    # The market

    async def tell(self, *ticks: Tick, run: str = "r", skip: int = 0) -> None:
        """Ticks on the bus, numbered; ``skip`` of them were lost before the first."""
        for each in ticks:
            number = self.numbers[each.symbol] = self.numbers.get(each.symbol, 0) + 1 + skip
            skip = 0
            payload = encode(tick_data(each, self.exchange.instrument))
            await self.bus.publish(tick_topic(each.symbol), payload, headers=number_headers(run, number))
        await settle()

    async def book(self, told: Tick) -> None:
        await self.bus.publish(depth_topic(told.symbol), encode(tick_data(told, self.exchange.instrument)))
        await settle()

    async def phase(self, symbol: str, phase: str) -> None:
        data = PhaseData(symbol=symbol, phase=phase, time_ns=self.clock.now_ns(), trading_day=20250106)
        await self.bus.publish(phase_topic(symbol), msgspec.json.encode(data))
        await settle()

    async def minute(self, number: int, ticks: int = 6) -> list[Tick]:
        """A minute of ticks, ten seconds apart by default, each a little higher with one lot more; time goes with them."""
        told = []
        for place in range(ticks):
            at_s = 60 * number + place * 60 / ticks
            await self.until(at_s)
            price = 22_500 + 10 * number + place
            told.append(tick(price - 1, price + 1, last=price, after_s=at_s, volume=100 * number + place + 1))
            await self.tell(told[-1])
        return told

    async def until(self, after_s: float) -> None:
        """Let the time pass up to an instant after the start."""
        left_s = (START_NS + int(after_s * SECOND) - self.clock.now_ns()) / 1e9
        await self.clock.advance(max(0.0, left_s))

    # The outside

    async def get(self, path: str, **headers: str) -> tuple[int, Any, Headers]:
        """Status, body and headers."""
        return await asyncio.to_thread(ask, self.api.url + path, headers)


def ask(url: str, headers: Mapping[str, str]) -> tuple[int, Any, Headers]:
    """One HTTP request; refusals are answers too. Blocking."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=dict(headers)), timeout=60) as reply:
            return reply.status, _body(reply.read()), reply.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, _body(error.read()), error.headers


def _body(told: bytes) -> Any:
    try:
        return json.loads(told or b"null")
    except ValueError:
        return told.decode()
