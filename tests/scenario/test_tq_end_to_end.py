"""The broker connect end to end: raw JSON on RabbitMQ, an unmodified TqSDK, the exchange, and back into PostgreSQL and Redis."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import aiormq
import asyncpg
import pytest
import redis
import yaml
from tests.diff_house import TRADING, DiffHouse, diff_settings
from tests.servers.postgres import PostgresServer
from tests.servers.rabbitmq import RabbitmqServer
from tests.servers.valkey import ValkeyServer

from tradepit.web.diff.addresses import addresses

PORTFOLIO, PATIENCE_S = "1234567890", 60.0
SYMBOL = "SHFE.rb2505"
EIGHT = tuple(
    f"tq_{name}"
    for name in (
        *("order_submitter", "order_canceller"),
        *(f"{what}_{part}" for part in ("monitor", "handler") for what in ("order", "position", "account")),
    )
)
ENVELOPED = {
    "external": {
        "order_submit_queue": "tq_order_submit_requests",
        "order_cancel_queue": "tq_order_cancel_requests",
        "order_exchange": "tq_order_request_exchange",
    },
    "internal": {
        "exchange": "tq_internal_exchange",
        "order_updates_queue": "tq_internal_order_updates",
        "position_updates_queue": "tq_internal_position_updates",
        "account_updates_queue": "tq_internal_account_updates",
    },
}
FLAT = {
    "order_request_queue": "tq_order_requests",
    "order_request_exchange": "tq_ws_api_request_exchange",
    "order_request_routing_key": "PortfolioId_{portfolio_id}",
}


class Servers:
    """Private RabbitMQ, Valkey and PostgreSQL."""

    def __init__(self, rabbit: RabbitmqServer, valkey: ValkeyServer, postgres: PostgresServer) -> None:
        self.rabbit, self.valkey, self.postgres = rabbit, valkey, postgres

    def config(self, rabbitmq: Mapping[str, object]) -> dict[str, object]:
        """A ``config.yaml`` as the documents show it, with the account our exchange knows and the contract to trade."""
        return {
            "tq": {
                "username": "engine",
                "password": "pw-of-shinnytech",
                "portfolio_id": PORTFOLIO,
                "run_mode": "real",
                "symbols": [SYMBOL],
                "broker_id": "simnow",
                "account": "A1",
                "account_password": "pw-of-the-account",
            },
            "redis": {"host": "127.0.0.1", "port": self.valkey.port, "password": self.valkey.password, "db": 1},
            "rabbitmq": {"url": self.rabbit.url, **rabbitmq},
            "database": {
                "host": "127.0.0.1",
                "port": self.postgres.port,
                "user": "tradepit",
                "password": self.postgres.password,
                "dbname": "postgres",
            },
        }


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with RabbitmqServer(tmp_path_factory.mktemp("rabbit")) as rabbit, ValkeyServer() as valkey, PostgresServer() as postgres:
        yield Servers(rabbit, valkey, postgres)


def start_connect(folder: Path, log: Path, front_port: int, *roles: str) -> "subprocess.Popen[bytes]":
    """``tradepit run`` on the folder's config.yaml. TqSDK is sent to our front and nowhere else."""
    environment = os.environ | addresses("127.0.0.1", front_port) | {"HTTPS_PROXY": "http://127.0.0.1:9"}
    command = [sys.executable, "-m", "tradepit", "run", *roles, "--config", str(folder / "config.yaml")]
    with log.open("ab") as output:
        return subprocess.Popen(command, cwd=folder, stdout=output, stderr=output, env=environment)


@contextmanager
def connect_running(folder: Path, config: Mapping[str, object], roles: tuple[str, ...], front_port: int) -> Iterator[Path]:
    """``tradepit run`` on a documents' config.yaml while the block runs; its log."""
    folder.mkdir()
    log = folder / "connect.log"
    (folder / "config.yaml").write_text(yaml.safe_dump(dict(config)))
    process = start_connect(folder, log, front_port, *roles)
    try:
        yield log
        assert process.poll() is None, log.read_text()[-4000:]
    finally:
        process.terminate()
        try:
            code = process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
    assert code == 0, log.read_text()[-4000:]


class Engine:
    """What an engine does: publishes JSON, reads rows and keys."""

    def __init__(self, servers: Servers) -> None:
        self.servers = servers
        self.keys = redis.Redis(port=servers.valkey.port, password=servers.valkey.password, db=1, decode_responses=True)

    async def open(self) -> None:
        self.keys.flushdb()  # what an earlier case left must not be taken for what this one did
        self.line = await aiormq.connect(self.servers.rabbit.url)
        self.channel = await self.line.channel()
        self.rows = await asyncpg.connect(self.servers.postgres.url.replace("+asyncpg", ""))

    async def close(self) -> None:
        await self.rows.close()
        await self.line.close()
        self.keys.close()

    async def has_queue(self, queue: str) -> bool:
        probe = await self.line.channel()
        try:
            await probe.queue_declare(queue, passive=True)
        except aiormq.AMQPError:
            return False
        await probe.close()
        return True

    async def publish(self, exchange: str, key: str, body: object) -> None:
        await self.channel.basic_publish(json.dumps(body).encode(), exchange=exchange, routing_key=key)

    async def row(self, order_id: str) -> dict[str, Any]:
        try:
            found = await self.rows.fetchrow("SELECT * FROM order_history WHERE id = $1", order_id)
        except asyncpg.UndefinedTableError:
            return {}
        return dict(found) if found else {}

    async def events(self, order_id: str) -> list[str]:
        found = await self.rows.fetch("SELECT status FROM order_event WHERE order_id = $1 ORDER BY id", order_id)
        return [each["status"] for each in found]


@asynccontextmanager
async def engine_of(servers: Servers) -> AsyncIterator[Engine]:
    engine = Engine(servers)
    await engine.open()
    try:
        yield engine
    finally:
        await engine.close()


def enveloped(kind: str, payload: Mapping[str, object]) -> dict[str, object]:
    return {"type": kind, "request_id": f"r-{payload['order_id']}", "timestamp": "2025-01-06T02:30:00Z", "payload": dict(payload)}


class Desk:
    """Sends in one of the two shapes."""

    def __init__(self, engine: Engine, shape: str) -> None:
        self.engine, self.shape = engine, shape
        self.queue = "tq_order_submit_requests" if shape == "enveloped" else "tq_order_requests"

    async def submit(self, order_id: str, direction: str, offset: str, volume: int, price: float) -> None:
        order = {"symbol": SYMBOL, "direction": direction, "offset": offset, "volume": volume, "limit_price": price}
        order |= {"order_id": order_id, "portfolio_id": PORTFOLIO}
        if self.shape == "enveloped":
            await self.engine.publish("tq_order_request_exchange", self.queue, enveloped("SUBMIT", order))
        else:
            await self.engine.publish("tq_ws_api_request_exchange", f"PortfolioId_{PORTFOLIO}", order)

    async def cancel(self, order_id: str) -> None:
        wish = {"order_id": order_id, "portfolio_id": PORTFOLIO}
        if self.shape == "enveloped":
            await self.engine.publish("tq_order_request_exchange", "tq_order_cancel_requests", enveloped("CANCEL", wish))
        else:
            await self.engine.publish("tq_ws_api_request_exchange", f"PortfolioId_{PORTFOLIO}", {"action": "CANCEL", **wish})


async def until(log: Path, what: str, holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait for what must come; the service's own log is shown when it does not."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not await holds():  # noqa: ASYNC110 - what is waited for happens in other processes
                await asyncio.sleep(0.1)
    except TimeoutError:
        told = await asyncio.to_thread(log.read_text)
        raise AssertionError(f"waited in vain for {what}\n{told[-6000:]}") from None


@pytest.mark.parametrize(("shape", "names", "roles"), [("flat", FLAT, ()), ("enveloped", ENVELOPED, EIGHT)])
async def test_json_on_rabbitmq_becomes_trades_rows_and_keys(
    servers: Servers, tmp_path: Path, shape: str, names: Mapping[str, object], roles: tuple[str, ...]
) -> None:
    ids = {name: f"{shape}-{name}" for name in ("open", "part", "close", "much")}
    async with DiffHouse(tmp_path, diff_settings(), TRADING) as house, engine_of(servers) as engine:
        await house.leader()
        port = house.house.settings.diff.port
        with connect_running(tmp_path / "connect", servers.config(names), roles, port) as log:
            desk = Desk(engine, shape)
            await until(log, "the queue of requests", lambda: engine.has_queue(desk.queue))

            await house.order("sell", 3300, 5, symbol="rb2505", account="B1")
            await desk.submit(ids["open"], "BUY", "OPEN", 3, 3300.0)
            await desk.submit(ids["open"], "BUY", "OPEN", 3, 3300.0)
            await until(log, "a filled order", lambda: _is(engine, ids["open"], "FINISHED", 3))
            row = await engine.row(ids["open"])
            assert (row["portfolio_id"], row["symbol"], row["direction"], row["offset"]) == (PORTFOLIO, SYMBOL, "BUY", "OPEN")
            assert (row["volume_orign"], row["volume_left"], row["limit_price"], row["trade_price"]) == (3, 0, 3300, 3300)
            assert (await engine.events(ids["open"]))[-1] == "COMPLETE_FILL"

            await desk.submit(ids["part"], "BUY", "OPEN", 4, 3300.0)
            await until(log, "a partial fill", lambda: _is(engine, ids["part"], "ALIVE", 2))
            await desk.cancel(ids["part"])
            await until(log, "a cancelled rest", lambda: _is(engine, ids["part"], "FINISHED", 2))
            assert (await engine.events(ids["part"]))[-1] == "CANCELLED"

            await house.order("buy", 3290, 10, symbol="rb2505", account="B1")
            await desk.submit(ids["close"], "SELL", "CLOSE", 2, 3290.0)
            await until(log, "today's lots closed", lambda: _is(engine, ids["close"], "FINISHED", 2))
            await desk.submit(ids["much"], "SELL", "CLOSE", 100, 3290.0)
            await until(log, "a refusal", lambda: _has(engine, ids["much"], "REJECTED"))

            name = f"TQ_Position_PortfolioId_{PORTFOLIO}_Symbol_{SYMBOL}"
            await until(log, "the position's key", lambda: _equals(engine, name, "3"))
            assert 3500 < engine.keys.ttl(name) <= 3600
            split = json.loads(engine.keys.get(f"TQ_Position_Breakdown_PortfolioId_{PORTFOLIO}_Symbol_{SYMBOL}") or "{}")
            assert (split["pos_long"], split["pos_long_today"], split["pos_short"]) == (3, 3, 0)
            account = json.loads(engine.keys.get(f"TQ_Account_PortfolioId_{PORTFOLIO}") or "{}", parse_float=Decimal)
            assert account["balance"] > account["available"] > 0
            assert "pw-of" not in log.read_text()
        positions = await house.venue_positions("A1")
        assert positions == [("A1", "rb2505", "BUY", 3, 0)]
    engine.keys.close()


async def _is(engine: Engine, order_id: str, status: str, filled: int) -> bool:
    row = await engine.row(order_id)
    return bool(row) and (row["status"], row["filled_quantity"]) == (status, filled)


async def _has(engine: Engine, order_id: str, event: str) -> bool:
    return event in await engine.events(order_id)


async def _equals(engine: Engine, key: str, value: str) -> bool:
    return engine.keys.get(key) == value


async def test_a_connect_killed_in_the_middle_of_its_work_loses_and_doubles_nothing(servers: Servers, tmp_path: Path) -> None:
    names = FLAT | {"order_request_queue": "tq_killed_requests"}
    folder, count = tmp_path / "connect", 40
    async with DiffHouse(tmp_path, diff_settings(), TRADING) as house, engine_of(servers) as engine:
        await house.leader()
        await house.order("sell", 3300, 500, symbol="rb2505", account="B1")
        folder.mkdir()
        log = folder / "connect.log"
        (folder / "config.yaml").write_text(yaml.safe_dump(servers.config(names)))
        process = start_connect(folder, log, house.house.settings.diff.port)
        try:
            await until(log, "the queue of requests", lambda: engine.has_queue("tq_killed_requests"))
            desk = Desk(engine, "flat")
            for number in range(count):
                await desk.submit(f"killed-{number}", "BUY", "OPEN", 1, 3300.0)
                await asyncio.sleep(0.05)
                if number in (12, 27):
                    process.kill()
                    process.wait()
                    process = start_connect(folder, log, house.house.settings.diff.port)
            for number in range(count):
                await until(log, f"order {number}", partial(_is, engine, f"killed-{number}", "FINISHED", 1))
        finally:
            process.terminate()
            process.wait(30)
        assert await house.venue_positions("A1") == [("A1", "rb2505", "BUY", count, 0)]
        for number in range(count):
            assert (await engine.events(f"killed-{number}")).count("COMPLETE_FILL") == 1
