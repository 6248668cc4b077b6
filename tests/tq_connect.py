"""An engine on RabbitMQ, Redis and PostgreSQL, and the broker connect it talks to, in processes of their own."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiormq
import asyncpg
import redis
import yaml
from tests.patience import PATIENCE_S
from tests.servers.postgres import PostgresServer
from tests.servers.rabbitmq import RabbitmqServer
from tests.servers.valkey import ValkeyServer

from tradepit.web.diff.addresses import addresses

PORTFOLIO = "1234567890"
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


def start_connect(
    folder: Path, log: Path, front_port: int, *roles: str, told: Mapping[str, str] | None = None
) -> "subprocess.Popen[bytes]":
    """``tradepit run`` on the folder's config.yaml, with what ``told`` adds to the environment. TqSDK is sent to our front alone."""
    environment = os.environ | addresses("127.0.0.1", front_port) | {"HTTPS_PROXY": "http://127.0.0.1:9"} | dict(told or {})
    config = () if "--profile" in roles else ("--config", str(folder / "config.yaml"))
    command = [sys.executable, "-m", "tradepit", "run", *roles, *config]
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
            code = process.wait(PATIENCE_S)
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

    def __init__(self, engine: Engine, shape: str, portfolio_id: str = PORTFOLIO) -> None:
        self.engine, self.shape, self.portfolio_id = engine, shape, portfolio_id
        self.queue = "tq_order_submit_requests" if shape == "enveloped" else "tq_order_requests"

    async def submit(self, order_id: str, direction: str, offset: str, volume: int, price: float, symbol: str = SYMBOL) -> None:
        order = {"symbol": symbol, "direction": direction, "offset": offset, "volume": volume, "limit_price": price}
        order |= {"order_id": order_id, "portfolio_id": self.portfolio_id}
        if self.shape == "enveloped":
            await self.engine.publish("tq_order_request_exchange", self.queue, enveloped("SUBMIT", order))
        else:
            await self.engine.publish("tq_ws_api_request_exchange", f"PortfolioId_{self.portfolio_id}", order)

    async def cancel(self, order_id: str) -> None:
        wish = {"order_id": order_id, "portfolio_id": self.portfolio_id}
        if self.shape == "enveloped":
            await self.engine.publish("tq_order_request_exchange", "tq_order_cancel_requests", enveloped("CANCEL", wish))
        else:
            await self.engine.publish(
                "tq_ws_api_request_exchange", f"PortfolioId_{self.portfolio_id}", {"action": "CANCEL", **wish}
            )


async def until(log: Path, what: str, holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait for what must come; the service's own log is shown when it does not."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not await holds():  # noqa: ASYNC110 - what is waited for happens in other processes
                await asyncio.sleep(0.1)
    except TimeoutError:
        told = await asyncio.to_thread(log.read_text)
        raise AssertionError(f"waited in vain for {what}\n{told[-6000:]}") from None


async def is_row(engine: Engine, order_id: str, status: str, filled: int) -> bool:
    """Whether an order's row says so."""
    row = await engine.row(order_id)
    return bool(row) and (row["status"], row["filled_quantity"]) == (status, filled)


async def has_event(engine: Engine, order_id: str, event: str) -> bool:
    """Whether this has happened to an order."""
    return event in await engine.events(order_id)


async def has_value(engine: Engine, key: str, value: str) -> bool:
    """Whether a key holds this."""
    return engine.keys.get(key) == value
