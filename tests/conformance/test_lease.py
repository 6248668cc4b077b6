"""The promises of the lease, kept by every backend; see ports/lease.py."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest

from tradepit.backends.lease.memory import MemoryLease, MemoryLeaseStore
from tradepit.backends.lease.nats import NatsLease
from tradepit.ports.lease import Grant, Lease
from tradepit.runtime.nats_server import NatsServer


class World:
    """One lease for which contenders come."""

    def __init__(self, make: Callable[[], Lease]) -> None:
        self._make = make
        self.contenders: list[Lease] = []

    async def join(self) -> Lease:
        lease = self._make()
        await lease.connect()
        self.contenders.append(lease)
        return lease


@pytest.fixture(params=["memory", "nats"])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    name = f"orders.{secrets.token_hex(4)}"
    if request.param == "memory":
        store = MemoryLeaseStore()
        made = World(lambda: MemoryLease(store, name))
    else:
        server: NatsServer = request.getfixturevalue("nats_server")
        made = World(lambda: NatsLease(server.url, name))
    async with AsyncExitStack() as stack:
        yield made
        for lease in made.contenders:
            stack.push_async_callback(lease.close)


async def take(lease: Lease, holder: str) -> Grant:
    grant = await lease.acquire(holder, seen=await lease.read())
    assert grant is not None
    return grant


async def test_a_lease_never_taken_reads_as_none(world: World) -> None:
    assert await (await world.join()).read() is None


async def test_the_first_grant_has_epoch_one_and_others_see_it(world: World) -> None:
    one, two = await world.join(), await world.join()
    grant = await one.acquire("one", seen=None)
    assert grant is not None
    assert (grant.holder, grant.epoch) == ("one", 1)
    assert await two.read() == grant


async def test_of_many_contenders_exactly_one_gets_it(world: World) -> None:
    contenders = [await world.join() for _ in range(8)]
    seen: Grant | None = None
    for epoch in range(1, 6):
        tries = (lease.acquire(f"holder-{index}", seen=seen) for index, lease in enumerate(contenders))
        won = [grant for grant in await asyncio.gather(*tries) if grant is not None]
        assert len(won) == 1
        assert won[0].epoch == epoch
        seen = await contenders[0].read()
        assert seen == won[0]


async def test_every_takeover_raises_the_epoch(world: World) -> None:
    one, two = await world.join(), await world.join()
    epochs = [(await take(lease, holder)).epoch for lease, holder in [(one, "one"), (two, "two"), (one, "one"), (one, "one")]]
    assert epochs == [1, 2, 3, 4]


async def test_a_refresh_changes_what_observers_see_but_not_the_epoch(world: World) -> None:
    holder, observer = await world.join(), await world.join()
    grant = await take(holder, "one")
    refreshed = await holder.refresh(grant)
    assert refreshed is not None
    assert (refreshed.holder, refreshed.epoch) == ("one", 1)
    assert refreshed.revision > grant.revision
    assert await observer.read() == refreshed


async def test_a_lease_refreshed_in_the_meantime_cannot_be_taken(world: World) -> None:
    holder, other = await world.join(), await world.join()
    grant = await take(holder, "one")
    seen = await other.read()
    assert await holder.refresh(grant) is not None
    assert await other.acquire("two", seen=seen) is None


async def test_a_refresh_after_loss_tells_so(world: World) -> None:
    old, new = await world.join(), await world.join()
    grant = await take(old, "one")
    taken = await take(new, "two")
    assert await old.refresh(grant) is None
    assert await new.read() == taken


async def test_the_same_holder_of_an_earlier_life_has_lost_it_too(world: World) -> None:
    lease = await world.join()
    earlier = await take(lease, "one")
    await take(lease, "one")
    assert await lease.refresh(earlier) is None


async def test_a_refresh_whose_answer_was_lost_does_not_lose_the_lease(world: World) -> None:
    lease = await world.join()
    grant = await take(lease, "one")
    assert await lease.refresh(grant) is not None
    again = await lease.refresh(grant)  # with the older revision, as if the answer had not come
    assert again is not None
    assert again.epoch == grant.epoch


async def test_release_hands_over_at_once_and_keeps_the_epoch(world: World) -> None:
    one, two = await world.join(), await world.join()
    grant = await take(one, "one")
    await one.release(grant)
    vacant = await two.read()
    assert vacant is not None
    assert (vacant.holder, vacant.epoch) == ("", 1)
    assert (await take(two, "two")).epoch == 2


async def test_release_of_a_lost_lease_does_nothing(world: World) -> None:
    old, new = await world.join(), await world.join()
    grant = await take(old, "one")
    taken = await take(new, "two")
    await old.release(grant)
    assert await new.read() == taken


async def test_a_released_lease_cannot_be_refreshed(world: World) -> None:
    lease = await world.join()
    grant = await take(lease, "one")
    await lease.release(grant)
    assert await lease.refresh(grant) is None


async def test_connecting_and_closing_twice_is_harmless(world: World) -> None:
    lease = await world.join()
    await lease.connect()
    await lease.close()
    await lease.close()
