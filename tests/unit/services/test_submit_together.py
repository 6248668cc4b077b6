"""Orders that are parts of one: one entry in the journal, all or none, told twice as once."""

import asyncio

import pytest
from tests.order_path import Office, an_intent, lost
from tests.waiting import until

from tradepit.runtime.eager import Started
from tradepit.trading.model.errors import DuplicateId, OutcomeUnknown, RiskRefused
from tradepit.trading.model.terms import OrderStatus


async def test_parts_share_an_entry_and_are_all_sent() -> None:
    office = Office()
    leader = await office.leader()
    parts = [an_intent(1), an_intent(2, lots=2)]
    entries = len(office.store.entries)
    orders = await leader.submit_together(parts)
    assert [order.status for order in orders] == [OrderStatus.OPEN, OrderStatus.OPEN]
    accepted = [entry for entry in office.store.entries[entries:] if b"order_accepted" in b"".join(entry.records)]
    assert len(accepted) == 1
    assert [order.intent for order in await leader.submit_together(parts)] == parts
    assert set(office.venue.arrivals.values()) == {1}
    with pytest.raises(DuplicateId):
        await leader.submit_together([an_intent(1, lots=1)])
    await leader.stop()


async def test_what_is_journaled_is_under_way_before_anybody_else_has_a_turn() -> None:
    """Else the resolver, when its turn comes in between, gives up as never sent what is about to be sent."""
    office = Office()
    leader = await office.leader()
    held = office.broker.hold["submit"] = asyncio.Event()
    parts = [an_intent(1), an_intent(2)]
    begun = Started(leader.submit_together(parts))
    assert [order.status for order in leader.desk.register.in_doubt.values()] == [OrderStatus.SENDING] * 2
    assert all((part.account, part.client_order_id) in leader.sending for part in parts)
    held.set()
    assert [order.status for order in await begun.task] == [OrderStatus.OPEN] * 2
    await leader.stop()


async def test_one_parts_refusal_refuses_all() -> None:
    office = Office()
    leader = await office.leader()
    with pytest.raises(RiskRefused):
        await leader.submit_together([an_intent(1), an_intent(2, lots=11)])
    assert office.venue.orders == {}
    assert office.kinds("c1") == []
    await leader.stop()


async def test_a_part_whose_answer_is_lost_does_not_keep_the_others() -> None:
    office = Office()
    leader = await office.leader()
    office.broker.late["submit"] = lost()
    with pytest.raises(OutcomeUnknown):
        await leader.submit_together([an_intent(1), an_intent(2)])
    assert len(office.venue.orders) == 2
    await until(lambda: not leader.desk.register.in_doubt)
    assert set(office.venue.arrivals.values()) == {1}
    await leader.stop()
