"""Orders on their way to the broker: who waits for one is told, whoever goes away and however the term ends."""

import asyncio

import pytest
from tests.order_path import Office, an_intent
from tests.waiting import settle, until

from tradepit.trading.model.errors import OutcomeUnknown

C1 = ("A1", "c1")


async def test_what_is_not_under_way_is_joined_at_once_and_has_no_answer() -> None:
    leader = await Office().leader()
    await leader.sending.join(C1)
    await leader.sending.drain(1.0)
    with pytest.raises(KeyError):
        leader.sending.of(C1)
    await leader.stop()


async def test_who_waits_is_told_what_drain_does_not_wait_for() -> None:
    office = Office()
    leader = await office.leader()
    held = office.broker.hold["submit"] = asyncio.Event()
    asked = [asyncio.ensure_future(leader.submit(an_intent())) for _ in range(2)]
    await until(lambda: office.broker.count("submit") == 1)
    joined = asyncio.ensure_future(leader.sending.join(C1))
    await leader.sending.drain(0.0)
    assert (C1 in leader.sending, len(leader.sending), joined.done()) == (True, 1, False)
    asked[0].cancel()
    held.set()
    assert (await asked[1]).order_id == "V1"
    await joined
    assert len(leader.sending) == 0
    await leader.stop()


async def test_after_a_stop_nothing_is_sent_and_what_was_under_way_is_unknown() -> None:
    office = Office()
    leader = await office.leader()
    office.broker.hold["submit"] = asyncio.Event()
    first = asyncio.ensure_future(leader.submit(an_intent(1)))
    await until(lambda: office.broker.count("submit") == 1)
    approved, _ = leader.desk.decide(an_intent(2), office.clock.now_ns(), leader.epoch)
    assert approved is not None
    written: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    late = leader.sending.send(approved, written)
    await leader.sending.stop()
    written.set_result(1)
    for asked in (first, late):
        with pytest.raises(OutcomeUnknown):
            await asked
    office.broker.hold["submit"].set()
    await settle()
    assert (office.broker.count("submit"), sum(office.venue.arrivals.values())) == (1, 0)
    await leader.stop()
