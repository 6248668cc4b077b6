"""COMPETE: algorithm orders spread over the workers, each run by one of them; what a killed worker left, another one finishes."""

import asyncio
from collections import defaultdict
from pathlib import Path

from nats.aio.msg import Msg
from tests.house_under_test import STANDBYS, HouseUnderTest, Json, settings_of, told

_ROLES = ("trading-gateway", "order-management", "market-data", "execution-algo")
_ALGOS = tuple(f"twap-{number}" for number in range(6))
_LOTS = 8


async def test_algorithms_are_shared_out_and_survive_their_worker(tmp_path: Path) -> None:
    async with HouseUnderTest(tmp_path, settings_of("A1"), only=_ROLES, later=STANDBYS) as house:
        await house.ready()
        progress, trades = await house.hear("algo.progress.*"), await house.hear("trades.executed")
        for name in _ALGOS:
            body = {"algo": "TWAP", "symbol": "IF2501", "volume": _LOTS, "duration": 12, "interval": 3, "algo_id": name}
            # The market may run away from the last slice: by this policy, and no other, every lot is traded in the end.
            body["end_policy"] = "COMPLETE_AGGRESSIVE"
            assert (await house.orders("algo_order", body))["status"] == "accepted"
            # Asked twice is asked once.
            assert (await house.orders("algo_order", body))["status"] == "accepted"

        async def all_begun() -> bool:
            return set(_workers(progress)) == set(_ALGOS)

        await house.until(all_begun, "a worker for every algorithm")
        first = _workers(progress)
        assert all(len(workers) == 1 for workers in first.values())
        shares = defaultdict(list)
        for name, workers in first.items():
            shares[workers[0]].append(name)
        assert len(shares) > 1, "one worker took everything"

        killed = max(shares, key=lambda worker: len(shares[worker]))
        await asyncio.sleep(1.0)
        assert house.kill(killed)

        async def ended() -> bool:
            standings = (await house.orders("algo_order", {"action": "status"})).get("algos", [])
            return len(standings) == len(_ALGOS) and all(each["ended"] for each in standings)

        await house.until(ended, "every algorithm to end")
        standings: list[Json] = (await house.orders("algo_order", {"action": "status"}))["algos"]
        assert {each["algo_id"]: (each["status"], each["filled"]) for each in standings} == dict.fromkeys(
            _ALGOS, ("FINISHED", _LOTS)
        )

        # The orphans went to others, under a newer claim.
        claims = _workers(progress)
        assert {name: claims[name][0] for name in _ALGOS} == {name: workers[0] for name, workers in first.items()}
        assert all(claims[name][-1] != killed for name in shares[killed])

        # Every lot once, whoever sent it.
        children = {name: await house.orders("algo_order", {"action": "children", "algo_id": name}) for name in _ALGOS}
        ids = [row["client_order_id"] for reply in children.values() for row in reply["orders"]]
        assert len(ids) == len(set(ids))
        assert {name: sum(row["traded"] for row in reply["orders"]) for name, reply in children.items()} == dict.fromkeys(
            _ALGOS, _LOTS
        )
        rows = {row["tradeid"] + row["direction"]: row for row in told(trades)}
        assert sum(row["volume"] for row in rows.values() if row["client_order_id"] in set(ids)) == _LOTS * len(_ALGOS)
        assert await house.venue_positions("A1") == [("A1", "IF2501", "BUY", _LOTS * len(_ALGOS), 0)]

        proof = await house.prove()
        assert proof.clean, proof.findings


def _workers(progress: list[Msg]) -> dict[str, list[str]]:
    """Who told of each algorithm, in the order of their claims."""
    claims: dict[str, dict[int, str]] = defaultdict(dict)
    for row in told(progress):
        claims[row["algo_id"]][row["epoch"]] = row["worker"]
    return {name: [held[epoch] for epoch in sorted(held)] for name, held in claims.items()}
