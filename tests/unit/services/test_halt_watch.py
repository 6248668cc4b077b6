"""Halts from the box: carried out by whoever leads, before another order passes, once, and kept while nobody does."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.order_path import Office, an_intent
from tests.unit.runtime.test_halt_box import wish
from tests.waiting import settle, until

from tradepit.runtime.clock import SystemClock
from tradepit.runtime.halt_box import HaltBox
from tradepit.services.halt_watch import HaltWatch
from tradepit.services.order_leader import OrderLeader
from tradepit.trading.model.errors import NotActive, RiskRefused
from tradepit.trading.model.terms import TradingState
from tradepit.trading.orders import events as facts
from tradepit.trading.risk.rules import load_rules
from tradepit.wire.simulator import StateRequest


class Desk:
    """An office whose leader may be away, a box, and a watch on it."""

    def __init__(self, folder: Path) -> None:
        self.office = Office(load_rules({"session_phase": False, "margin": False}))
        self.box = HaltBox(folder)
        self.leader: OrderLeader | None = None
        self.watch = HaltWatch(self.box, self.acting, SystemClock())

    def acting(self) -> OrderLeader:
        if self.leader is None:
            raise NotActive
        return self.leader

    def states(self) -> list[tuple[str, TradingState]]:
        return [(fact.scope, fact.state) for fact in self.office.journaled() if isinstance(fact, facts.StateSet)]

    async def refusal(self, number: int) -> str:
        with pytest.raises(RiskRefused) as refused:
            await self.acting().submit(an_intent(number))
        return refused.value.reason_code


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    desk = Desk(tmp_path / "halts")
    watching = asyncio.create_task(desk.watch.run())
    yield desk
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    if desk.leader is not None:
        await desk.leader.stop()


async def answered(desk: Desk, key: str) -> None:
    await until(lambda: desk.box.answered(key) is not None, f"{key} answered")


async def test_a_halt_is_journaled_carried_out_and_answered(desk: Desk) -> None:
    desk.leader = await desk.office.leader()
    await desk.leader.submit(an_intent(1))
    desk.box.put(wish("k1"), 1)
    await answered(desk, "k1")
    told = desk.box.answered("k1")
    assert told is not None
    assert (told.checklist.state_set, told.checklist.cancelled, told.checklist.still_working) == (True, 1, [])
    assert desk.states() == [("global", TradingState.HALTED)]
    assert await desk.refusal(2) == "TRADING_HALTED"
    assert desk.box.pending() == []
    assert desk.watch.carried_out == 1


async def test_while_nobody_leads_it_waits_and_the_next_leader_is_fenced_before_it_serves(desk: Desk) -> None:
    desk.box.put(wish("k1", "account:A1"), 1)
    await asyncio.sleep(0.1)
    assert [each.key for each in desk.box.pending()] == ["k1"]
    leader = await desk.office.leader()
    await desk.watch.fence(leader)
    assert desk.states() == [("account:A1", TradingState.HALTED)]
    # Not answered yet: that is the watch's, once the doors are open.
    assert [each.key for each in desk.box.pending()] == ["k1"]
    desk.leader = leader
    assert await desk.refusal(1) == "TRADING_HALTED"
    await answered(desk, "k1")
    assert desk.states() == [("account:A1", TradingState.HALTED)]


async def test_what_another_leader_journaled_is_not_journaled_again(desk: Desk) -> None:
    first = await desk.office.leader()
    desk.box.put(wish("k1"), 1)
    await desk.watch.fence(first)
    await first.stop()
    desk.leader = await desk.office.leader()
    await answered(desk, "k1")
    assert desk.states() == [("global", TradingState.HALTED)]
    [row] = desk.leader.desk.audit.rows
    assert (row.action, row.scope, row.before, row.after, row.who, row.key) == (
        "set_state", "global", "ACTIVE", "HALTED", "me", "k1",
    )  # fmt: skip


async def test_a_wish_to_resume_is_carried_out_by_who_leads_and_by_nobody_who_takes_over(desk: Desk) -> None:
    resume = StateRequest(scope="global", state="ACTIVE", who="me", reason="over", key="r1")
    leader = await desk.office.leader()
    await leader.set_state("global", TradingState.HALTED, "me", "x")
    desk.box.put(resume, 1)
    await desk.watch.fence(leader)
    assert leader.desk.exposure.states == {"global": TradingState.HALTED}
    desk.leader = leader
    await answered(desk, "r1")
    assert leader.desk.exposure.states == {}


async def test_a_halt_without_meaning_stands_in_no_ones_way(desk: Desk) -> None:
    desk.leader = await desk.office.leader()
    desk.box.put(StateRequest(scope="everything", state="HALTED", key="odd"), 1)
    desk.box.put(wish("k1"), 2)
    await answered(desk, "k1")
    assert desk.box.pending() == []
    assert desk.box.answered("odd") is None
    await desk.watch.fence(desk.leader)


async def test_a_journal_that_is_away_keeps_the_halt_in_the_box(desk: Desk) -> None:
    desk.leader = await desk.office.leader()
    writer = desk.office.writer
    assert writer is not None
    writer.fenced = True
    desk.box.put(wish("k1"), 1)
    await asyncio.sleep(0.1)
    assert [each.key for each in desk.box.pending()] == ["k1"]
    writer.fenced = False
    await answered(desk, "k1")


async def test_a_box_that_cannot_be_read_keeps_anybody_from_leading(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> list[StateRequest]:
        raise OSError("no such device")

    leader = await desk.office.leader()
    monkeypatch.setattr(desk.box, "pending", broken)
    with pytest.raises(OSError, match="no such device"):
        await desk.watch.fence(leader)
    with contextlib.suppress(NotActive):
        await leader.stop()
    await settle()
    await until(lambda: desk.watch.carried_out == 0)
