"""Leases of different names in one store do not touch each other."""

from tradepit.backends.lease.memory import MemoryLease, MemoryLeaseStore


async def test_leases_of_one_store_are_told_apart_by_name() -> None:
    store = MemoryLeaseStore()
    one, two = MemoryLease(store, "one"), MemoryLease(store, "two")
    assert await one.acquire("a", seen=None) is not None
    assert await two.read() is None
