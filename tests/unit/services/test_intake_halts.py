"""The kill switch of the broker connect, which has no door on the bus: halts from the folder stop its orders, whoever begins anew."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.tq_house import PORTFOLIO, TqHouse, eventually
from tests.unit.runtime.test_halt_box import wish

from tradepit.backends.bus.memory import MemoryBus, MemoryHub
from tradepit.profiles import tq as profile
from tradepit.runtime.clock import SystemClock
from tradepit.runtime.halt_box import HaltBox
from tradepit.runtime.order_client import RetryPolicy
from tradepit.runtime.risk_client import RiskClient
from tradepit.trading.model.errors import OutcomeUnknown
from tradepit.wire import tq
from tradepit.wire.simulator import StateRequest


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[TqHouse]:
    made = TqHouse(profile.ROLES, tq.contract(PORTFOLIO))
    made.halts = HaltBox(tmp_path / "halts")
    await made.start()
    yield made
    await made.stop()


def box_of(house: TqHouse) -> HaltBox:
    assert house.halts is not None
    return house.halts


def refused(house: TqHouse, order_id: str) -> list[str]:
    return [str(told) for told in house.updates if told["order_id"] == order_id and told["event_type"] == tq.REJECTED]


async def test_a_halt_cancels_what_works_and_refuses_what_comes(house: TqHouse) -> None:
    box = box_of(house)
    await house.submit("o1", limit_price=3400.0)
    await eventually(lambda: house.rows.kinds("o1"), "o1 is known")
    box.put(wish("k1"), 1)
    await eventually(lambda: box.answered("k1") is not None, "the halt is carried out")
    reply = box.answered("k1")
    assert reply is not None
    assert (reply.checklist.orders_found, reply.checklist.still_working) == (1, [])
    await house.submit("o2")
    await eventually(lambda: any("TRADING_HALTED" in told for told in refused(house, "o2")), "o2 is refused")

    # Killed and begun anew it is halted still; what was halted meanwhile is known before the first request.
    await house.crash(tq.ORDER_SUBMITTER)
    client = RiskClient(MemoryBus(MemoryHub()), box, SystemClock(), policy=RetryPolicy(deadline_s=0.1))
    with pytest.raises(OutcomeUnknown):
        await client.resume("global", who="me", reason="nobody is there")
    assert box.pending() == []
    box.put(wish("k2", "symbol:rb2505"), 2)
    await house.submit("o3")
    await house.start_one(tq.ORDER_SUBMITTER, f"{tq.ORDER_SUBMITTER}-1")
    await eventually(lambda: any("TRADING_HALTED" in told for told in refused(house, "o3")), "o3 is refused")
    await eventually(lambda: box.answered("k2") is not None, "the second halt is carried out")

    # Nothing of it is closed: the account may hold what was bought elsewhere.
    box.put(StateRequest(scope="global", state="HALTED", who="me", reason="x", flatten=True, key="k3", wait_ms=100), 3)
    await eventually(lambda: box.answered("k3") is not None, "the third halt is carried out")
    flat = box.answered("k3")
    assert flat is not None
    assert flat.checklist.flatten_refused == ["global: what is held is not known here"]

    patient = RiskClient(MemoryBus(MemoryHub()), box, SystemClock())
    for scope in ("global", "symbol:rb2505"):
        assert (await patient.resume(scope, who="me", reason="over"))["state"] == "ACTIVE"
    await house.submit("o4", limit_price=3400.0)
    await eventually(lambda: house.rows.kinds("o4"), "o4 is known")
    assert not refused(house, "o4")
    assert house.failures == []
