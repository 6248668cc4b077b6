"""The cache in memory: for one process and for tests."""

from tradepit.ports.clock import Clock
from tradepit.trading.model.errors import Unavailable


class MemoryCacheStore:
    """What memory caches keep; instances that share a store see the same keys."""

    def __init__(self) -> None:
        self.values: dict[str, tuple[int, bytes]] = {}


class MemoryCache:
    """One member's view of a store; ``clock`` decides when keys expire."""

    def __init__(self, store: MemoryCacheStore, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._connected = False

    async def connect(self) -> None:
        self._connected = True

    async def put(self, key: str, value: bytes, *, ttl_s: float) -> None:
        self._values()[key] = (self._clock.monotonic_ns() + int(ttl_s * 1e9), value)

    async def get(self, key: str) -> bytes | None:
        expires, value = self._values().get(key, (0, b""))
        return value if expires > self._clock.monotonic_ns() else None

    async def delete(self, key: str) -> None:
        self._values().pop(key, None)

    async def items(self, prefix: str) -> dict[str, bytes]:
        values, now = self._values(), self._clock.monotonic_ns()
        for key in [key for key, (expires, _) in values.items() if expires <= now]:
            del values[key]
        return {key: value for key, (_, value) in values.items() if key.startswith(prefix)}

    async def close(self) -> None:
        self._connected = False

    def _values(self) -> dict[str, tuple[int, bytes]]:
        if not self._connected:
            raise Unavailable("the cache is not connected")
        return self._store.values
