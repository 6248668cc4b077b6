"""One bot, the same class: in a backtest on real ticks, on the running exchange, and through the broker connect and TqSDK."""

import asyncio
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.diff_house import MARKET, DiffHouse, diff_settings
from tests.patience import PATIENCE_S
from tests.servers.ports import free_port
from tests.servers.postgres import PostgresServer
from tests.servers.rabbitmq import RabbitmqServer
from tests.servers.valkey import ValkeyServer
from tests.tq_connect import EIGHT, ENVELOPED, Servers, connect_running, engine_of, until

from tradepit.bots.backtest.engine import Backtest
from tradepit.bots.backtest.recording import read_recording
from tradepit.bots.backtest.settings import BacktestSettings
from tradepit.bots.loading import load_bot
from tradepit.trading.calendar.catalog import load_catalog

_BOT = "tradepit.bots.samples.moving_average:MovingAverage"
_FILE = Path(__file__).resolve().parents[3] / "shared" / "data" / "cffex_if2101_ticks_20210104_20210105.parquet"
_PARAMS = {"fast": 4, "slow": 12, "band": 0}
_FILLS = 4


class Running:
    """``tradepit bot run`` of the sample on a house, as a trader would start it."""

    def __init__(self, settings: Path, log: Path, account: str, told: Mapping[str, str]) -> None:
        self.account, self.log, self._port = account, log, free_port()
        params = [word for name, value in ({"symbol": "IF2501"} | _PARAMS).items() for word in ("--param", f"{name}={value}")]
        command = [sys.executable, "-m", "tradepit", "bot", "run", _BOT, "--id", f"trend-{account}", "--account", account]
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [*command, "--port", str(self._port), "--config", str(settings), *params],
                stdout=output, stderr=output, env=os.environ | dict(told),
            )  # fmt: skip

    async def metrics(self) -> str:
        """Its page for Prometheus, empty while nobody answers."""

        def get() -> str:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/metrics", timeout=30) as reply:
                    return str(reply.read().decode())
            except OSError:
                return ""

        return await asyncio.to_thread(get)

    async def held(self) -> float | None:
        """Net lots as the bot knows them, None while it does not say."""
        for line in (await self.metrics()).splitlines():
            if line.startswith("bot_position_lots{"):
                return float(line.rpartition(" ")[2])
        return None

    async def stop(self) -> None:
        """As an operator does."""
        self.process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(self.process.wait, PATIENCE_S) == 0, self.log.read_text()[-3000:]

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with RabbitmqServer(tmp_path_factory.mktemp("rabbit")) as rabbit, ValkeyServer() as valkey, PostgresServer() as postgres:
        yield Servers(rabbit, valkey, postgres)


@pytest.mark.skipif(not _FILE.exists(), reason=f"the recording is not here: {_FILE.name}")
def test_in_a_backtest_on_real_ticks() -> None:
    catalog = load_catalog()
    ticks = read_recording([_FILE], catalog)
    result = Backtest(load_bot(_BOT), {"symbol": "IF2101", "fast": 60, "slow": 300}, ticks, BacktestSettings(), catalog).run()
    assert result.sound
    assert len(result.trades) >= _FILLS
    assert result.host["pnl"] == pytest.approx(float(result.statistics.net_profit))


async def test_on_the_exchange_and_through_the_broker_connect(servers: Servers, tmp_path: Path) -> None:
    only = (*MARKET, "trade-executor")
    async with DiffHouse(tmp_path, diff_settings(), only) as house, engine_of(servers) as engine:
        await house.ready()
        await house.open_door()
        config = servers.config(ENVELOPED)
        config["tq"] |= {"symbols": ["CFFEX.IF2501"]}  # type: ignore[operator]  # a mapping, as the documents show
        with connect_running(tmp_path / "connect", config, EIGHT, house.house.settings.diff.port) as log:
            await until(log, "the queue of requests", lambda: engine.has_queue("tq_order_submit_requests"))
            path, connect = house.house.settings_path, tmp_path / "connect" / "config.yaml"
            assert yaml.safe_load(connect.read_text())["tq"]["account"] == "A1"
            queues = {"TRADEPIT_BOTS__RUNNER__ORDERS": "engine", "TRADEPIT_BOTS__RUNNER__ENGINE": str(connect)}
            bots = [
                Running(path, tmp_path / "on-the-exchange.log", "B1", {}),
                Running(path, tmp_path / "through-tqsdk.log", "A1", queues),
            ]
            try:
                for bot in bots:
                    await house.until(lambda bot=bot: _has_traded(house, bot), f"{bot.account} to trade")  # type: ignore[misc]  # bound at once
                for bot in bots:
                    await house.until(lambda bot=bot: _agrees(house, bot), f"{bot.account} to know what it holds")  # type: ignore[misc]  # bound at once
                    await bot.stop()
            finally:
                for bot in bots:
                    bot.kill()
            # Every fill of the exchange is one that the engine's side has on record, lot for lot.
            trades = await _orders(house, "A1")
            for name, order in trades.items():
                await until(log, name, lambda name=name, order=order: _is_told(engine, name, order))  # type: ignore[misc]  # bound at once
        proof = await house.prove()
        assert proof.clean, proof


async def _orders(house: DiffHouse, account: str) -> dict[str, dict[str, Any]]:
    reply = await house.rpc("rpc.trading-gateway.orders", {"account": account})
    return {row["intent"]["client_order_id"]: row for row in reply.get("orders", [])}


async def _has_traded(house: DiffHouse, bot: Running) -> bool:
    assert bot.process.poll() is None, bot.log.read_text()[-3000:]
    filled = [row for row in (await _orders(house, bot.account)).values() if row["traded_lots"]]
    assert all(name.startswith(f"trend-{bot.account}-") for name in await _orders(house, bot.account))
    return len(filled) >= _FILLS and {row["intent"]["side"] for row in filled} == {"BUY", "SELL"}


async def _agrees(house: DiffHouse, bot: Running) -> bool:
    net = sum(lots if side == "BUY" else -lots for _, _, side, lots, _ in await house.venue_positions(bot.account))
    return await bot.held() == net


async def _is_told(engine: Any, name: str, order: dict[str, Any]) -> bool:
    row = await engine.row(name)
    return bool(row) and row["volume_orign"] - row["volume_left"] == order["traded_lots"] and row["status"] == "FINISHED"
