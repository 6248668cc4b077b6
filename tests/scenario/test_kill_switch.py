"""The kill switch by HTTP and on the command line: with the bus killed, every order manager killed, and no database at all."""

import asyncio
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
from tests.house_under_test import ORDER_MANAGERS, STANDBYS, HouseUnderTest, Json, load_of, settings_of
from tests.patience import PATIENCE_S
from tests.servers.ports import free_port

from tradepit.config import RiskApiSettings, Settings, dump

ROLES = ("trading-gateway", "order-management", "risk-api")


class Risk:
    """Risk people: one at the HTTP door, one at a terminal on the house's machine."""

    def __init__(self, house: HouseUnderTest) -> None:
        self.house, self.settings = house, house.house.settings
        self.file = house.house.folder / "house-of-risk.yaml"
        self.file.write_text(dump(self.settings), encoding="utf-8")

    async def http(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
        return await asyncio.to_thread(self._http, method, path, body, headers)

    def _http(self, method: str, path: str, body: object, headers: dict[str, str]) -> tuple[int, Any]:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.settings.risk_api.port}{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as reply:
                return reply.status, json.loads(reply.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())

    async def is_open(self) -> bool:
        try:
            return (await self.http("GET", "/healthz"))[0] == 200
        except OSError:
            return False

    async def cli(self, *words: str) -> tuple[int, Any]:
        command = [sys.executable, "-m", "tradepit", "risk", *words, "--config", str(self.file), "--json"]
        done = await asyncio.to_thread(
            subprocess.run, command, capture_output=True, text=True, timeout=PATIENCE_S, env=os.environ
        )
        return done.returncode, json.loads(done.stdout)


def settings() -> Settings:
    # The database is away from the first to the last, and nobody notices.
    away = f"postgresql+asyncpg://nobody@127.0.0.1:{free_port()}/nothing"
    return msgspec.structs.replace(settings_of("A1", "B1", "C1"), store=away, risk_api=RiskApiSettings(port=free_port()))


async def test_a_halt_holds_whatever_is_dead(tmp_path: Path) -> None:
    async with HouseUnderTest(tmp_path, settings(), only=ROLES) as house:
        await house.ready()
        risk = Risk(house)
        await house.until(risk.is_open, "the risk door")
        for account in ("A1", "B1", "C1"):
            assert (await house.order("buy", 4300, 2, account=account, client_order_id=f"rests-{account}"))["success"]
        await house.settled()

        await asyncio.to_thread(house.house.server.kill)
        halt = {"scope": "account:A1", "who": "risk", "reason": "the bus is dead", "wait_ms": 200}
        # The leader has its lease for a moment yet and may journal the halt; its cancels go nowhere.
        status, told = await risk.http("POST", "/risk/halt", halt, Idempotency_Key="h-A1")
        assert (status, told["persisted"]) == (200 if told["applied"] else 202, True)
        for name in ORDER_MANAGERS:
            assert house.kill(name)
        code, told = await risk.cli("halt", "account:B1", "--reason", "the bus is dead", "--who", "ops", "--wait-ms", "200")
        assert (code, told["persisted"], told["applied"]) == (5, True, False)
        await asyncio.to_thread(house.house.server.start)
        await house.ready()

        # Whoever leads now knew of both before its doors opened.
        for account, wanted in (("A1", "TRADING_HALTED"), ("B1", "TRADING_HALTED"), ("C1", "")):
            told = await house.order("buy", 4300, 1, account=account, client_order_id=f"after-{account}")
            assert told.get("error", "") == wanted, account

        async def cancelled() -> bool:
            working = [(await house.orders("orders", {"account": name, "active": True}))["orders"] for name in ("A1", "B1")]
            return working == [[], []]

        await house.until(cancelled, "the halted accounts' orders to be cancelled")
        assert len((await house.orders("orders", {"account": "C1", "active": True}))["orders"]) == 2
        await house.until(_is_empty(house.house.folder / "halts"), "the halts to be answered")
        status, told = await risk.http("GET", "/risk/audit")
        assert [(row["scope"], row["after"], row["who"], row["reason"]) for row in told["rows"]] == [
            ("account:A1", "HALTED", "risk", "the bus is dead"), ("account:B1", "HALTED", "ops", "the bus is dead"),
        ]  # fmt: skip
        status, told = await risk.http("POST", "/risk/resume", {"scope": "account:A1", "who": "risk", "reason": "it lives"})
        assert (status, told["state"]) == (200, "ACTIVE")
        assert (await risk.cli("resume", "account:B1", "--reason", "it lives"))[0] == 0
        for account in ("A1", "B1"):
            assert (await house.order("buy", 4300, 1, account=account, client_order_id=f"again-{account}"))["success"]

        # In the middle of trading: what is answered after the halt was answered is refused.
        async with load_of(house, 60) as replies:
            await house.until(lambda: _are_more_than(replies, 5), "orders to be answered")
            status, told = await risk.http("POST", "/risk/halt", halt | {"scope": "global", "wait_ms": 10_000})
            checklist = told["reply"]["checklist"]
            assert (status, checklist["state_set"], checklist["still_working"]) == (200, True, [])
            # Those that were on their way when it came may have been answered since; not those that are asked for now.
            for account in ("A1", "B1") * 3:
                assert (await house.order("buy", 4300, 1, account=account)).get("error") == "TRADING_HALTED"
        assert (await house.orders("orders", {"active": True}))["orders"] == []
        await house.settled()
        proof = await house.prove()
        assert proof.clean, proof.findings


async def _are_more_than(replies: list[Json], count: int) -> bool:
    return len(replies) > count


def _is_empty(folder: Path) -> Callable[[], Awaitable[bool]]:
    async def empty() -> bool:
        return not await asyncio.to_thread(lambda: list(folder.glob("*.halt")))

    return empty


async def test_the_terminal_has_every_question(tmp_path: Path) -> None:
    async with HouseUnderTest(tmp_path, settings(), only=ROLES[:2], later=STANDBYS) as house:
        await house.ready()
        risk = Risk(house)
        change = ("account:A1", "order_size", '{"max_lots": 4}', "--reason", "first day", "--who", "ops")
        code, told = await risk.cli("set", *change, "--revision", "0", "--key", "k1")
        assert (code, told["scopes"][0]["limits"], told["scopes"][0]["revision"]) == (0, {"order_size": {"max_lots": 4}}, 1)
        code, told = await risk.cli("set", *change, "--revision", "0")
        assert (code, told["error"]) == (3, "REVISION_CONFLICT")
        code, told = await risk.cli("evaluate", "buy", "IF2501", "4300", "5", "--account", "A1")
        assert (code, told["allowed"], told["reason"]) == (1, False, "QUANTITY_EXCEEDS_MAXIMUM")
        code, told = await risk.cli("halt", "account:A1", "--reason", "enough", "--flatten")
        assert (code, told["applied"], told["reply"]["checklist"]["state_set"]) == (0, True, True)
        code, told = await risk.cli("audit", "--after", "1")
        assert (code, [(row["number"], row["action"], row["after"]) for row in told["rows"]]) == (0, [(2, "set_state", "HALTED")])
