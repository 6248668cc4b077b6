"""Limits set at run time and a kill switch, from outside: journaled, told, and kept by whoever leads after a kill -9."""

from pathlib import Path

from tests.house_under_test import SYMBOL, HouseUnderTest, in_calm_office, settings_of
from tests.patience import PATIENCE_S

LIMITS = {"scope": "account:A1", "limits": {"order_size": {"max_lots": 5}}, "who": "risk", "reason": "a new account"}
KILL = {"scope": "account:A1", "state": "HALTED", "who": "risk", "reason": "enough", "flatten": True, "wait_ms": 10_000}


async def test_limits_and_a_kill_outlive_the_leader(tmp_path: Path) -> None:
    async with HouseUnderTest(
        tmp_path, in_calm_office(settings_of("A1", "B1")), only=("trading-gateway", "order-management")
    ) as house:
        await house.ready()
        assert (await house.order("buy", 4300, 6, client_order_id="free"))["success"]
        told = (await house.orders("set_limits", LIMITS))["scopes"]
        assert house.kill(await house.leader())
        refused = await house.order("buy", 4300, 6, client_order_id="limited")
        assert (refused["error"], refused["details"]["limit"]) == ("QUANTITY_EXCEEDS_MAXIMUM", "5")
        assert (await house.orders("get_limits", {}))["scopes"] == told
        question = {"symbol": SYMBOL, "price": 4300, "side": "BUY", "account": "A1"}
        for volume, allowed in ((5, True), (6, False)):
            assert (await house.orders("evaluate", question | {"volume": volume}))["allowed"] is allowed
        assert (await house.order("sell", 4500, 5, account="B1", client_order_id="offer"))["success"]
        assert (await house.order("buy", 4500, 5, client_order_id="long"))["success"]
        assert (await house.order("buy", 4490, 9, account="B1", client_order_id="bid"))["success"]
        await house.settled()

        done = (await house.orders("set_state", KILL, timeout_s=PATIENCE_S))["checklist"]
        assert (done["state_set"], done["orders_found"], done["cancelled"], done["still_working"]) == (True, 1, 1, [])
        assert (done["closing_orders"], done["flatten_refused"]) == (1, [])
        await house.ready()
        assert house.kill(await house.leader())
        halted = await house.order("buy", 4300, 1, client_order_id="halted")
        assert halted["error"] == "TRADING_HALTED"
        # The exchange's word, not the checklist's: the account is flat, and nothing of it works.
        assert (await house.orders("positions", {"account": "A1"}))["positions"] == []
        assert (await house.orders("orders", {"account": "A1", "active": True}))["orders"] == []
        assert (await house.orders("set_state", {"scope": "account:A1", "state": "ACTIVE", "who": "risk"}))["success"]
        assert (await house.order("buy", 4300, 1, client_order_id="again"))["success"]
        await house.settled()
        assert (await house.prove()).clean
