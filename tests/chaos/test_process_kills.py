"""kill -9 for every kind of process at random moments under load: the house comes back each time and accounts for every order."""

import asyncio
import random
from collections import Counter
from pathlib import Path

import pytest
from tests.house_under_test import REFUSALS_IN_DOUBT, ROLES, HouseUnderTest, load_of, refusals, settings_of

from tradepit.config import AgentSettings
from tradepit.services.trading_agents import AgentRow

_KILLS = 20
_LONGEST_PAUSE_S = 1.2
_AGENTS = AgentSettings(
    rows=(AgentRow(kind="market_maker", name="MM", account="MM1", symbol="IC2501"),), orders_per_s=10.0, seed=1
)


@pytest.mark.parametrize("seed", [1, 2])
async def test_whatever_is_killed_nothing_is_lost(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    settings = settings_of("A1", "B1", profile="pit", agents=_AGENTS)
    async with HouseUnderTest(tmp_path, settings, only=ROLES) as house:
        await house.ready()
        body = {"algo": "TWAP", "symbol": "IF2501", "volume": 30, "duration": 30, "interval": 3, "algo_id": "twap"}
        assert (await house.orders("algo_order", body))["status"] == "accepted"
        processes = sorted(house.house.members)
        # Every process at least once, in a random order; the exchange and the order managers, where the state is, more often.
        victims = processes + chance.choices(["exchange", "orders-1", "orders-2", "orders-3"], k=_KILLS - len(processes))
        chance.shuffle(victims)
        killed: Counter[str] = Counter()
        async with load_of(house, 30) as replies:
            for victim in victims:
                await asyncio.sleep(chance.uniform(0.05, _LONGEST_PAUSE_S))
                house.house.revive()
                killed[victim] += bool(house.kill(house.house.members[victim].instances[0]))
        await _recover(house)

        assert set(killed) == set(processes)
        assert sum(killed.values()) > len(processes)
        assert refusals(replies) <= REFUSALS_IN_DOUBT
        standing = await house.orders("algo_order", {"action": "status", "algo_id": "twap"})
        assert standing["ended"]
        assert standing["filled"] <= 30

        await house.keepers_agree("A1", "B1", "MM1")
        proof = await house.prove()
        assert proof.clean, proof.findings
        assert proof.intents > len(replies)


async def _recover(house: HouseUnderTest) -> None:
    """Full strength: every process runs, nothing is in doubt, the algorithm has come to its end."""
    await house.ready()
    await house.settled()

    async def ended() -> bool:
        reply = await house.orders("algo_order", {"action": "status", "algo_id": "twap"})
        return bool(reply.get("ended"))

    await house.until(ended, "the algorithm to end")
    member = house.house.members[house.house.process_of("trading-agents-1")]
    member.expected = False
    house.kill("trading-agents-1")
    await house.settled()
