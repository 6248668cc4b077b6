"""What a writer of the hot window has not heard itself: a contract's ticks from before its first one, from records of the market."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Protocol

from tradepit.services.hot_contract import HotTick

_NS = 1_000_000


class TickPast(Protocol):
    """Raises Unavailable, TimedOut."""

    async def ticks(self, symbol: str, start_ms: int, end_ms: int, *, most: int) -> Sequence[HotTick]:
        """Ticks from ``start_ms`` on, before ``end_ms``, oldest first; the ``most`` first."""

    async def close(self) -> None:
        """Disconnect. Idempotent."""


class RecordedTick(Protocol):
    """A tick on record; ``day_volume`` is None where nobody knows the day's lots by then. Prices in quoted units, None for none."""

    @property
    def time_ns(self) -> int: ...

    @property
    def price(self) -> Decimal: ...

    @property
    def day_volume(self) -> int | None: ...

    @property
    def bid_price(self) -> Decimal | None: ...

    @property
    def bid_volume(self) -> int: ...

    @property
    def ask_price(self) -> Decimal | None: ...

    @property
    def ask_volume(self) -> int: ...


class Records(Protocol):
    """What is needed of the market's records."""

    async def connect(self) -> None:
        """Connect. Idempotent. Raises Unavailable."""

    async def ticks(self, symbol: str, start_ns: int, end_ns: int, *, limit: int = 0) -> Sequence[RecordedTick]:
        """Ticks from ``start_ns`` on, before ``end_ns`` (UTC), oldest first; the first ``limit`` of them, 0 for all."""

    async def close(self) -> None:
        """Disconnect. Idempotent."""


class RecordedTicks:
    """Ticks on record as the hot window keeps them. Those of which nobody knows the day's lots are left out."""

    def __init__(self, records: Records) -> None:
        self._records = records

    async def ticks(self, symbol: str, start_ms: int, end_ms: int, *, most: int) -> Sequence[HotTick]:
        found: list[HotTick] = []
        start_ns, end_ns = start_ms * _NS, end_ms * _NS
        while len(found) < most and start_ns < end_ns:
            await self._records.connect()
            rows = await self._records.ticks(symbol, start_ns, end_ns, limit=most)
            found += [_hot(row, row.day_volume) for row in rows if row.day_volume is not None]
            if len(rows) < most:
                break
            start_ns = rows[-1].time_ns + 1
        return found[:most]

    async def close(self) -> None:
        await self._records.close()


def _hot(row: RecordedTick, day_volume: int) -> HotTick:
    quotes = (row.bid_price or 0, row.ask_price or 0, row.bid_volume, row.ask_volume)
    return HotTick(row.time_ns // _NS, (float(row.price), float(day_volume), *map(float, quotes)))
