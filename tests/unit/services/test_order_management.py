"""Order management as a whole: one of several serves, the others follow, and a takeover loses and doubles nothing."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any, cast

import pytest
from tests.order_path import DAY, START_NS, FakeBroker, Office, Venue, an_intent, instrument
from tests.step_clock import StepClock
from tests.waiting import settle, until

from tradepit.backends.bus.memory import MemoryBus, MemoryHub
from tradepit.backends.journal.memory import MemoryJournal, MemoryJournalStore
from tradepit.backends.lease.memory import MemoryLease, MemoryLeaseStore
from tradepit.ports.bus import Message, Responder, Subscription
from tradepit.ports.journal import Entry
from tradepit.ports.lease import Grant
from tradepit.runtime.single_active import LeaseTiming
from tradepit.services.order_algos import AlgoDesk
from tradepit.services.order_leader import OrderLeader
from tradepit.services.order_management import OrderManagementService
from tradepit.trading.model.errors import JournalConflict, TradepitError, Unavailable
from tradepit.trading.model.terms import OrderStatus, SessionPhase
from tradepit.trading.model.tick import Level, Tick
from tradepit.trading.orders import events as facts
from tradepit.wire.simulator import CHANNELS, PhaseData
from tradepit.wire.simulator_codec import encode, tick_data

BUY: dict[str, Any] = {"symbol": "IF2501", "price": 3900, "volume": 5, "client_order_id": "c1"}


class Algos:
    """Stands where the algorithm desk stands."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.stop_fails: list[Exception] = []

    async def take_over(self) -> None:
        self.told.append("take over")

    async def stop(self) -> None:
        self.told.append("stop")
        if self.stop_fails:
            raise self.stop_fails.pop()


class SlowDoors(MemoryBus):
    """A bus on which opening the public door takes its time."""

    hold: asyncio.Event | None = None

    async def serve(self, subject: str, responder: Responder, *, group: str = "") -> Subscription:
        subscription = await super().serve(subject, responder, group=group)
        if self.hold is not None and subject.endswith(".*"):
            await self.hold.wait()
        return subscription


class Instance:
    def __init__(self, floor: "Floor", number: int) -> None:
        self.bus = SlowDoors(floor.hub, channels=CHANNELS)
        self.journal = MemoryJournal(floor.store)
        self.broker = FakeBroker(floor.venue)
        self.algos = Algos()
        self.service = OrderManagementService(
            instance=f"om-{number}",
            bus=self.bus,
            journal=self.journal,
            lease=MemoryLease(floor.leases, "order-management"),
            broker=self.broker,
            rules=floor.rules,
            clock=floor.clock,
            timing=LeaseTiming(),
            snapshot_facts=floor.snapshot_facts,
            make_algos=lambda leader: cast("AlgoDesk", self.algos),
        )

    @property
    def active(self) -> bool:
        return self.service.health().status == "ACTIVE"

    @property
    def leader(self) -> OrderLeader:
        assert self.service._leader is not None
        return self.service._leader

    async def die(self) -> None:
        """What SIGKILL leaves: no answer, no release, nothing finished."""
        if self.service._writer is not None:
            self.service._writer.fenced = True
            await self.service._writer.stop()
        await self.service._tasks.stop()
        await self.bus.abandon()
        if self.service._leader is not None:
            await self.service._leader.stop()


class Floor:
    """Everything the instances share."""

    def __init__(self) -> None:
        self.clock, self.hub, self.venue = StepClock(START_NS), MemoryHub(), Venue()
        self.store, self.leases = MemoryJournalStore(), MemoryLeaseStore()
        self.rules = Office().rules
        self.snapshot_facts = 100_000
        self.client = MemoryBus(self.hub, channels=CHANNELS)
        self.instances: list[Instance] = []
        self.dead: list[Instance] = []

    async def open(self, count: int) -> list[Instance]:
        await self.client.connect()
        for _ in range(count):
            made = Instance(self, len(self.instances) + 1)
            self.instances.append(made)
            await made.service.start()
            await self.clock.advance(0.1)
        return self.instances

    async def ask(self, method: str, body: object = None, subject: str = "") -> dict[str, Any]:
        asked = asyncio.ensure_future(
            self.client.request(subject or f"rpc.order-management.{method}", json.dumps(body or {}).encode(), timeout_s=60)
        )
        await settle()
        if not asked.done():
            await self.clock.advance(3)
        told: dict[str, Any] = json.loads(await asked)
        return told

    def journaled(self) -> list[facts.Fact]:
        office = Office()
        office.store = self.store
        return office.journaled()


@pytest.fixture
async def floor() -> AsyncIterator[Floor]:
    made = Floor()
    yield made
    for instance in made.instances:
        if instance not in made.dead:
            stopping = asyncio.ensure_future(instance.service.stop())
            await made.clock.advance(20)
            await stopping


async def test_one_serves_and_the_others_say_who(floor: Floor) -> None:
    first, second, third = await floor.open(3)
    assert [each.active for each in floor.instances] == [True, False, False]
    assert (await floor.ask("buy", BUY))["orderid"] == "V1"
    refused = await floor.ask("buy", BUY, "service.order-management.om-2.buy")
    assert refused["error"] == "NOT_ACTIVE"
    told = await floor.ask("status", {}, "service.order-management.om-3.status")
    assert (told["status"], told["figures"]["leader"], told["figures"]["epoch"]) == ("STANDBY", "om-1", 1)
    assert (await floor.ask("buy", BUY, "service.order-management.om-1.buy"))["orderid"] == "V1"
    assert (first.algos.told, second.algos.told, third.algos.told) == (["take over"], [], [])


async def test_standbys_are_warm(floor: Floor) -> None:
    first, second = await floor.open(2)
    await floor.ask("buy", BUY)
    await settle()
    figures = second.service.health().figures
    assert (figures["orders"], figures["working"], figures["journal_entry"]) == (1, 1, len(floor.store.entries))
    assert second.service._desk.register.orders == first.service._desk.register.orders


async def test_a_planned_stop_hands_over_at_once_with_everything_known(floor: Floor) -> None:
    first, second = await floor.open(2)
    await floor.ask("buy", BUY)
    stopping = asyncio.ensure_future(first.service.stop())
    await floor.clock.advance(0.1)
    assert second.active
    assert second.service.health().figures["epoch"] == 2
    assert (await floor.ask("buy", BUY))["orderid"] == "V1"
    assert floor.venue.arrivals[("A1", "c1")] == 1
    await stopping
    assert first.algos.told == ["take over", "stop"]
    floor.dead.append(first)


async def test_a_killed_leader_is_replaced_and_its_order_in_flight_is_found_out(floor: Floor) -> None:
    first, second = await floor.open(2)
    first.broker.hold_answer["submit"] = asyncio.Event()
    asked = asyncio.ensure_future(floor.client.request("rpc.order-management.buy", json.dumps(BUY).encode(), timeout_s=60))
    await settle()
    assert floor.venue.arrivals[("A1", "c1")] == 1
    await first.die()
    floor.dead.append(first)
    with pytest.raises(TradepitError):
        await asked
    await floor.clock.advance(0.5)
    assert second.active
    assert second.leader.desk.register.orders[("A1", "c1")].status is OrderStatus.OPEN
    assert (await floor.ask("buy", BUY))["orderid"] == "V1"
    assert floor.venue.arrivals[("A1", "c1")] == 1


async def test_a_leader_that_lost_its_lease_forgets_what_was_not_journaled(floor: Floor) -> None:
    first, second = await floor.open(2)
    await floor.ask("buy", BUY)
    # Somebody took the lease and the journal while this one did not look.
    held = floor.leases.grants["order-management"]
    floor.leases.grants["order-management"] = Grant(holder="om-2", epoch=held.epoch + 1, revision=held.revision + 1)
    other = MemoryJournal(floor.store)
    await other.open()
    began = facts.TermBegan(time_ns=1, epoch=2, holder="om-2")
    await other.append([Office.write(began)], expected=len(floor.store.entries), epoch=2)
    refused = await floor.ask("buy", BUY | {"client_order_id": "c2"})
    assert refused["error"] == "NOT_ACTIVE"
    assert not first.active
    await floor.clock.advance(3)
    assert floor.venue.arrivals[("A1", "c2")] == 0
    leading = [each for each in (first, second) if each.active]
    assert len(leading) == 1
    for each in (first, second):
        assert list(each.service._desk.register.orders) == [("A1", "c1")]


async def test_a_takeover_that_fails_gives_the_lease_to_somebody_else(floor: Floor) -> None:
    first = (await floor.open(1))[0]
    await floor.ask("buy", BUY)
    second = Instance(floor, 2)
    second.broker.mishaps["instruments"] = deque([Unavailable()])
    floor.instances.append(second)
    await second.service.start()
    stopping = asyncio.ensure_future(first.service.stop())
    await floor.clock.advance(2)
    await stopping
    floor.dead.append(first)
    assert second.active
    assert second.service.health().figures["epoch"] == 3
    assert list(second.leader.desk.register.orders) == [("A1", "c1")]
    assert (await floor.ask("buy", BUY))["orderid"] == "V1"


async def test_a_former_writer_that_appends_during_the_takeover_is_read_to_its_end(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = an_intent("late")
    original = MemoryJournal.append

    async def raced(self: MemoryJournal, records: Any, *, expected: int, epoch: int) -> int:
        if b"term_began" in records[0]:
            monkeypatch.setattr(MemoryJournal, "append", original)
            known: list[facts.Fact] = [
                facts.InstrumentKnown(time_ns=1, instrument=instrument(), reference="3900"),
                facts.AccountKnown(time_ns=1, account="A1", equity="1000000"),
                facts.OrderAccepted(time_ns=1, intent=late),
                facts.OrderSending(time_ns=1, account="A1", client_order_id="clate", epoch=0),
            ]
            await original(self, [Office.write(fact) for fact in known], expected=expected, epoch=0)
            raise JournalConflict
        return await original(self, records, expected=expected, epoch=epoch)

    monkeypatch.setattr(MemoryJournal, "append", raced)
    first = (await floor.open(1))[0]
    assert first.active
    assert first.leader.desk.register.orders[("A1", "clate")].reason == "NOT_SENT"


async def until_kept(floor: Floor, sequence: int = 1) -> int:
    """Wait for a snapshot of that entry or a later one, which is packed in a thread; the entry it stands at."""
    await until(lambda: floor.store.snapshot is not None and floor.store.snapshot.sequence >= sequence)
    assert floor.store.snapshot is not None
    return floor.store.snapshot.sequence


async def test_a_standby_keeps_snapshots_and_one_that_starts_begins_with_the_newest(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    floor.snapshot_facts = 4
    await floor.open(2)
    for number in range(3):
        await floor.ask("buy", BUY | {"client_order_id": f"c{number}"})
    at = await until_kept(floor, 4)
    assert floor.instances[0].service._snapshots.kept == 0, "a leader's time belongs to orders"
    whole = Office()
    whole.store = floor.store
    read: list[int] = []
    third = Instance(floor, 3)
    floor.instances.append(third)
    fold = third.service._fold

    def listen(entry: Entry) -> None:
        read.append(entry.sequence)
        fold(entry)

    monkeypatch.setattr(third.service, "_fold", listen)
    await third.service.start()
    await until(lambda: third.service._applied == len(floor.store.entries))
    assert third.service.health().figures["snapshot_entry"] == third.service._snapshots.kept >= at
    assert all(sequence > at for sequence in read)
    assert third.service._desk.register.orders == whole.replay().register.orders
    assert len(third.service._desk.register.orders) == 3


async def until_active(floor: Floor, *instances: Instance) -> None:
    """Steps so small that nothing else falls due: what follows the loading of a snapshot may wait for the clock."""
    for _ in range(2_500):
        if any(instance.active for instance in instances):
            return
        await floor.clock.advance(0.002)
    raise AssertionError("nobody leads")


async def test_a_lone_leader_that_stops_in_order_keeps_a_snapshot_of_all_it_wrote(floor: Floor) -> None:
    first = (await floor.open(1))[0]
    await floor.ask("buy", BUY)
    stopping = asyncio.ensure_future(first.service.stop())
    await floor.clock.advance(5)
    await stopping
    floor.dead.append(first)
    assert await until_kept(floor) == len(floor.store.entries)
    second = (await floor.open(1))[1]
    await until_active(floor, second)
    assert second.service._snapshots.kept == len(floor.store.entries) - 1
    assert (await floor.ask("buy", BUY))["orderid"] == "V1"
    assert floor.venue.arrivals[("A1", "c1")] == 1


async def test_a_leader_that_was_fenced_keeps_nothing(floor: Floor) -> None:
    first = (await floor.open(1))[0]
    await floor.ask("buy", BUY)
    other = MemoryJournal(floor.store)
    await other.open()
    began = facts.TermBegan(time_ns=1, epoch=2, holder="om-2")
    await other.append([Office.write(began)], expected=len(floor.store.entries), epoch=2)
    assert (await floor.ask("buy", BUY | {"client_order_id": "c2"}))["error"] == "NOT_ACTIVE"
    assert first.service._writer is not None
    assert first.service._writer.fenced
    stopping = asyncio.ensure_future(first.service.stop())
    await floor.clock.advance(5)
    await stopping
    floor.dead.append(first)
    assert floor.store.snapshot is None


async def test_a_leader_that_steps_down_goes_on_from_the_snapshot(floor: Floor) -> None:
    floor.snapshot_facts = 4
    first, second = await floor.open(2)
    for number in range(3):
        await floor.ask("buy", BUY | {"client_order_id": f"c{number}"})
    await until_kept(floor, 4)
    first.service._election.fence()
    await floor.clock.advance(1)
    await until_active(floor, first, second)
    await until(lambda: first.service._snapshots.kept > 0)
    assert first.service._desk.register.orders == second.service._desk.register.orders
    assert len(first.service._desk.register.orders) == 3


async def test_a_door_whose_opening_was_interrupted_is_closed(floor: Floor) -> None:
    first = (await floor.open(1))[0]
    second = Instance(floor, 2)
    second.bus.hold = asyncio.Event()
    floor.instances.append(second)
    await second.service.start()
    stopping = asyncio.ensure_future(first.service.stop())
    await floor.clock.advance(0.3)
    await stopping
    floor.dead.append(first)
    assert not second.active
    second.service._election.fence()
    await floor.clock.advance(0.1)
    second.bus.hold.set()
    await until_active(floor, second)
    # One public door, the one of the term that serves now; the interrupted one would answer NOT_ACTIVE for ever.
    doors = [serving for serving in floor.hub.servings if serving.pattern.fullmatch("rpc.order-management.buy")]
    assert (second.active, len(doors)) == (True, 1)


async def test_stepping_down_goes_on_whatever_fails(floor: Floor) -> None:
    first = (await floor.open(1))[0]
    await floor.ask("buy", BUY)
    first.algos.stop_fails = [RuntimeError("stuck")]
    first.service._election.fence()
    await floor.clock.advance(1)
    assert first.active
    assert first.service.health().figures["elections"] == 2
    assert list(first.leader.desk.register.orders) == [("A1", "c1")]
    holding = first.leader.desk.exposure.holding("A1", "IF2501")
    assert holding is not None
    assert holding.long.opening == 5


async def test_a_damaged_journal_is_told_and_never_led_on(floor: Floor) -> None:
    journal = MemoryJournal(floor.store)
    await journal.open()
    await journal.append([b'{"fact":"nonsense"}'], expected=0, epoch=1)
    first = (await floor.open(1))[0]
    await floor.clock.advance(1)
    health = first.service.health()
    assert (health.status, health.ready) == ("UNHEALTHY", False)
    assert "entry 1" in health.reason
    assert floor.leases.grants["order-management"].holder in ("", "om-1")
    with pytest.raises(Unavailable):
        await floor.client.request("rpc.order-management.buy", b"{}", timeout_s=60)


async def test_prices_and_phases_reach_the_desk_and_garbage_does_not(floor: Floor) -> None:
    first = (await floor.open(1))[0]
    market = first.leader.desk.exposure.markets["IF2501"]
    await floor.client.publish("market.tick.IF2501", encode(tick_data(a_tick(DAY), instrument())))
    for garbage in (b"", b"{}", b"\xff", b'{"symbol":"IF2501","phase":"NOON","time_ns":1,"trading_day":1}'):
        await floor.client.publish("market.tick.IF2501", garbage)
        await floor.client.publish("market.phase.IF2501", garbage)
    await settle()
    assert (market.last_ticks, market.seen_ns, market.phase) == (19_501, floor.clock.now_ns(), SessionPhase.CONTINUOUS)
    phase = PhaseData(symbol="IF2501", phase="BREAK", time_ns=1, trading_day=DAY)
    await floor.client.publish("market.phase.IF2501", encode(phase))
    await settle()
    assert market.phase is SessionPhase.BREAK


async def test_a_tick_of_today_does_not_hide_the_settlements_still_to_be_read(floor: Floor) -> None:
    """A desk that replays an old journal hears live ticks meanwhile: its trading day must come from the journal alone."""
    first = (await floor.open(1))[0]
    floor.venue.arrive(an_intent())
    floor.venue.fill(("A1", "c1"), 5)
    await settle()
    floor.venue.settle(20250107)
    await settle()
    stopping = asyncio.ensure_future(first.service.stop())
    await floor.clock.advance(0.1)
    await stopping
    floor.dead.append(first)

    reader = Instance(floor, 2).service
    entries = floor.store.entries
    await floor.client.connect()
    for entry in entries:
        reader._fold(entry)
        await reader._on_tick(message(encode(tick_data(a_tick(20250107), instrument()))))
    holding = reader._desk.exposure.holding("A1", "IF2501")
    assert holding is not None
    assert (holding.long.today, holding.long.yesterday) == (0, 5)
    assert reader._desk.exposure.trading_day == 20250107


def message(payload: bytes) -> Message:
    return Message(subject="market.tick.IF2501", payload=payload)


def a_tick(day: int) -> Tick:
    told = instrument()
    return Tick(
        symbol="IF2501",
        exchange=told.product.exchange,
        time_ns=START_NS,
        trading_day=day,
        last_ticks=19_501,
        volume_lots=1,
        turnover=Decimal(0),
        open_interest=0,
        open_ticks=0,
        high_ticks=0,
        low_ticks=0,
        upper_limit_ticks=0,
        lower_limit_ticks=0,
        pre_close_ticks=0,
        pre_settlement=Decimal(3900),
        bids=(Level(19_500, 1),),
        asks=(Level(19_502, 1),),
    )


async def test_a_lease_that_forgot_terms_is_given_back_until_it_is_ahead_of_the_journal(floor: Floor) -> None:
    journal = MemoryJournal(floor.store)
    await journal.open()
    for number, epoch in enumerate((1, 4)):
        began = facts.TermBegan(time_ns=1, epoch=epoch, holder="before the power cut")
        await journal.append([Office.write(began)], expected=number, epoch=epoch)
    first = (await floor.open(1))[0]
    await floor.clock.advance(3)
    assert first.active
    assert first.service.health().figures["epoch"] == 5
    assert (await floor.ask("buy", BUY))["orderid"] == "V1"
