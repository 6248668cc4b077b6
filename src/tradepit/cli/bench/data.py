"""``tradepit bench data``: how long the Data API's answers take over HTTP, beside a handler that does nothing, in the same run."""

import asyncio
import http.client
import threading
from collections.abc import Mapping
from contextlib import AsyncExitStack, ExitStack
from time import perf_counter_ns
from types import TracebackType
from typing import Self

import msgspec
from litestar import Litestar, get

from tradepit.cli.bench.figures import Spread, spread
from tradepit.cli.loop import run
from tradepit.cli.servers.valkey import ValkeyServer
from tradepit.compose.wiring import Wiring
from tradepit.config import Settings
from tradepit.runtime.exchange_desk import ExchangeDesk
from tradepit.services.hot_contract import HotContract, HotTick
from tradepit.services.market_cache_settings import MarketCacheSettings
from tradepit.trading.calendar.trading_calendar import load_calendar
from tradepit.trading.model.errors import Unavailable
from tradepit.web.coded_errors import RESPONSE_HEADERS
from tradepit.web.data_app import make_app
from tradepit.web.data_meters import DataMeters
from tradepit.web.data_page import DataPage
from tradepit.web.data_source import DataSource
from tradepit.web.data_standing import DataStanding
from tradepit.web.host_guard import HostGuard
from tradepit.web.http_server import HttpServer
from tradepit.wire.data_api import KeptTick
from tradepit.wire.market_series import newest_tick_key
from tradepit.wire.simulator import TickData
from tradepit.wire.simulator_codec import encode, to_iso

_SYMBOL = "IF2501"
_BEGIN_MS = 1_736_128_800_000
_STEP_MS, _TICKS = 500, 7_200
_WARM_UP = 3
_HOST = "127.0.0.1"


class DataFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One client, one question after another on one connection; an hour of ticks is in the window. ``ratio`` is the median beside the
    bare handler's. ``redis`` is a plain server of that kind on this machine, null where none is installed.
    """

    bare: Spread
    memory: Mapping[str, Spread]
    memory_ratio: Mapping[str, float]
    redis: Mapping[str, Spread] | None
    redis_ratio: Mapping[str, float] | None


def measure(*, seconds: float) -> DataFigures:
    """Ask for ``seconds``, half of it of each cache."""
    bare, memory = _asked("memory", seconds / 2)
    redis: dict[str, Spread] | None = None
    with ExitStack() as stack:
        try:
            server = stack.enter_context(ValkeyServer())
        except Unavailable:
            pass
        else:
            _, redis = _asked(server.url, seconds / 2)
    return DataFigures(
        bare=bare,
        memory=memory,
        memory_ratio=_ratios(memory, bare),
        redis=redis,
        redis_ratio=_ratios(redis, bare) if redis is not None else None,
    )


def _ratios(told: Mapping[str, Spread], bare: Spread) -> dict[str, float]:
    return {name: round(each.p50 / bare.p50, 2) if bare.p50 else 0.0 for name, each in told.items()}


def _asked(cache: str, seconds: float) -> tuple[Spread, dict[str, Spread]]:
    paths = {
        "bare": "/bare",
        "snapshot": f"/v1/snapshots/{_SYMBOL}",
        "window_100": f"/v1/ticks/{_SYMBOL}?n=100",
        "window_4096": f"/v1/ticks/{_SYMBOL}?n=4096",
        "bars_60": f"/v1/bars/{_SYMBOL}?n=60",
    }
    taken: dict[str, list[float]] = {name: [] for name in paths}
    with _Doors(cache) as doors:
        connections = {name: http.client.HTTPConnection(_HOST, doors.port_of(name), timeout=10) for name in paths}
        end_ns, rounds = perf_counter_ns() + int(seconds * 1e9), 0
        # In turn, so that whatever else the machine does falls on all of them.
        while perf_counter_ns() < end_ns or rounds <= _WARM_UP:
            for name, path in paths.items():
                took = _ask(connections[name], path)
                if rounds >= _WARM_UP:
                    taken[name].append(took)
            rounds += 1
        for connection in connections.values():
            connection.close()
    told = {name: spread(values, "us") for name, values in taken.items()}
    return told.pop("bare"), told


def _ask(connection: http.client.HTTPConnection, path: str) -> float:
    begun_ns = perf_counter_ns()
    connection.request("GET", path)
    reply = connection.getresponse()
    reply.read()
    took = (perf_counter_ns() - begun_ns) / 1_000
    if reply.status != 200:
        raise Unavailable("the Data API does not answer its own benchmark", path=path, status=reply.status)
    return took


class _Doors:
    """The Data API and the bare handler on an event loop of their own, in a thread."""

    def __init__(self, cache: str) -> None:
        self._settings = Settings(bus="memory://", cache=cache)
        self._ready, self._end = threading.Event(), asyncio.Event()
        self._thread = threading.Thread(target=self._live, name="doors", daemon=True)
        self._loop: asyncio.AbstractEventLoop
        self._api = self._bare = 0
        self._problem: BaseException | None = None

    def port_of(self, name: str) -> int:
        """Where a question is asked."""
        return self._bare if name == "bare" else self._api

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        if self._problem is not None:
            raise self._problem
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(10)

    def _live(self) -> None:
        try:
            run(self._serve())
        except BaseException as error:  # noqa: BLE001 - told to whoever waits
            self._problem = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        wiring = Wiring(self._settings, process="bench")
        bus, cache, series = wiring.bus(), wiring.cache(), wiring.series()
        async with AsyncExitStack() as stack:
            for each in (bus, cache, series):
                await each.connect()
                stack.push_async_callback(each.close)
            meters = DataMeters()
            source = DataSource(cache, series, ExchangeDesk(bus), None, load_calendar(), wiring.clock, wiring.clock, meters)
            await _fill(wiring, source)
            servers = [
                HttpServer(HostGuard(app, _HOST), _HOST, 0)
                for app in (make_app(source, DataPage(meters, wiring.clock), DataStanding()), _bare_app())
            ]
            for server in servers:
                await server.start()
                stack.push_async_callback(server.stop)
            self._api, self._bare = (server.port for server in servers)
            self._ready.set()
            await self._end.wait()


def _bare_app() -> Litestar:
    @get("/bare", sync_to_thread=False)
    def bare() -> dict[str, bool]:
        return {"ok": True}

    return Litestar(
        route_handlers=[bare], response_headers=RESPONSE_HEADERS, openapi_config=None, logging_config=None, debug=False
    )


async def _fill(wiring: Wiring, source: DataSource) -> None:
    """An hour of ticks, and the newest of them."""
    told = MarketCacheSettings()
    contract = HotContract(_SYMBOL, window_ms=told.window_ms, bars_ms=told.bars_ms, most_ticks=_TICKS)
    ticks = [_tick(number) for number in range(_TICKS)]
    series = wiring.series()
    await series.connect()
    for begin in range(0, _TICKS, 1_000):
        await series.add(contract.samples(ticks[begin : begin + 1_000]))
    await series.close()
    kept = KeptTick(received_ns=wiring.clock.now_ns(), since_ms=_BEGIN_MS, tick=_message(ticks[-1]))
    await wiring.cache().put(newest_tick_key(_SYMBOL), encode(kept), ttl_s=3_600)
    await source.look()


def _tick(number: int) -> HotTick:
    price = 4_500 + (number * 7 % 50) / 5
    return HotTick(_BEGIN_MS + _STEP_MS * number, (price, float(number), price - 0.2, price + 0.2, 5.0, 5.0))


def _message(tick: HotTick) -> TickData:
    price, volume, bid, ask, bid_lots, ask_lots = tick.numbers
    fields = dict.fromkeys(
        ("turnover", "open_price", "high_price", "low_price", "limit_up", "limit_down", "pre_close", "pre_settlement"), price
    )
    told = {
        "symbol": _SYMBOL, "exchange": "CFFEX", "datetime": to_iso(tick.at_ms * 1_000_000), "trading_day": "20250106",
        "last_price": price, "volume": int(volume), "open_interest": 0, "bid_price_1": bid, "bid_volume_1": int(bid_lots),
        "ask_price_1": ask, "ask_volume_1": int(ask_lots),
    }  # fmt: skip
    return msgspec.json.decode(msgspec.json.encode(told | fields), type=TickData)
