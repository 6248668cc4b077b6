"""The cache: keys with a time to live. A missing key means unknown, never zero."""

from typing import Protocol


class Cache(Protocol):
    """Keys are ``[A-Za-z0-9_.=-]+``. A server keeps them under these very names, with the bytes of the value and nothing else.

    So programs of others can look them up. A key is written with ``put`` or with ``put_newer``, not with both. Everything may be
    done again. Raises Unavailable, TimedOut (it may be done), IdNotValid for a key that is none.
    """

    async def connect(self) -> None:
        """Connect. Idempotent."""

    async def put(self, key: str, value: bytes, *, ttl_s: float) -> None:
        """Set a key; it disappears after ``ttl_s`` seconds unless put again."""

    async def put_newer(self, key: str, value: bytes, *, version: int, ttl_s: float) -> bool:
        """Set a key as ``put`` does, unless it holds a newer value; whether it was set.

        ``version`` rises with every change of what is told, from 0 to 2^63 - 1, for example an instant in ns. The same version is
        set again. Of many writers at once the newest wins.
        """

    async def get(self, key: str) -> bytes | None:
        """The value, None when absent or expired."""

    async def delete(self, key: str) -> None:
        """Remove a key; nothing happens when absent."""

    async def items(self, prefix: str) -> dict[str, bytes]:
        """All live keys that start with ``prefix``."""

    async def close(self) -> None:
        """Disconnect. Idempotent."""
