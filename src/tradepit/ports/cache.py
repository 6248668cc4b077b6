"""The cache: keys with a time to live. A missing key means unknown, never zero."""

from typing import Protocol


class Cache(Protocol):
    """Keys are ``[A-Za-z0-9_.=-]+``. Raises Unavailable."""

    async def connect(self) -> None:
        """Connect. Idempotent."""

    async def put(self, key: str, value: bytes, *, ttl_s: float) -> None:
        """Set a key; it disappears after ``ttl_s`` seconds unless put again."""

    async def get(self, key: str) -> bytes | None:
        """The value, None when absent or expired."""

    async def delete(self, key: str) -> None:
        """Remove a key; nothing happens when absent."""

    async def items(self, prefix: str) -> dict[str, bytes]:
        """All live keys that start with ``prefix``."""

    async def close(self) -> None:
        """Disconnect. Idempotent."""
