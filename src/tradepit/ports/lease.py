"""The lease: at most one holder, a rising epoch, expiry without the holder's help."""

from typing import Protocol

import msgspec


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds the lease and under which epoch. ``holder`` is empty when it was released. Epochs only rise."""

    holder: str
    epoch: int
    revision: int = 0


class Lease(Protocol):
    """One named lease. Expiry is judged by an observer's own monotonic clock since the last change it saw, so clocks need not agree."""

    async def connect(self) -> None:
        """Connect to where the lease is kept. Idempotent."""

    async def read(self) -> Grant | None:
        """The current grant (possibly expired), None when never taken. Linearizable."""

    async def acquire(self, holder: str, *, seen: Grant | None) -> Grant | None:
        """Take the lease if it is still exactly as ``seen`` (compare and set), under ``seen.epoch + 1`` (1 when never taken).

        The caller has judged ``seen`` to be vacant or expired. None when somebody else was faster.
        """

    async def refresh(self, grant: Grant) -> Grant | None:
        """Prove to be alive; None when the lease was lost. Raises Unavailable when that cannot be known."""

    async def release(self, grant: Grant) -> None:
        """Give up at once, keeping the epoch. Does nothing when already lost."""

    async def close(self) -> None:
        """Disconnect without releasing. Idempotent."""
