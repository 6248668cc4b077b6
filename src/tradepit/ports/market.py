"""The market behind a broker: what its contracts are quoted at, as far as it tells."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Protocol

from tradepit.trading.model.tick import Tick
from tradepit.trading.records.bars import Bar


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

    async def bars(self, symbol: str, trading_day: int) -> Sequence[Bar]:
        """The bars of a minute that the broker has of a contract's trading day (YYYYMMDD), oldest first; of a day that runs, those that
        are over. Their ``count`` is 0: how many ticks made them is not told. Raises Unavailable, InstrumentNotFound, and VenueRefused
        (NOT_SUPPORTED) where the broker tells no past.
        """

    async def close(self) -> None:
        """Disconnect. Idempotent."""
