"""The Data API from outside: the market of a running house over HTTP, on real servers that are killed, emptied and come back."""

import asyncio
import itertools
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from email.message import Message
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis
from nats.aio.msg import Msg
from tests.house_under_test import STANDBYS, HouseUnderTest, settings_of, told
from tests.patience import PATIENCE_S
from tests.servers.ports import free_port
from tests.servers.valkey import ValkeyServer, find_timeseries

from tradepit.bots.market_clients import RedisTimeSeriesMarketDataClient
from tradepit.config import DataApiSettings, MarketSettings, Settings
from tradepit.services.market_cache_settings import MarketCacheSettings
from tradepit.wire.simulator_codec import from_iso

_ONLY = ("trading-gateway", "market-data", "market-cache", "data-api")
Json = dict[str, Any]


def ask(url: str, **headers: str) -> tuple[int, Json, Message]:
    """Status, body and headers; 0 while nobody answers."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=PATIENCE_S) as reply:
            return reply.status, json.loads(reply.read() or b"{}"), reply.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read() or b"{}"), error.headers
    except OSError:
        return 0, {}, Message()


class Asked:
    """A house with a Data API, its market paused and let go on from outside."""

    def __init__(self, house: HouseUnderTest, port: int) -> None:
        self.house, self.url = house, f"http://127.0.0.1:{port}"

    async def get(self, path: str, **headers: str) -> tuple[int, Json, Message]:
        return await asyncio.to_thread(ask, self.url + path, **headers)

    async def until(self, path: str, holds: Callable[[int, Json], bool], what: str) -> Json:
        found: list[Json] = []

        async def seen() -> bool:
            status, body, _ = await self.get(path)
            found[:] = [body]
            return holds(status, body)

        await self.house.until(seen, what)
        return found[0]

    async def text(self, path: str) -> str:
        def read() -> str:
            with urllib.request.urlopen(self.url + path, timeout=PATIENCE_S) as reply:
                return str(reply.read().decode())

        return await asyncio.to_thread(read)


def house_settings(cache: str, port: int) -> Settings:
    settings = settings_of("A1", profile="pit")
    market = MarketSettings(symbols=("IF2501", "IC2501"), cadence_ms=50)
    return msgspec.structs.replace(settings, cache=cache, market=market, data_api=DataApiSettings(port=port))


def ms_of(tick: Json) -> int:
    return from_iso(tick["datetime"]) // 1_000_000


def bars_of(ticks: list[Json], length_ms: int) -> list[tuple[int, float, float, float, float, int]]:
    """Bars as the ticks say them: four prices, and the day's lots at the end."""
    found: dict[int, list[Json]] = {}
    for tick in ticks:
        found.setdefault(ms_of(tick) // length_ms * length_ms, []).append(tick)
    return [
        (start, *(float(each) for each in (p[0], max(p), min(p), p[-1])), rows[-1]["volume"])
        for start, rows in found.items()
        if (p := [tick["last_price"] for tick in rows])
    ]


async def since_the_cache_listens(asked: Asked, heard: list[Msg]) -> list[Json]:
    """All that a market now dead has told from the window's beginning on; of one instant the last counts."""
    await asked.house.client.flush()
    newest = ms_of(told(heard)[-1])
    window = await asked.until("/v1/ticks/IF2501", lambda _, body: body["time_ms"][-1] == newest, "the last tick")
    return list({ms_of(tick): tick for tick in told(heard) if ms_of(tick) >= window["from_ms"]}.values())


async def test_snapshot_ticks_and_bars_are_what_the_market_told_whoever_dies(tmp_path: Path) -> None:
    port = free_port()
    with ValkeyServer(module=find_timeseries()) as server, redis.Redis.from_url(server.url, protocol=2) as client:
        async with HouseUnderTest(tmp_path / "house", house_settings(server.url, port), only=_ONLY) as house:
            asked = Asked(house, port)
            heard = await house.hear("market.tick.IF2501")
            await asked.until("/v1/bars/IF2501?length=1s", lambda _, body: len(body.get("bars", [])) > 4, "bars")
            house.kill("market-data-1")
            ticks = await since_the_cache_listens(asked, heard)
            last = ticks[-1]
            # The newest tick, and all that was told with it.
            snapshot = await asked.until(
                "/v1/snapshots/IF2501", lambda _, body: body.get("time_ms") == ms_of(last), "the last tick"
            )
            assert (snapshot["source"], snapshot["tick"]["last_price"]) == ("cache", float(last["last_price"]))
            assert snapshot["tick"]["volume"] == last["volume"]
            assert (snapshot["phase"], snapshot["session"]["phase"]) == ("CONTINUOUS", "CONTINUOUS")
            assert snapshot["depth"]["bids"][0]["price"] < snapshot["depth"]["asks"][0]["price"]
            await check_what_was_told(asked, ticks)
            check_with_the_documents_client(client, ticks)
            await asyncio.sleep(1)
            _, _, headers = await asked.get("/v1/snapshots/IF2501")
            assert int(headers["Age"]) >= 1
            assert (await asked.get("/v1/snapshots/IF2501?max_age_ms=500"))[0] == 503
            # Redis dies: nothing old is told, and nothing is lost.
            server.kill()
            status, body, _ = await asked.get("/v1/snapshots/IF2501")
            assert (status, body["error"]) == (503, "SERVICE_UNAVAILABLE")
            await asked.until("/readyz", lambda status, _: status == 503, "what it cannot do to be told")
            assert (await asked.get("/healthz"))[0] == 200
            server.start()
            await asked.until("/readyz", lambda status, _: status == 200, "the cache to be back")
            await check_what_was_told(asked, ticks)
            # It forgets everything: the writer tells it again.
            client.flushall()
            await asked.until("/v1/bars/IF2501?length=1s", lambda _, body: len(body.get("bars", [])) > 4, "bars to be back")
            await asked.until("/v1/snapshots/IF2501", lambda _, body: body.get("source") == "cache", "the snapshot to be back")
            await check_what_was_told(asked, ticks)
            # Writer and door are killed, and the market goes on.
            house.kill("data-api-1")
            house.house.revive()
            await asked.until("/v1/ticks/IF2501?n=1", lambda _, body: body.get("time_ms", [0])[0] > ms_of(last), "new ticks")
            page = await asked.text("/metrics")
            assert "data_api_cache_hit_ratio " in page
            assert 'data_api_snapshot_age_seconds{symbol="IF2501"} ' in page


async def check_what_was_told(asked: Asked, ticks: list[Json], *, patience_s: float = PATIENCE_S) -> None:
    """Ticks and bars of both lengths, against what was heard on the bus; the last tick's are written one after another."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return await compare(asked, ticks)
        except AssertionError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.05)


async def compare(asked: Asked, ticks: list[Json]) -> None:
    first = ms_of(ticks[0])
    _, window, _ = await asked.get(f"/v1/ticks/IF2501?start_ms={first}&limit=5000")
    assert window["time_ms"] == [ms_of(tick) for tick in ticks]
    assert window["price"] == [float(tick["last_price"]) for tick in ticks]
    assert window["volume"] == [tick["volume"] for tick in ticks]
    assert window["bid"] == [float(tick["bid_price_1"]) for tick in ticks]
    assert window["ask_lots"] == [tick["ask_volume_1"] for tick in ticks]
    for length, length_ms in (("1s", 1_000), ("1m", 60_000)):
        _, page, _ = await asked.get(f"/v1/bars/IF2501?length={length}&n=5000")
        found = [bar for bar in page["bars"] if bar["time_ms"] > first]
        expected = [bar for bar in bars_of(ticks, length_ms) if bar[0] > first]
        assert [(b["time_ms"], b["open"], b["high"], b["low"], b["close"]) for b in found] == [bar[:5] for bar in expected]
        totals = [bar[5] for bar in expected]
        assert [b["volume"] for b in found[1:]] == [after - before for before, after in itertools.pairwise(totals)]
        assert [b["complete"] for b in found] == [True] * (len(found) - 1) + [False] * bool(found)


def check_with_the_documents_client(client: "redis.Redis", ticks: list[Json]) -> None:
    """The bots' own client of RedisTimeSeries sees the same."""
    reader = RedisTimeSeriesMarketDataClient.of(client, "IF2501")
    newest = reader.fetch()
    assert newest is not None
    last = ticks[-1]
    assert (newest.time_ms, newest.fields) == (
        ms_of(last),
        {"price": float(last["last_price"]), "volume": float(last["volume"])},
    )
    found = reader.fetch_range(ms_of(ticks[0]), ms_of(last))
    assert [each["price"] for each in found] == [float(tick["last_price"]) for tick in ticks]


@pytest.mark.parametrize("cache", ["nats", "plain"])
async def test_without_the_module_it_is_the_same(tmp_path: Path, cache: str) -> None:
    port = free_port()
    with ValkeyServer() as server:
        settings = house_settings(server.url if cache == "plain" else "nats", port)
        async with HouseUnderTest(tmp_path / "house", settings, only=_ONLY) as house:
            asked = Asked(house, port)
            heard = await house.hear("market.tick.IF2501")
            await asked.until("/v1/bars/IF2501?length=1s", lambda _, body: len(body.get("bars", [])) > 3, "bars")
            house.kill("market-data-1")
            ticks = await since_the_cache_listens(asked, heard)
            await asked.until("/v1/snapshots/IF2501", lambda _, body: body.get("time_ms") == ms_of(ticks[-1]), "the last tick")
            await check_what_was_told(asked, ticks)
            _, listed, _ = await asked.get("/v1/instruments")
            assert [row["symbol"] for row in listed["instruments"]] == ["IF2501", "IC2501"]
            if cache == "plain":
                # A server that stands still is no reason to wait for ever.
                server.pause()
                status, body, _ = await asked.get("/v1/snapshots/IF2501")
                assert (status, body["error"]) == (503, "TIMEOUT")
                server.resume()
                await asked.until("/readyz", lambda status, _: status == 200, "the cache to be back")
                await check_what_was_told(asked, ticks)
            # Told to stop it stops, and everything was in order.
            data = house.house.members[house.house.process_of("data-api-1")].process
            house.kill("data-api-1", signal.SIGTERM)
            assert data is not None
            assert await asyncio.to_thread(data.wait, PATIENCE_S) == 0


async def test_with_a_store_a_writers_death_leaves_no_gap_and_no_bar_twice(tmp_path: Path) -> None:
    port = free_port()
    settings = msgspec.structs.replace(
        house_settings("nats", port),
        store=f"sqlite+aiosqlite:///{tmp_path / 'records.db'}",
        market_cache=MarketCacheSettings(refill_s=3),
    )
    async with HouseUnderTest(tmp_path / "house", settings, only=(*_ONLY, "market-records")) as house:
        asked = Asked(house, port)
        heard = await house.hear("market.tick.IF2501")
        await asked.until("/v1/bars/IF2501?length=1s", lambda _, body: len(body.get("bars", [])) > 3, "bars")
        _, window, _ = await asked.get("/v1/ticks/IF2501")
        begin_ms = window["from_ms"]
        # The window lives in this process's memory: all of it is gone.
        house.kill("market-cache-1")
        house.house.revive()
        await asked.until("/readyz", lambda status, _: status == 200, "the Data API to be back")
        refilled = await asked.until(
            "/v1/ticks/IF2501?n=1", lambda _, body: 0 < body.get("from_ms", 0) <= begin_ms, "the window to be filled again"
        )
        assert refilled["from_ms"] <= begin_ms
        house.kill("market-data-1")
        ticks = await since_the_cache_listens(asked, heard)
        # Records are a little late.
        await check_what_was_told(asked, [tick for tick in ticks if ms_of(tick) >= begin_ms])
        _, page, _ = await asked.get(f"/v1/bars/IF2501?length=1s&start_ms={begin_ms}&limit=5000")
        # Some of these come from the store, some from the window.
        assert page["bars"][0]["time_ms"] < page["seam_ms"] < page["bars"][-1]["time_ms"]


_LOOKER = '''
import json
import os
import subprocess
import sys
from pathlib import Path

from tradepit.bots import BotBase


class Looker(BotBase):
    """Writes down its window at its first tick, and again twenty ticks later."""

    seen = 0

    def on_start(self):
        pass

    def on_tick(self, market):
        if market.symbol != "IF2501":
            return
        self.seen += 1
        if self.seen == 20:
            newest = self.ctx.market_data.fetch()
            range_ms = [each.time_ms for each in self.ctx.market_data.fetch_range(newest.time_ms - 60_000, newest.time_ms)]
            Path(self.config["folder"], "asked.json").write_text(json.dumps({"newest": newest.time_ms, "range": range_ms}))
        if self.seen in (1, 20):
            told = {name: market.window(name).tolist() for name in ("time_ns", "last", "bid", "ask_lots", "volume")}
            path = Path(self.config["folder"]) / f"window-{self.seen}.json"
            path.with_suffix(".part").write_text(json.dumps(told))
            path.with_suffix(".part").rename(path)
'''


async def test_a_bots_window_is_full_at_its_first_tick_and_goes_on_without_gap_or_double(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "looker.py").write_text(_LOOKER)
    settings = house_settings("nats", port)
    only = (*_ONLY, "order-management")
    async with HouseUnderTest(tmp_path / "house", settings, only=only, later=STANDBYS) as house:
        asked = Asked(house, port)
        heard = await house.hear("market.tick.IF2501")
        await asked.until("/v1/ticks/IF2501?n=5000", lambda _, body: len(body.get("time_ms", [])) > 60, "ticks")
        await house.leader()
        bot = looker(tmp_path, house.house.settings_path, asked.url)

        async def looked() -> bool:
            return await asyncio.to_thread((tmp_path / "window-20.json").exists)

        try:
            await house.until(looked, "twenty ticks")
        finally:
            bot.terminate()
            bot.wait(PATIENCE_S)
        await house.client.flush()
        fed = {ms_of(tick): tick for tick in told(heard)}
    first, later = (json.loads((tmp_path / f"window-{number}.json").read_text()) for number in (1, 20))
    instants = [time_ns // 1_000_000 for time_ns in later["time_ns"]]
    assert len(first["time_ns"]) > 60
    asked_for = json.loads((tmp_path / "asked.json").read_text())
    assert asked_for["range"][-1] == asked_for["newest"]
    assert set(asked_for["range"]) <= set(fed)
    # It goes on from there: nothing that was shown is shown again.
    assert instants[: len(first["time_ns"])] == [time_ns // 1_000_000 for time_ns in first["time_ns"]]
    assert instants == sorted(set(instants))
    # What was told before the bot was there; live, it sees the exchange's own book as well.
    shown = list(zip(instants, later["last"], later["bid"], strict=True))[:60]
    assert shown == [(at, float(fed[at]["last_price"]), float(fed[at]["bid_price_1"])) for at, _, _ in shown]
    # Where nothing was seen for a while the market was silent.
    silences = [(one, two) for one, two in itertools.pairwise(instants) if two - one > 2_500]
    assert [at for at in fed for one, two in silences if one < at < two] == []


def looker(folder: Path, config: Path, url: str) -> "subprocess.Popen[bytes]":
    """The bot in a process of its own, told of the Data API by its environment."""
    command = [sys.executable, "-m", "tradepit", "bot", "run", str(folder / "looker.py"), "--port", "0"]
    command += ["--config", str(config), "--param", f"folder={folder}", "symbol=IF2501"]
    with (folder / "bot.log").open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | {"DATA_API_URL": url})
