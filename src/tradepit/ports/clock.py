"""The clock: time as an argument."""

from typing import Protocol


class Clock(Protocol):
    """UTC and monotonic nanoseconds, and waiting for them."""

    def now_ns(self) -> int:
        """UTC nanoseconds since 1970."""

    def monotonic_ns(self) -> int:
        """Nanoseconds that never step back; for measuring and leases."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""
