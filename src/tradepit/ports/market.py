"""The market behind a broker: what its contracts are quoted at, as far as it tells."""

from collections.abc import AsyncGenerator, Mapping
from typing import Protocol

from tradepit.trading.model.tick import Tick


class BrokerMarket(Protocol):
    """Not every broker has one. Which contracts: those the broker knows (``ports/broker.py``, ``instruments`` and ``find``)."""

    @property
    def figures(self) -> Mapping[str, int]:
        """How it fares, as counts by name, for the health of whoever follows it."""

    async def connect(self) -> None:
        """Connect. Idempotent."""

    def ticks(self) -> AsyncGenerator[Tick]:
        """Each contract's market whenever it has changed, for ever: first all there is, again after a reconnect.

        Whoever reads slowly gets each contract's newest tick and misses what came before it; never is more kept than one of each.
        """

    async def close(self) -> None:
        """Disconnect. Idempotent."""
