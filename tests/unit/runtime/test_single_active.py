"""The election: one serves, others take over when the lease expires or is handed over; whoever was paused knows it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from tests.step_clock import PausableClock, StepClock
from tests.waiting import settle

from tradepit.backends.lease.memory import MemoryLease, MemoryLeaseStore
from tradepit.ports.lease import Grant
from tradepit.runtime.single_active import LeaseTiming, SingleActive, Standing
from tradepit.trading.model.errors import Unavailable

TIMING = LeaseTiming(ttl_s=0.3, refresh_s=0.08, poll_s=0.04, probe_s=0.02)


class Candidate:
    """Keeps what it was told; ``hold`` lets it take its time, ``fails`` are raised at becoming active."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.hold: asyncio.Event | None = None
        self.fails: list[Exception] = []
        self.standby_fails: list[Exception] = []
        self.cancelled = 0

    async def become_active(self, epoch: int) -> None:
        self.told.append(f"active {epoch}")
        try:
            if self.hold is not None:
                await self.hold.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.fails:
            raise self.fails.pop(0)

    async def become_standby(self) -> None:
        self.told.append("standby")
        if self.standby_fails:
            raise self.standby_fails.pop(0)


class FlakyLease(MemoryLease):
    """A lease that cannot be reached while ``down``."""

    down = False
    connects = 0

    async def connect(self) -> None:
        self.connects += 1
        self._check()

    async def read(self) -> Grant | None:
        self._check()
        return await super().read()

    async def refresh(self, grant: Grant) -> Grant | None:
        self._check()
        return await super().refresh(grant)

    async def release(self, grant: Grant) -> None:
        self._check()
        await super().release(grant)

    def _check(self) -> None:
        if self.down:
            raise Unavailable("the lease is out of reach")


class Instance:
    """One candidate with its own view of clock and lease."""

    def __init__(
        self, name: str, clock: StepClock, store: MemoryLeaseStore, probe: Callable[[str], Awaitable[bool]] | None
    ) -> None:
        self.clock, self.lease, self.candidate = PausableClock(clock), FlakyLease(store, "orders"), Candidate()
        self.election = SingleActive(self.lease, name, self.candidate, self.clock, timing=TIMING, probe=probe)
        self.task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self.task = asyncio.ensure_future(self.election.run())

    async def stop(self) -> None:
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)
            self.task = None
        self.clock.resume()
        self.lease.down = False
        await self.election.resign()


class Room:
    """A clock, a lease, instances."""

    def __init__(self) -> None:
        self.clock, self.store = StepClock(), MemoryLeaseStore()
        self.instances: list[Instance] = []
        self.deaf: set[str] = set()

    def add(self, *, probe: bool = False) -> Instance:
        made = Instance(f"om-{len(self.instances) + 1}", self.clock, self.store, self.listens if probe else None)
        self.instances.append(made)
        return made

    async def listens(self, name: str) -> bool:
        return name not in self.deaf

    def active(self) -> list[Instance]:
        return [each for each in self.instances if each.election.is_active]


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    made = Room()
    yield made
    for instance in made.instances:
        await instance.stop()


async def lead(room: Room, *, others: int = 1, probe: bool = False) -> tuple[Instance, Instance]:
    first = room.add()
    first.start()
    await settle()
    assert first.election.is_active
    for _ in range(others):
        room.add(probe=probe).start()
    await room.clock.advance(0.1)
    return first, room.instances[1]


@pytest.mark.parametrize(
    "settings",
    [
        {"refresh_s": 0.11},
        {"refresh_s": 0.0},
        {"refresh_s": float("nan")},
        {"ttl_s": float("inf")},
        {"poll_s": 0.0},
        {"probe_s": -1.0},
    ],
)
def test_a_timing_that_cannot_work_is_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="_s|times"):
        LeaseTiming(**settings)


async def test_one_leads_and_the_others_know_it(room: Room) -> None:
    first, second = await lead(room, others=2)
    assert [each.election.is_active for each in room.instances] == [True, False, False]
    assert {each.election.leader for each in room.instances} == {"om-1"}
    assert {each.election.epoch for each in room.instances} == {1}
    assert (first.candidate.told, second.candidate.told) == (["active 1"], [])


async def test_it_goes_on_leading_while_it_refreshes(room: Room) -> None:
    first, second = await lead(room)
    for _ in range(50):
        await room.clock.advance(0.1)
        assert room.active() == [first]
    assert second.election.elections == 0


async def test_a_paused_leader_is_replaced_and_knows_it_when_it_wakes(room: Room) -> None:
    first, second = await lead(room)
    first.clock.pause()
    await room.clock.advance(0.25)
    assert room.active() in ([first], [])
    await room.clock.advance(0.3)
    assert room.active() == [second]
    assert second.election.epoch == 2
    first.clock.resume()
    await settle()
    assert room.active() == [second]
    await room.clock.advance(0.1)
    assert first.candidate.told == ["active 1", "standby"]
    assert first.election.leader == "om-2"


async def test_a_leader_paused_past_its_lease_is_not_active_before_anyone_took_over(room: Room) -> None:
    first = room.add()
    first.start()
    await settle()
    first.clock.pause()
    await room.clock.advance(5)
    assert not first.election.is_active


async def test_a_dead_holder_is_replaced_before_its_lease_expires(room: Room) -> None:
    _, second = await lead(room, probe=True)
    room.deaf.add("om-1")
    await room.clock.advance(0.07)
    assert second.election.is_active


async def test_a_planned_shutdown_hands_over_at_once(room: Room) -> None:
    first, second = await lead(room)
    await first.stop()
    assert first.candidate.told[-1] == "standby"
    await room.clock.advance(0.05)
    assert room.active() == [second]
    assert second.election.epoch == 2


async def test_the_lease_is_given_back_even_when_stepping_down_fails(room: Room) -> None:
    first, second = await lead(room)
    first.candidate.standby_fails = [RuntimeError("stuck")]
    with pytest.raises(RuntimeError):
        await first.stop()
    await room.clock.advance(0.05)
    assert room.active() == [second]


async def test_an_unreachable_lease_is_lost_by_the_clock(room: Room) -> None:
    first, second = await lead(room)
    first.lease.down = True
    for _ in range(60):
        await room.clock.advance(0.01)
        assert len(room.active()) <= 1
    assert room.active() == [second]
    first.lease.down = False
    await room.clock.advance(0.3)
    assert first.candidate.told == ["active 1", "standby"]


async def test_a_short_outage_costs_nothing(room: Room) -> None:
    first, _ = await lead(room)
    first.lease.down = True
    await room.clock.advance(0.15)
    first.lease.down = False
    await room.clock.advance(1)
    assert room.active() == [first]
    assert first.election.elections == 1


async def test_a_lease_that_is_not_there_yet_is_waited_for(room: Room) -> None:
    first = room.add()
    first.lease.down = True
    first.start()
    await room.clock.advance(1)
    assert first.lease.connects > 1
    first.lease.down = False
    await room.clock.advance(0.1)
    assert first.election.is_active


@pytest.mark.parametrize("error", [Unavailable(), RuntimeError("a bug"), KeyError("x")])
async def test_a_candidate_that_cannot_take_over_gives_the_lease_back_and_tries_again(room: Room, error: Exception) -> None:
    first = room.add()
    first.candidate.fails = [error]
    first.start()
    await settle()
    assert not first.election.is_active
    assert room.store.grants["orders"].holder == ""
    await room.clock.advance(0.2)
    assert first.election.is_active
    assert first.candidate.told == ["active 1", "standby", "active 2"]


async def test_a_candidate_that_cannot_step_down_is_told_again_before_it_leads_again(room: Room) -> None:
    first = room.add()
    first.candidate.fails = [RuntimeError("a")]
    first.candidate.standby_fails = [RuntimeError("b"), RuntimeError("c")]
    first.start()
    await room.clock.advance(0.5)
    assert first.candidate.told == ["active 1", "standby", "standby", "standby", "active 2"]
    assert first.election.is_active


async def test_a_fence_is_instant_and_the_loop_steps_down(room: Room) -> None:
    first, _ = await lead(room)
    first.election.fence()
    assert not first.election.is_active
    await room.clock.advance(0.1)
    assert "standby" in first.candidate.told
    await room.clock.advance(1)
    assert len(room.active()) == 1
    assert max(each.election.epoch for each in room.instances) >= 2


async def test_a_fence_while_taking_over_is_not_forgotten(room: Room) -> None:
    first = room.add()
    first.candidate.hold = asyncio.Event()
    first.start()
    await room.clock.advance(0.05)
    assert first.election.standing is Standing.ELECTING
    first.election.fence()
    await room.clock.advance(0.1)
    assert first.candidate.cancelled == 1
    assert first.candidate.told[:2] == ["active 1", "standby"]
    assert not first.election.is_active


async def test_the_lease_is_refreshed_while_taking_over_takes_long(room: Room) -> None:
    first = room.add()
    first.candidate.hold = asyncio.Event()
    first.start()
    second = room.add()
    second.start()
    await room.clock.advance(2)
    assert (first.election.standing, second.election.standing) == (Standing.ELECTING, Standing.STANDBY)
    assert room.active() == []
    first.candidate.hold.set()
    await settle()
    assert room.active() == [first]


async def test_a_lease_lost_while_taking_over_ends_the_attempt(room: Room) -> None:
    first = room.add()
    first.candidate.hold = asyncio.Event()
    first.start()
    await settle()
    room.store.grants["orders"] = Grant(holder="somebody", epoch=7, revision=70)
    await room.clock.advance(0.1)
    assert first.candidate.cancelled == 1
    assert first.candidate.told == ["active 1", "standby"]
    assert (first.election.leader, first.election.epoch) == ("somebody", 7)


@pytest.mark.parametrize("after_s", [0.0, 0.01, 0.08, 0.09, 0.2])
@pytest.mark.parametrize("taking_over", [True, False])
async def test_ended_at_any_moment_it_steps_down_and_frees_the_lease(room: Room, after_s: float, taking_over: bool) -> None:
    first = room.add()
    first.candidate.hold = asyncio.Event() if taking_over else None
    first.start()
    await room.clock.advance(after_s)
    await first.stop()
    assert first.candidate.told[-1] == "standby"
    assert room.store.grants["orders"] == Grant(holder="", epoch=1, revision=room.store.grants["orders"].revision)
    assert not first.election.is_active


async def test_a_former_life_of_the_same_instance_is_replaced_at_once(room: Room) -> None:
    room.store.grants["orders"] = Grant(holder="om-1", epoch=4, revision=9)
    first = room.add()
    first.start()
    await settle()
    assert first.election.is_active
    assert first.election.epoch == 5
