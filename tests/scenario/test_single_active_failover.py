"""Three order managers, one active: its death under load costs no order, doubles none, and its successor knows everything."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from tests.house_under_test import (
    ORDER_MANAGERS,
    REFUSALS_IN_DOUBT,
    SYMBOL,
    HouseUnderTest,
    Json,
    in_calm_office,
    load_of,
    refusals,
    settings_of,
)


async def test_a_killed_leader_is_followed_by_another(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    settings = settings_of("A1", "B1")
    async with HouseUnderTest(tmp_path, settings, only=("trading-gateway", "order-management", "market-data")) as house:
        await house.ready()
        resting = await house.order("buy", 4300, 7, client_order_id="before")
        assert (resting["status"], resting["order_status"]) == ("submitted", "OPEN")

        await house.one_leads()
        first = await house.leader()
        async with load_of(house, 60) as replies:
            await asyncio.sleep(0.5)
            assert house.kill(first)
            killed = time.monotonic()
            after = await house.order("buy", 4300, 1, client_order_id="after")
            record_property("failover_s", round(time.monotonic() - killed, 3))
            assert after["status"] == "submitted"
            before = len(replies)
            await house.until(lambda: _are_more_than(replies, before + 20), "orders to be answered")
        assert refusals(replies) <= REFUSALS_IN_DOUBT

        second = await house.leader()
        assert second != first
        known = (await house.orders("orders", {"account": "A1", "client_order_id": "before"}))["orders"]
        assert [(row["orderid"], row["volume"], row["status"]) for row in known] == [(resting["orderid"], 7, "PENDING")]
        again = await house.order("buy", 4300, 7, client_order_id="before")
        assert again["orderid"] == resting["orderid"]

        await house.ready()
        await house.one_leads()
        await house.settled()
        proof = await house.prove()
        assert proof.clean, proof.findings
        assert proof.duplicated == proof.lost == 0


async def _are_more_than(replies: list[Json], count: int) -> bool:
    return len(replies) > count


async def test_a_standby_says_that_it_is_not_active(tmp_path: Path) -> None:
    async with HouseUnderTest(tmp_path, in_calm_office(settings_of("A1")), only=("trading-gateway", "order-management")) as house:
        await house.ready()
        leader = await house.leader()
        for instance in set(ORDER_MANAGERS) - {leader}:
            for method in ("buy", "sell", "cancel", "algo_order", "orders", "positions", "account", "set_state"):
                reply = await house.ask(instance, method, {"symbol": SYMBOL, "price": 4500, "volume": 1})
                assert (reply["success"], reply["error"]) == (False, "NOT_ACTIVE"), method
            assert (await house.ask(instance))["status"] == "STANDBY"
        reply = await house.ask(leader, "buy", {"symbol": SYMBOL, "price": 4400, "volume": 1})
        assert reply["status"] == "submitted"
        assert (await house.prove()).clean
