"""The exchange's fault seam, each kind alone and every pair, under load: whatever gets lost on the way, no order does."""

import asyncio
from itertools import combinations
from pathlib import Path

from tests.house_under_test import REFUSALS_IN_DOUBT, HouseUnderTest, Json, load_of, refusals, settings_of

_ROLES = ("trading-gateway", "order-management", "market-data", "position-tracker")
_KINDS: dict[str, Json] = {
    "lose_ack": {"lose_ack": {"count": 2}},
    "delay_ack": {"delay_ack": {"probability": 0.2}, "delay_ms": 1200},
    "duplicate": {"duplicate": {"probability": 0.5}},
    "reorder": {"reorder": {"probability": 0.5, "count": 1}},
    "disconnect": {"disconnect": {"count": 1}, "disconnect_ms": 250},
    "rate_limit": {"rate_limit": {"probability": 0.2, "count": 1}},
}
_PLANS = [*((kind,) for kind in _KINDS), *combinations(_KINDS, 2)]


async def test_every_fault_and_every_pair_of_faults(tmp_path: Path) -> None:
    async with HouseUnderTest(tmp_path, settings_of("A1", "B1"), only=_ROLES) as house:
        await house.ready()
        doubted = 0
        for number, kinds in enumerate(_PLANS):
            plan: Json = {"seed": number}
            for kind in kinds:
                plan |= _KINDS[kind]
            reply = await house.rpc("rpc.trading-gateway.faults", {"plan": plan})
            assert not reply.get("error"), reply
            async with load_of(house, 60) as replies:
                doubted = max(doubted, await _watch(house, set(kinds)))
            assert refusals(replies) <= REFUSALS_IN_DOUBT | {"ORDER_FREQ_LIMIT"}, kinds
            await house.rpc("rpc.trading-gateway.faults", {"plan": {}})
            await house.settled()
        assert doubted > 0
        await house.keepers_agree("A1", "B1")
        proof = await house.prove()
        assert proof.clean, proof.findings


async def _watch(house: HouseUnderTest, kinds: set[str]) -> int:
    """Until every kind of the plan has struck; the most orders seen in doubt meanwhile."""
    doubted = 0

    async def all_struck() -> bool:
        nonlocal doubted
        doubted = max(doubted, (await house.figures()).get("in_doubt", 0))
        struck = (await house.rpc("rpc.trading-gateway.faults", {})).get("injected", {})
        return kinds <= {kind for kind, count in struck.items() if count}

    await house.until(all_struck, f"{kinds} to strike")
    await asyncio.sleep(0.3)
    return doubted
