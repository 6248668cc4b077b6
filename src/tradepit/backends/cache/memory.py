"""The cache in memory: for one process and for tests."""

import re

from tradepit.ports.clock import Clock
from tradepit.trading.model.errors import IdNotValid, Unavailable

_KEY = re.compile(r"[A-Za-z0-9_.=-]+")


class MemoryCacheStore:
    """What memory caches keep; instances that share a store see the same keys."""

    def __init__(self) -> None:
        self.values: dict[str, tuple[int, bytes]] = {}
        self.versions: dict[str, int] = {}


class MemoryCache:
    """One member's view of a store; ``clock`` decides when keys expire."""

    def __init__(self, store: MemoryCacheStore, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._connected = False

    async def connect(self) -> None:
        self._connected = True

    async def put(self, key: str, value: bytes, *, ttl_s: float) -> None:
        self._values()[_checked(key)] = (self._clock.monotonic_ns() + int(ttl_s * 1e9), value)

    async def put_newer(self, key: str, value: bytes, *, version: int, ttl_s: float) -> bool:
        if await self.get(key) is not None and self._store.versions.get(key, 0) > version:
            return False
        self._store.versions[key] = version
        await self.put(key, value, ttl_s=ttl_s)
        return True

    async def get(self, key: str) -> bytes | None:
        expires, value = self._values().get(_checked(key), (0, b""))
        return value if expires > self._clock.monotonic_ns() else None

    async def delete(self, key: str) -> None:
        self._values().pop(_checked(key), None)
        self._store.versions.pop(key, None)

    async def items(self, prefix: str) -> dict[str, bytes]:
        if prefix:
            _checked(prefix)
        values, now = self._values(), self._clock.monotonic_ns()
        for key in [key for key, (expires, _) in values.items() if expires <= now]:
            del values[key]
            self._store.versions.pop(key, None)
        return {key: value for key, (_, value) in values.items() if key.startswith(prefix)}

    async def close(self) -> None:
        self._connected = False

    def _values(self) -> dict[str, tuple[int, bytes]]:
        if not self._connected:
            raise Unavailable("the cache is not connected")
        return self._store.values


def _checked(key: str) -> str:
    if not _KEY.fullmatch(key):
        raise IdNotValid(key=key)
    return key
