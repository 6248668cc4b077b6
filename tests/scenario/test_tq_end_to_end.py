"""The broker connect end to end: raw JSON on RabbitMQ, an unmodified TqSDK, the exchange, and back into PostgreSQL and Redis."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest
import yaml
from tests.diff_house import TRADING, DiffHouse, diff_settings
from tests.patience import PATIENCE_S
from tests.servers.postgres import PostgresServer
from tests.servers.rabbitmq import RabbitmqServer
from tests.servers.valkey import ValkeyServer
from tests.tq_connect import (
    EIGHT,
    ENVELOPED,
    FLAT,
    PORTFOLIO,
    SYMBOL,
    Desk,
    Servers,
    connect_running,
    engine_of,
    has_event,
    has_value,
    is_row,
    start_connect,
    until,
)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with RabbitmqServer(tmp_path_factory.mktemp("rabbit")) as rabbit, ValkeyServer() as valkey, PostgresServer() as postgres:
        yield Servers(rabbit, valkey, postgres)


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
            await until(log, "a filled order", lambda: is_row(engine, ids["open"], "FINISHED", 3))
            row = await engine.row(ids["open"])
            assert (row["portfolio_id"], row["symbol"], row["direction"], row["offset"]) == (PORTFOLIO, SYMBOL, "BUY", "OPEN")
            assert (row["volume_orign"], row["volume_left"], row["limit_price"], row["trade_price"]) == (3, 0, 3300, 3300)
            assert (await engine.events(ids["open"]))[-1] == "COMPLETE_FILL"

            await desk.submit(ids["part"], "BUY", "OPEN", 4, 3300.0)
            await until(log, "a partial fill", lambda: is_row(engine, ids["part"], "ALIVE", 2))
            await desk.cancel(ids["part"])
            await until(log, "a cancelled rest", lambda: is_row(engine, ids["part"], "FINISHED", 2))
            assert (await engine.events(ids["part"]))[-1] == "CANCELLED"

            await house.order("buy", 3290, 10, symbol="rb2505", account="B1")
            await desk.submit(ids["close"], "SELL", "CLOSE", 2, 3290.0)
            await until(log, "today's lots closed", lambda: is_row(engine, ids["close"], "FINISHED", 2))
            await desk.submit(ids["much"], "SELL", "CLOSE", 100, 3290.0)
            await until(log, "a refusal", lambda: has_event(engine, ids["much"], "REJECTED"))

            name = f"TQ_Position_PortfolioId_{PORTFOLIO}_Symbol_{SYMBOL}"
            await until(log, "the position's key", lambda: has_value(engine, name, "3"))
            assert 3500 < engine.keys.ttl(name) <= 3600
            split = json.loads(engine.keys.get(f"TQ_Position_Breakdown_PortfolioId_{PORTFOLIO}_Symbol_{SYMBOL}") or "{}")
            assert (split["pos_long"], split["pos_long_today"], split["pos_short"]) == (3, 3, 0)
            account = json.loads(engine.keys.get(f"TQ_Account_PortfolioId_{PORTFOLIO}") or "{}", parse_float=Decimal)
            assert account["balance"] > account["available"] > 0
            assert "pw-of" not in log.read_text()
        positions = await house.venue_positions("A1")
        assert positions == [("A1", "rb2505", "BUY", 3, 0)]
    engine.keys.close()


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
                await until(log, f"order {number}", partial(is_row, engine, f"killed-{number}", "FINISHED", 1))
        finally:
            process.terminate()
            process.wait(PATIENCE_S)
        assert await house.venue_positions("A1") == [("A1", "rb2505", "BUY", count, 0)]
        for number in range(count):
            assert (await engine.events(f"killed-{number}")).count("COMPLETE_FILL") == 1
