"""Telling in groups: in the journal's order, alerts first, nothing left out by a bus that goes away, refusals given back to who told them."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from tests.order_path import Office, an_intent
from tests.waiting import settle, until

from tradepit.backends.bus.memory import MemoryBus, MemoryHub
from tradepit.backends.journal.memory import MemoryJournal
from tradepit.ports.bus import Message, Outgoing
from tradepit.services import order_events
from tradepit.services.order_events import OrderEvents
from tradepit.trading.model.errors import JournalCorrupted, TimedOut, Unavailable
from tradepit.trading.risk.rules import load_rules
from tradepit.wire import platform as wire
from tradepit.wire.tq import DETAIL_HEADER


class Flaky(MemoryBus):
    """A bus that keeps only ``keeps`` of the messages it is given when it is about to fail; notes what comes together."""

    def __init__(self) -> None:
        super().__init__(MemoryHub(), channels=(*wire.CHANNELS,))
        self.fails, self.keeps = 0, 0
        self.groups: list[list[str]] = []

    async def publish_all(self, messages: Sequence[Outgoing]) -> None:
        self.groups.append([message.subject for message in messages])
        if self.fails:
            self.fails -= 1
            await super().publish_all(messages[: self.keeps])
            raise TimedOut("no answer")
        await super().publish_all(messages)


class Room:
    def __init__(self) -> None:
        self.office = Office(load_rules({"session_phase": False, "margin": False}))
        self.bus = Flaky()
        self.heard: list[dict[str, Any]] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def events(self) -> OrderEvents:
        made = OrderEvents(MemoryJournal(self.office.store), self.bus, self.office.clock)
        await made.open()
        self.tasks = [asyncio.create_task(made.follow()), asyncio.create_task(made.tell())]
        return made

    async def stop(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def hear(self, message: Message) -> None:
        told = json.loads(message.payload) if message.payload.startswith(b"{") else {}
        self.heard.append({"subject": message.subject, "headers": dict(message.headers), **told})

    def places(self) -> list[str]:
        return [told["correlation_id"] for told in self.heard if "orders.event" in told["subject"]]


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    made = Room()
    await made.bus.connect()
    for channel in (wire.ORDER_EVENTS, wire.RISK_ALERTS):
        await made.bus.subscribe(channel, made.hear)
    yield made
    await made.stop()
    await made.bus.close()


async def trade(room: Room, count: int) -> None:
    leader = await room.office.leader()
    for number in range(count):
        lots = 600 if number % 5 == 4 else 1
        await asyncio.gather(
            leader.submit(an_intent(number, lots=lots, bot=f"b{number % 2}", sequence=number + 1)), return_exceptions=True
        )
    await leader.stop()


def in_order(places: list[str]) -> bool:
    numbers = [tuple(int(part) for part in place.split("-")[:2]) for place in places]
    return numbers == sorted(numbers)


async def test_what_piled_up_is_told_together_in_order_and_alerts_first(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order_events, "_TOGETHER", 16)
    await trade(room, 30)
    events = await room.events()
    await until(lambda: len(room.places()) == 30)
    assert in_order(room.places())
    assert len(set(room.places())) == 30
    assert len(room.bus.groups) < 12
    kinds = ["alert" if "alerts" in group[0] else "event" for group in room.bus.groups]
    assert all(len({subject.split(".")[1] for subject in group}) == 1 for group in room.bus.groups)
    assert kinds[:2] == ["alert", "event"]
    assert all(told["headers"][wire.KEY_HEADER] == told["account_id"] == "A1" for told in room.heard)
    assert (events.entry, events.published) == (len(room.office.store.entries), len(room.heard))


@pytest.mark.parametrize("keeps", [0, 3, 999])
async def test_a_bus_that_goes_away_leaves_nothing_out_and_doubles_nothing(keeps: int, room: Room) -> None:
    await trade(room, 12)
    room.bus.fails, room.bus.keeps = 50, keeps
    events = await room.events()
    await until(lambda: bool(events.problem))
    assert "TIMEOUT" in events.problem
    await until(lambda: len(room.places()) == 12)
    assert in_order(room.places())
    assert events.problem == ""
    assert events.entry == len(room.office.store.entries)


async def test_a_refusal_stands_behind_what_was_told_before_it_and_goes_back_when_the_bus_is_away(room: Room) -> None:
    await trade(room, 3)
    events = await room.events()
    await until(lambda: len(room.places()) == 3)
    refused = wire.OrderRejection(intent_id="i1", reason="INVALID_REQUEST")
    await events.refuse("A1", "b1", refused, "no such thing\n")
    await events.refuse("A1", "b1", wire.OrderRejection(intent_id="i0", reason="INVALID_REQUEST"))
    await settle()
    last, _ = room.heard[-2:]
    assert last["rejection"]["reason"] == "INVALID_REQUEST"
    assert last["headers"][DETAIL_HEADER].strip() == "no such thing"
    # Receivers keep one of each: two refusals behind one event are two.
    assert room.places()[3:] == [f"{room.places()[2]}-refused-{name}" for name in ("i1", "i0")]
    room.bus.fails = 1
    with pytest.raises(Unavailable):
        await events.refuse("A1", "b1", wire.OrderRejection(intent_id="i2", reason="INVALID_REQUEST"))
    assert events.outcomes.rejected["INVALID_REQUEST"] == 2
    # A restart goes on behind the refusal: nothing is told again.
    await room.stop()
    heard = len(room.heard)
    await room.events()
    await settle(300)
    assert len(room.heard) == heard


@pytest.mark.parametrize("body", [b"rubbish", b"{}", b'{"ack": {"intent_id": "i"}, "bot_id": "b1", "account_id": "A1"}'])
async def test_a_last_event_that_is_none_of_ours_keeps_nobody_from_working(room: Room, body: bytes) -> None:
    await trade(room, 3)
    events = await room.events()
    await until(lambda: len(room.places()) == 3)
    await room.stop()
    # A bus that remembers no ids any more, as one that was started again long after.
    room.bus = Flaky()
    await room.bus.connect()
    await room.bus.publish("orders.event.account.A1.b1", body)
    await room.bus.subscribe(wire.ORDER_EVENTS, room.hear)
    await settle()
    room.heard.clear()
    events = await room.events()
    await until(lambda: len(room.places()) == 3)
    assert in_order(room.places())
    assert (events.entry, events.problem) == (len(room.office.store.entries), "")


async def test_too_much_untold_makes_the_journal_wait(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order_events, "_MOST_UNTOLD", 4)
    await trade(room, 20)
    room.bus.fails = 10_000
    events = await room.events()
    await settle(300)
    assert events.outcomes.submitted < 10
    room.bus.fails = 0
    await until(lambda: len(room.places()) == 20)
    assert in_order(room.places())


async def test_a_journal_with_a_hole_stops_it(room: Room) -> None:
    await trade(room, 3)
    del room.office.store.entries[1]
    events = OrderEvents(MemoryJournal(room.office.store), room.bus, room.office.clock)
    await events.open()
    with pytest.raises(JournalCorrupted):
        await events.follow()
