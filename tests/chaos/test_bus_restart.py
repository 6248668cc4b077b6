"""kill -9 for the NATS server in mid-load, and a new one on the same store: nothing is lost and nobody stays deaf."""

import asyncio
import json
from pathlib import Path

from nats.aio.msg import Msg
from tests.house_under_test import REFUSALS_IN_DOUBT, ROLES, HouseUnderTest, load_of, refusals, settings_of

from tradepit.config import AgentSettings
from tradepit.services.trading_agents import AgentRow

_RESTARTS = 3
_DOWN_S = (0.0, 0.3, 1.0)
_AGENTS = AgentSettings(
    rows=(AgentRow(kind="market_maker", name="MM", account="MM1", symbol="IC2501"),), orders_per_s=10.0, seed=1
)


async def test_the_house_outlives_its_bus(tmp_path: Path) -> None:
    settings = settings_of("A1", "B1", profile="pit", agents=_AGENTS)
    async with HouseUnderTest(tmp_path, settings, only=ROLES) as house:
        await house.ready()
        everybody = {name for member in house.house.members.values() for name in member.instances}
        pids = {name: _pid(house, name) for name in house.house.members}
        beats, ticks = await house.hear("internal.heartbeat.*"), await house.hear("market.tick.IF2501")
        async with load_of(house, 40) as replies:
            for down_s in _DOWN_S:
                await asyncio.sleep(1.0)
                await asyncio.to_thread(house.house.server.kill)
                await asyncio.sleep(down_s)
                await asyncio.to_thread(house.house.server.start)
                beats.clear()
                ticks.clear()
                await house.until(lambda: _heard_from(beats, everybody), "a sign of life from everybody")
                await house.until(lambda: _some(ticks), "ticks")
        assert len(replies) > 50
        assert refusals(replies) <= REFUSALS_IN_DOUBT

        # Nobody had to be started again, and everybody works: orders, an algorithm, the recorder, trackers and monitors.
        assert house.house.revive() == []
        assert {name: _pid(house, name) for name in house.house.members} == pids
        body = {"algo": "TWAP", "symbol": "IF2501", "volume": 2, "duration": 6, "interval": 3, "algo_id": "after"}
        assert (await house.orders("algo_order", body))["status"] == "accepted"
        recorded = await _recorded(house, beats)

        async def done() -> bool:
            reply = await house.orders("algo_order", {"action": "status", "algo_id": "after"})
            return reply.get("status") == "FINISHED" and await _recorded(house, beats) > recorded

        await house.until(done, "an algorithm to run and ticks to be recorded")
        house.house.members[house.house.process_of("trading-agents-1")].expected = False
        house.kill("trading-agents-1")
        await house.settled()
        await house.keepers_agree("A1", "B1", "MM1")
        proof = await house.prove()
        assert proof.clean, proof.findings


def _pid(house: HouseUnderTest, name: str) -> int:
    process = house.house.members[name].process
    assert process is not None
    return process.pid


async def _heard_from(beats: list[Msg], everybody: set[str]) -> bool:
    return everybody <= {json.loads(beat.data)["instanceId"] for beat in beats}


async def _some(heard: list[Msg]) -> bool:
    return bool(heard)


async def _recorded(house: HouseUnderTest, beats: list[Msg]) -> int:
    """The recorder's own count, from its last sign of life."""
    rows = [json.loads(beat.data) for beat in beats]
    return max((row["metadata"].get("ticks", 0) for row in rows if row["instanceId"] == "market-recorder-1"), default=0)
