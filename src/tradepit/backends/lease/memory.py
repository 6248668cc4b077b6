"""The lease in memory: for one process and for tests."""

from tradepit.ports.lease import Grant


class MemoryLeaseStore:
    """Where memory leases are kept; instances that share a store contend."""

    def __init__(self) -> None:
        self.grants: dict[str, Grant] = {}


class MemoryLease:
    """One contender's view of the lease called ``name``."""

    def __init__(self, store: MemoryLeaseStore, name: str) -> None:
        self._store, self._name = store, name

    async def connect(self) -> None:
        """Nothing to connect to."""

    async def read(self) -> Grant | None:
        return self._store.grants.get(self._name)

    async def acquire(self, holder: str, *, seen: Grant | None) -> Grant | None:
        if self._store.grants.get(self._name) != seen:
            return None
        epoch, revision = (seen.epoch, seen.revision) if seen is not None else (0, 0)
        return self._put(Grant(holder=holder, epoch=epoch + 1, revision=revision + 1))

    async def refresh(self, grant: Grant) -> Grant | None:
        current = self._store.grants.get(self._name)
        if current is None or (current.holder, current.epoch) != (grant.holder, grant.epoch):
            return None
        return self._put(Grant(holder=grant.holder, epoch=grant.epoch, revision=current.revision + 1))

    async def release(self, grant: Grant) -> None:
        current = self._store.grants.get(self._name)
        if current is not None and (current.holder, current.epoch) == (grant.holder, grant.epoch):
            self._put(Grant(holder="", epoch=grant.epoch, revision=current.revision + 1))

    async def close(self) -> None:
        """Nothing to disconnect from."""

    def _put(self, grant: Grant) -> Grant:
        self._store.grants[self._name] = grant
        return grant
