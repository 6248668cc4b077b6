"""A market's past, as the Data API asks for it: bars of a contract from before the hot window."""

from collections.abc import Sequence
from typing import Literal, Protocol

from tradepit.wire.data_api import Bar

Length = Literal["1s", "1m"]


class MarketPast(Protocol):
    """Raises Unavailable, TimedOut."""

    async def bars(self, symbol: str, length: Length, start_ms: int, end_ms: int, *, most: int) -> Sequence[Bar]:
        """Bars of ``1s`` or ``1m`` that begin from ``start_ms`` to ``end_ms``, both included, oldest first; the ``most`` first."""

    async def newest_bars(self, symbol: str, length: Length, most: int, end_ms: int) -> Sequence[Bar]:
        """The ``most`` newest bars that begin no later than ``end_ms``, oldest first."""

    async def close(self) -> None:
        """Disconnect. Idempotent."""
