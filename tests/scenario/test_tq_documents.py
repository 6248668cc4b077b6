"""The documents' config.yaml in both shapes, byte for byte: started, traded on, and nothing secret seen by anybody."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.diff_house import TRADING, DiffHouse, diff_settings
from tests.patience import PATIENCE_S
from tests.servers.postgres import PostgresServer
from tests.servers.rabbitmq import RabbitmqServer
from tests.servers.valkey import ValkeyServer
from tests.tq_connect import EIGHT, Desk, Servers, engine_of, has_event, has_value, is_row, start_connect, until

GOLDEN = Path(__file__).parents[1] / "wire" / "golden"
EXAMPLE, BRAKE = (Path(__file__).parents[2] / "examples" / name for name in ("tq_engine.py", "tq_cancel_all.py"))
# What the files say of the login: TqKq trades for it, and nothing else in the section is changed.
USERS, PORTFOLIO = {"flat": "your_tq_username", "enveloped": "your_username"}, "your_portfolio_id"
PASSWORDS = ("your_tq_password", "your_password")


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with RabbitmqServer(tmp_path_factory.mktemp("rabbit")) as rabbit, ValkeyServer() as valkey, PostgresServer() as postgres:
        yield Servers(rabbit, valkey, postgres)


def environment_of(servers: Servers) -> dict[str, str]:
    """Where the three servers are and how they let us in: all that a machine of our own changes in the documents' files."""
    return {
        "TRADEPIT_REDIS__HOST": "127.0.0.1",
        "TRADEPIT_REDIS__PORT": str(servers.valkey.port),
        "TRADEPIT_REDIS__PASSWORD": servers.valkey.password,
        "TRADEPIT_RABBITMQ__URL": servers.rabbit.url,
        "TRADEPIT_DATABASE__HOST": "127.0.0.1",
        "TRADEPIT_DATABASE__PORT": str(servers.postgres.port),
        "TRADEPIT_DATABASE__USER": "tradepit",
        "TRADEPIT_DATABASE__PASSWORD": servers.postgres.password,
        "TRADEPIT_DATABASE__DBNAME": "postgres",
    }


@pytest.mark.parametrize(
    ("shape", "file", "roles"), [("flat", "tq_flat_config.yaml", ()), ("enveloped", "tq_config.yaml", EIGHT)]
)
async def test_the_documents_files_trade_unchanged(
    servers: Servers, tmp_path: Path, shape: str, file: str, roles: tuple[str, ...]
) -> None:
    folder = tmp_path / "connect"
    folder.mkdir()
    shutil.copy(GOLDEN / file, folder / "config.yaml")
    log, told = folder / "connect.log", environment_of(servers)
    async with DiffHouse(tmp_path, diff_settings(), TRADING) as house, engine_of(servers) as engine:
        await house.leader()
        # As `python main.py` did: nothing is named but the profile, and the file lies in the folder.
        words = roles or ("--profile", "tq_flat")
        process = start_connect(folder, log, house.house.settings.diff.port, *words, told=told)
        try:
            desk = Desk(engine, shape, PORTFOLIO)
            await until(log, "the queue of requests", lambda: engine.has_queue(desk.queue))
            ids = {name: f"{shape}-{name}" for name in ("first", "none", "index", "last")}
            await house.order("sell", 3300, 5, symbol="rb2505", account="B1")
            # Nobody has named a contract: the first order does, one that does not exist is told so, the others go on.
            await desk.submit(ids["first"], "BUY", "OPEN", 3, 3300.0)
            await desk.submit(ids["none"], "BUY", "OPEN", 1, 3300.0, "SHFE.rb2509")
            await desk.submit(ids["index"], "BUY", "OPEN", 1, 4200.0, "CFFEX.IF2501")
            await desk.submit(ids["last"], "BUY", "OPEN", 2, 3300.0)
            await until(log, "the first fill", lambda: is_row(engine, ids["first"], "FINISHED", 3))
            await until(log, "the last fill", lambda: is_row(engine, ids["last"], "FINISHED", 2))
            await until(log, "a refusal", lambda: has_event(engine, ids["none"], "REJECTED"))
            message = await engine.rows.fetchval("SELECT msg ->> 'reason' FROM order_event WHERE order_id = $1", ids["none"])
            assert message == "INSTRUMENT_NOT_FOUND"
            await until(log, "another contract's order", lambda: has_event(engine, ids["index"], "NEW"))
            name = f"TQ_Position_PortfolioId_{PORTFOLIO}_Symbol_SHFE.rb2505"
            await until(log, "the position's key", lambda: has_value(engine, name, "5"))
            # A Redis that comes back empty is told everything again.
            engine.keys.flushdb()
            await until(log, "the position's key again", lambda: has_value(engine, name, "5"))
            await asyncio.to_thread(run_brake, folder, told)
            await until(log, "the cancel", lambda: has_event(engine, ids["index"], "CANCELLED"))
            price = "3310" if shape == "flat" else "3290"
            await house.order("sell", 3310, 1, symbol="rb2505", account="B1")
            first = await asyncio.to_thread(run_example, folder, told, "SHFE.rb2505", "BUY", "OPEN", "1", price)
            assert ("COMPLETE_FILL" in first, "CANCELLED" in first) == (shape == "flat", shape != "flat"), first
            assert "balance=" in first
            found = await asyncio.to_thread(run_doctor, folder, told)
            assert {name: found[name][0] for name in ("bus", "store", "cache", "tqsdk")} == dict.fromkeys(
                ("bus", "store", "cache", "tqsdk"), "ok"
            ), found
            # The documents' own placeholders are no login of anybody's.
            assert found["login"][0] == "fail"
            seen = [*list(_seen(process.pid, folder)), first, str(found)]
            secrets = {
                *PASSWORDS,
                servers.valkey.password,
                servers.postgres.password,
                urlsplit(servers.rabbit.url).password or "",
            }
            assert [secret for secret in secrets - {""} for text in seen if secret in text] == []
        finally:
            process.terminate()
            code = await asyncio.to_thread(process.wait, 30)
        assert code == 0, log.read_text()[-4000:]
        told_last = log.read_text().split(f"{roles[0] if roles else 'tq_order_executor'}-1 stopped")[1]
        steps = ("tq_position_monitor-1 stopped", "tqsdk: the connection is closed", "tq_order_handler-1 stopped")
        assert sorted(steps, key=told_last.index) == list(steps), told_last
        name = "tqsdk_broker_connect" if shape == "flat" else "tq"
        assert f" INFO    {name} tradepit.runtime.host" in (folder / ".tradepit" / "logs" / f"{name}.log").read_text()
        bought = 6 if shape == "flat" else 5
        assert await house.venue_positions(USERS[shape]) == [(USERS[shape], "rb2505", "BUY", bought, 0)]


def run_example(folder: Path, told: dict[str, str], *words: str) -> str:
    """The engine's example, run as the guide says, with an order as it names it."""
    command = [sys.executable, str(EXAMPLE), "config.yaml", *words, "5"]
    done = subprocess.run(
        command, cwd=folder, env=os.environ | told, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def run_brake(folder: Path, told: dict[str, str]) -> None:
    """Cancel everything, as the guide does in an emergency."""
    command = [sys.executable, str(BRAKE), "config.yaml"]
    done = subprocess.run(
        command, cwd=folder, env=os.environ | told, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "0 left"), done.stdout + done.stderr[-2000:]


def run_doctor(folder: Path, told: dict[str, str]) -> dict[str, tuple[str, str]]:
    """What the doctor finds with the same file and environment."""
    command = [sys.executable, "-m", "tradepit", "doctor", "--config", "config.yaml", "--json"]
    done = subprocess.run(
        command, cwd=folder, env=os.environ | told, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert done.returncode == 1, done.stderr[-2000:]
    return {each["check"]: (each["outcome"], each["seen"]) for each in json.loads(done.stdout)["findings"]}


def _seen(pid: int, folder: Path) -> Iterator[str]:
    """What others can see: logs, files the services left, command lines, and the environment of TqSDK's process."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    for path in [Path(f"/proc/{each}/cmdline") for each in (str(pid), *children)]:
        yield path.read_text()
    for child in children:
        yield Path(f"/proc/{child}/environ").read_text()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != "config.yaml":
            yield path.read_text(errors="replace")
