"""The risk door over real HTTP, in front of an order management in memory: revisions, keys, codes, and halts without a bus."""

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.order_path import Office
from tests.patience import PATIENCE_S
from tests.unit.services.test_order_rpc import BUY, Front
from tests.waiting import until

from tradepit.backends.bus.memory import MemoryBus, MemoryHub
from tradepit.runtime.clock import SystemClock
from tradepit.runtime.halt_box import HaltBox
from tradepit.runtime.order_client import OrderClient, RetryPolicy
from tradepit.runtime.risk_client import RiskClient
from tradepit.services.halt_watch import HaltWatch
from tradepit.trading.model.errors import ConfigError
from tradepit.trading.risk.rules import load_rules
from tradepit.web.risk_api import RiskApi
from tradepit.wire.simulator import rpc_subject

CHANGE = {"limits": {"order_size": {"max_lots": 4}}, "who": "risk", "reason": "first day"}
HALT = {"scope": "account:A1", "who": "risk", "reason": "enough", "wait_ms": 10_000}
PATIENT = RetryPolicy(deadline_s=PATIENCE_S, attempt_timeout_s=PATIENCE_S)
IN_VAIN = HALT | {"wait_ms": 100}


class Door:
    """A risk door, and the order management behind it, which may be away."""

    def __init__(self, front: Front, folder: Path) -> None:
        self.front = front
        self.bus = MemoryBus(MemoryHub())
        self.box = HaltBox(folder)
        self.client = RiskClient(self.bus, self.box, SystemClock(), policy=PATIENT)
        self.api = RiskApi(self.client, host="127.0.0.1", port=0, instance="risk-api-1")

    def leave(self) -> None:
        """Nobody leads from here on, and nobody is waited for long."""
        self.front.active = False
        self.client._orders = OrderClient(self.bus, SystemClock(), policy=RetryPolicy(deadline_s=0.3))

    async def serve(self) -> None:
        await self.bus.connect()
        await self.bus.serve(rpc_subject("order-management", "*"), self.front.doors.answer)

    async def ask(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any, dict[str, str]]:
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None:
            told.setdefault("Content-Type", "application/json")
        return await asyncio.to_thread(self._ask, method, path, body, told)

    def _ask(self, method: str, path: str, body: object, headers: dict[str, str]) -> tuple[int, Any, dict[str, str]]:
        payload = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.api.url + path, data=payload, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as reply:
                return reply.status, json.loads(reply.read()), dict(reply.headers)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read()), dict(error.headers)

    async def code(self, *asked: Any, **headers: str) -> tuple[int, str]:
        status, told, _ = await self.ask(*asked, **headers)
        return status, told.get("error", "")


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    office = Office(load_rules({"session_phase": False, "margin": False, "rate": {"order_burst": 1000}}))
    made = Door(Front(office, await office.leader()), tmp_path / "halts")
    await made.api.start()
    await made.serve()
    watching = asyncio.create_task(HaltWatch(made.box, made.front.leader, SystemClock()).run())
    yield made
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    await made.api.stop()
    await made.bus.close()
    await made.front.acting.stop()


async def test_limits_are_changed_by_whoever_saw_them_last(door: Door) -> None:
    status, told, headers = await door.ask("GET", "/risk/limits/account:A1")
    assert (status, told, headers["etag"]) == (200, {"scope": "account:A1", "limits": {}, "revision": 0}, '"0"')
    assert await door.code("PATCH", "/risk/limits/account:A1", CHANGE) == (428, "REVISION_REQUIRED")
    status, told, headers = await door.ask("PATCH", "/risk/limits/account:A1", CHANGE, If_Match='"0"', Idempotency_Key="c1")
    assert (status, told["limits"], told["who"], headers["etag"]) == (200, CHANGE["limits"], "risk", '"1"')
    assert await door.code("PATCH", "/risk/limits/account:A1", CHANGE, If_Match='"0"') == (412, "REVISION_CONFLICT")
    # Told again under its key it is the same change, whatever revision it saw.
    status, told, _ = await door.ask("PATCH", "/risk/limits/account:A1", CHANGE, If_Match='"0"', Idempotency_Key="c1")
    assert (status, told["revision"]) == (200, 1)
    assert await door.code("PATCH", "/risk/limits/global", CHANGE, If_Match="*", Idempotency_Key="c1") == (409, "DUPLICATE_ID")
    assert await door.front.code("buy", BUY | {"volume": 5}) == "QUANTITY_EXCEEDS_MAXIMUM"
    gone = CHANGE | {"limits": {"order_size": None}}
    status, told, _ = await door.ask("PATCH", "/risk/limits/account:A1", gone, If_Match="1")
    assert (status, told["limits"], told["revision"]) == (200, {}, 2)
    status, told, _ = await door.ask("GET", "/risk/limits")
    assert (status, told["configured"]["order_size"]["max_lots"], [each["scope"] for each in told["scopes"]]) == (
        200, 500, ["account:A1"],
    )  # fmt: skip
    status, told, _ = await door.ask("GET", "/risk/audit?after=1&limit=5")
    assert [(row["number"], row["action"], row["before"], row["after"]) for row in told["rows"]] == [
        (2, "set_limits", '{"order_size":{"max_lots":4}}', "{}"),
    ]  # fmt: skip
    assert told["total"] == 2


@pytest.mark.parametrize(
    ("path", "change", "code"),
    [
        ("everything", {}, "INVALID_REQUEST"),
        ("bot:a b", {}, "ID_NOT_VALID"),
        ("global", {"limits": {"nothing": {}}}, "INVALID_REQUEST"),
        ("global", {"limits": {"order_size": {"max_lots": -1}}}, "INVALID_REQUEST"),
        ("global", {"who": ""}, "INVALID_REQUEST"),
        ("global", {"reason": ""}, "INVALID_REQUEST"),
        ("global", {"more": 1}, "INVALID_REQUEST"),
        ("global", {"limits": 5}, "INVALID_REQUEST"),
    ],
)
async def test_bad_changes_are_refused(path: str, change: dict[str, Any], code: str, door: Door) -> None:
    path = f"/risk/limits/{path.replace(' ', '%20')}"
    assert await door.code("PATCH", path, CHANGE | change, If_Match="*") == (400, code)
    assert door.front.acting.desk.audit.total == 0


async def test_what_is_no_json_for_us_is_refused(door: Door) -> None:
    assert await door.code("POST", "/risk/halt", b"{", Content_Type="application/json") == (400, "INVALID_REQUEST")
    assert await door.code("POST", "/risk/halt", b"\xff\xfe", Content_Type="application/json") == (400, "INVALID_REQUEST")
    assert await door.code("POST", "/risk/halt", HALT, Content_Type="text/plain") == (400, "INVALID_REQUEST")
    assert await door.code("POST", "/risk/halt", b"x" * 70_000, Content_Type="application/json") == (413, "PAYLOAD_TOO_LARGE")
    assert await door.code("POST", "/risk/halt", HALT | {"who": ""}) == (400, "INVALID_REQUEST")
    assert await door.code("POST", "/risk/halt", HALT | {"state": "ACTIVE"}) == (400, "INVALID_REQUEST")
    assert await door.code("POST", "/risk/halt", HALT, Idempotency_Key="a b") == (400, "ID_NOT_VALID")
    assert await door.code("PATCH", "/risk/limits/global", CHANGE, If_Match="newest") == (400, "INVALID_REQUEST")
    assert await door.code("GET", "/risk/audit?limit=100000") == (400, "INVALID_REQUEST")
    assert await door.code("GET", "/risk/nothing") == (404, "NOT_FOUND")
    assert await door.code("DELETE", "/risk/halt") == (405, "METHOD_NOT_ALLOWED")
    assert await door.code("GET", "/risk/limits", Host="evil.example") == (403, "HOST_NOT_ALLOWED")
    assert door.box.pending() == []


async def test_an_evaluation_answers_and_leaves_no_trace(door: Door) -> None:
    question = {key: value for key, value in BUY.items() if key != "client_order_id"} | {"side": "BUY"}
    status, told, _ = await door.ask("POST", "/risk/evaluate", question)
    assert (status, told["allowed"]) == (200, True)
    status, told, _ = await door.ask("POST", "/risk/evaluate", question | {"volume": 100_000})
    assert (status, told["allowed"], told["reason"], told["rule"]) == (200, False, "VOLUME_NOT_VALID", "validity")
    assert door.front.acting.desk.register.orders == {}
    assert await door.code("POST", "/risk/evaluate", question | {"symbol": "XX"}) == (400, "INSTRUMENT_NOT_FOUND")


async def test_a_proposal_in_the_platforms_words_is_evaluated_too(door: Door) -> None:
    path = "/api/v1/risk/evaluate"
    proposal = {"bot_id": "b1", "account_id": "A1", "symbol": BUY["symbol"], "proposed_side": "buy", "proposed_qty": 1}
    priced = proposal | {"proposed_price": BUY["price"]}
    status, told, _ = await door.ask("POST", path, priced)
    assert (status, told["allowed"], told["reason"], bool(told["checked_at"])) == (200, True, "", True)
    status, told, _ = await door.ask("POST", path, priced | {"proposed_qty": 100_000})
    assert (status, told["allowed"], told["reason"]) == (200, False, "VOLUME_NOT_VALID")
    status, told, _ = await door.ask("POST", path, proposal)
    assert (status, "allowed" in told) == (200, True)
    halted = HALT | {"scope": "bot:b1"}
    assert (await door.ask("POST", "/risk/halt", halted))[0] == 200
    assert (await door.ask("POST", path, priced))[1]["reason"] == "TRADING_HALTED"
    for wrong in ({"proposed_side": "up"}, {"proposed_qty": "many"}, {"more": 1}, {"offset": "SIDEWAYS"}):
        assert await door.code("POST", path, priced | wrong) == (400, "INVALID_REQUEST")


async def test_a_scope_is_halted_once_and_resumed(door: Door) -> None:
    assert (await door.front.ask("buy", BUY))["success"]
    for _ in range(2):
        status, told, _ = await door.ask("POST", "/risk/halt", HALT, Idempotency_Key="h1")
        assert (status, told["persisted"], told["applied"], told["key"]) == (200, True, True, "h1")
    assert told["reply"]["checklist"]["state_set"]
    assert await door.code("POST", "/risk/halt", HALT | {"scope": "global"}, Idempotency_Key="h1") == (409, "DUPLICATE_ID")
    assert await door.front.code("buy", BUY | {"client_order_id": "c2"}) == "TRADING_HALTED"
    status, told, _ = await door.ask("GET", "/risk/limits")
    assert told["states"] == {"account:A1": "HALTED"}
    status, told, _ = await door.ask("POST", "/risk/resume", {"scope": "account:A1", "who": "risk", "reason": "over"})
    assert (status, told["state"]) == (200, "ACTIVE")
    assert (await door.front.ask("buy", BUY | {"client_order_id": "c3"}))["success"]
    _, told, _ = await door.ask("GET", "/risk/audit")
    assert [(row["before"], row["after"], row["key"]) for row in told["rows"]][:1] == [("ACTIVE", "HALTED", "h1")]
    assert told["total"] == 2


async def test_a_halt_holds_while_nobody_leads_and_is_carried_out_by_the_next(door: Door) -> None:
    door.leave()
    status, told, _ = await door.ask("POST", "/risk/halt", IN_VAIN, Idempotency_Key="h1")
    assert (status, told["persisted"], told["applied"]) == (202, True, False)
    assert [wish.scope for wish in door.box.pending()] == ["account:A1"]
    status, told, _ = await door.ask("GET", "/risk/halts")
    assert [(each["scope"], each["who"], each["key"]) for each in told["waiting"]] == [("account:A1", "risk", "h1")]
    resume = {"scope": "account:A1", "who": "risk", "reason": "over"}
    assert await door.code("POST", "/risk/resume", resume) == (409, "HALT_PENDING")
    assert await door.code("GET", "/risk/limits") == (503, "OUTCOME_UNKNOWN")
    door.front.active = True
    await until(lambda: not door.box.pending())
    assert await door.front.code("buy", BUY) == "TRADING_HALTED"
    assert (await door.ask("GET", "/risk/halts"))[1] == {"waiting": []}
    status, told, _ = await door.ask("POST", "/risk/halt", HALT, Idempotency_Key="h1")
    assert (status, told["applied"]) == (200, True)
    assert door.front.acting.desk.audit.total == 1


async def test_without_a_bus_a_leader_on_this_machine_is_reached_all_the_same(door: Door) -> None:
    await door.bus.close()
    assert (await door.front.ask("buy", BUY))["success"]
    status, told, _ = await door.ask("POST", "/risk/halt", HALT)
    assert (status, told["applied"], told["reply"]["checklist"]["still_working"]) == (200, True, [])
    assert await door.front.code("buy", BUY | {"client_order_id": "c2"}) == "TRADING_HALTED"


async def test_a_halt_that_nothing_keeps_is_not_said_to_be_kept(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(door.box, "put", full)
    status, told, _ = await door.ask("POST", "/risk/halt", HALT)
    assert (status, told["persisted"], told["applied"]) == (200, False, True)
    door.leave()
    assert await door.code("POST", "/risk/halt", IN_VAIN) == (503, "SERVICE_UNAVAILABLE")


def test_it_opens_on_this_machine_alone(tmp_path: Path) -> None:
    client = RiskClient(MemoryBus(MemoryHub()), HaltBox(tmp_path), SystemClock())
    for host in ("0.0.0.0", "::", "192.0.2.1", "example.org"):
        with pytest.raises(ConfigError):
            RiskApi(client, host=host, port=0, instance="risk-api-1")


async def test_its_health_is_that_of_its_door(door: Door) -> None:
    health = door.api.health()
    assert (health.ready, health.figures["url"]) == (True, door.api.url)
    assert (await door.ask("GET", "/healthz"))[:2] == (200, {"status": "ok", "version": health_version()})
    assert (await door.ask("GET", "/schema/openapi.json"))[1]["info"]["title"] == "tradepit risk"
    await door.api.stop()
    assert not door.api.health().ready


def health_version() -> str:
    from tradepit import __version__  # noqa: PLC0415 - for one test

    return __version__
