"""The bots' door: the document's metrics, liveness and readiness, and nothing secret."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from litestar.testing import AsyncTestClient
from prometheus_client.parser import text_string_to_metric_families
from tests.bot_house import BUYER, BotHouse
from tests.unit.conftest import StubExchange

from tradepit.backends.bus.memory import MemoryBus
from tradepit.bots.host_settings import HostSettings
from tradepit.services.bot_runner import BotRunner
from tradepit.web.bot_door import bot_door, make_app

SECRET = "hunter2-hunter2"
TALKER = (
    BUYER
    + """
    def health(self):
        return {"ok": True, "told": self.secrets["password"], "strange": object()}
"""
)


@pytest.fixture
async def house(bus: MemoryBus, exchange: StubExchange, tmp_path: Path) -> BotHouse:
    made = BotHouse(bus, exchange, tmp_path)
    made.environment["BOT_SECRETS"] = json.dumps({"password": SECRET})
    return made


@pytest.fixture
async def runner(house: BotHouse) -> AsyncIterator[BotRunner]:
    settings = HostSettings(max_consecutive_errors=2)
    made = await house.started(house.bot(TALKER), house.bot(name="bad", account="A2", params={"raises": True}), host=settings)
    await house.show(count=3)
    await house.until(lambda: made.seats["bad"].look.phase == "paused" and made.seats["buyer"].look.positions != {})
    yield made
    await made.stop()


async def test_the_documents_metrics(runner: BotRunner) -> None:
    async with AsyncTestClient(make_app(runner)) as client:
        reply = await client.get("/metrics")
    assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
    found = {
        (sample.name, sample.labels["bot_id"], sample.labels.get("side", sample.labels.get("le", ""))): sample.value
        for family in text_string_to_metric_families(reply.text)
        for sample in family.samples
    }
    assert found["bot_order_intents_total", "buyer", "BUY"] == 1
    assert found["bot_on_tick_exceptions_total", "bad", ""] == 2
    assert found["bot_tick_latency_ms_count", "buyer", ""] == found["bot_tick_latency_ms_bucket", "buyer", "+Inf"] == 3
    assert found["bot_tick_latency_ms_bucket", "bad", "300.0"] == 2
    assert (found["bot_heartbeat_ok", "buyer", ""], found["bot_running", "bad", ""]) == (1, 0)
    assert (found["bot_pnl_realized", "buyer", ""], found["bot_position_lots", "buyer", ""]) == (-1, 1)
    assert ("bot_pnl_unrealized", "buyer", "") in found


async def test_health_and_readiness_say_which_bot_and_why(runner: BotRunner, house: BotHouse) -> None:
    async with AsyncTestClient(make_app(runner)) as client:
        assert ((await client.get("/healthz")).status_code, (await client.get("/readyz")).status_code) == (200, 503)
        assert (await client.get("/readyz")).json() == {"ok": False, "reasons": {"bad": "paused"}}
        await house.command("bad", type="RELOAD", config={"raises": False})
        await house.until(lambda: runner.seats["bad"].look.phase == "running")
        assert (await client.get("/readyz")).json() == {"ok": True, "reasons": {}}
        assert (await client.get("/nothing")).json()["error"] == "NOT_FOUND"
        assert (await client.post("/metrics")).status_code == 405


async def test_bots_tell_of_themselves_and_no_secrets(runner: BotRunner) -> None:
    async with AsyncTestClient(make_app(runner)) as client:
        told = (await client.get("/bots")).json()
    assert [row["bot_id"] for row in told] == ["buyer", "bad"]
    assert told[0]["health"]["bot"]["told"] == "•••"
    assert "object object" in told[0]["health"]["bot"]["strange"]
    assert SECRET not in json.dumps(told)


async def test_the_door_opens_and_closes(runner: BotRunner) -> None:
    door = bot_door(runner, "127.0.0.1", 0)
    await door.start()
    assert door.url.startswith("http://127.0.0.1:")
    await door.stop()
