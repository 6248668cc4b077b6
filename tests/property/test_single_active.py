"""Whoever is paused, cut off, stopped or revived, whenever: by the clock that leases are judged by, never are two active."""

import asyncio
import random

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.step_clock import PausableClock, StepClock

from tradepit.backends.lease.memory import MemoryLease, MemoryLeaseStore
from tradepit.ports.lease import Grant
from tradepit.runtime.single_active import SingleActive
from tradepit.trading.model.errors import TimedOut, Unavailable


class WildLease(MemoryLease):
    """Out of reach by chance; a refresh may be kept although its answer is lost."""

    def __init__(self, store: MemoryLeaseStore, chance: random.Random) -> None:
        super().__init__(store, "orders")
        self.chance, self.trouble = chance, 0.0

    async def read(self) -> Grant | None:
        self._fail()
        return await super().read()

    async def acquire(self, holder: str, *, seen: Grant | None) -> Grant | None:
        self._fail()
        taken = await super().acquire(holder, seen=seen)
        self._fail()
        return taken

    async def refresh(self, grant: Grant) -> Grant | None:
        kept = await super().refresh(grant)
        self._fail()
        return kept

    def _fail(self) -> None:
        if self.chance.random() < self.trouble:
            raise self.chance.choice([Unavailable, TimedOut])()


class Slow:
    """A candidate that takes its time and sometimes fails."""

    def __init__(self, clock: PausableClock, chance: random.Random) -> None:
        self.clock, self.chance, self.epochs = clock, chance, [0]

    async def become_active(self, epoch: int) -> None:
        assert epoch > self.epochs[-1]
        self.epochs.append(epoch)
        await self.clock.sleep(self.chance.choice([0.0, 0.01, 0.5]))
        if self.chance.random() < 0.1:
            raise Unavailable

    async def become_standby(self) -> None:
        await self.clock.sleep(self.chance.choice([0.0, 0.02]))


async def _play(seed: int, instances: int) -> None:
    chance, clock, store = random.Random(seed), StepClock(), MemoryLeaseStore()
    clocks = [PausableClock(clock) for _ in range(instances)]
    leases = [WildLease(store, chance) for _ in range(instances)]
    elections = [
        SingleActive(lease, f"om-{number}", Slow(view, chance), view)
        for number, (view, lease) in enumerate(zip(clocks, leases, strict=True))
    ]
    tasks = [asyncio.ensure_future(election.run()) for election in elections]
    served = 0
    for _ in range(120):
        number = chance.randrange(instances)
        match chance.randrange(6):
            case 0:
                clocks[number].pause()
            case 1:
                clocks[number].resume()
            case 2:
                leases[number].trouble = chance.choice([0.0, 0.3, 1.0])
            case 3:
                elections[number].fence()
            case _:
                await clock.advance(chance.choice([0.005, 0.03, 0.1, 0.4]))
        active = [election for election in elections if election.is_active]
        assert len(active) <= 1
        served += len(active)
        if active:
            assert active[0].epoch == max(grant.epoch for grant in store.grants.values())
    for view, lease in zip(clocks, leases, strict=True):
        view.resume()
        lease.trouble = 0.0
    await clock.advance(5)
    assert sum(election.is_active for election in elections) <= 1
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), instances=st.integers(1, 4))
def test_never_are_two_active(seed: int, instances: int) -> None:
    asyncio.run(_play(seed, instances))
