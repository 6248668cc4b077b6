"""A market's past from records: bars in which others have kept the market's ticks, asked for in pieces of a bearable size."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Protocol

from tradepit.web.market_past import Length
from tradepit.wire.data_api import Bar
from tradepit.wire.market_series import LENGTHS_MS

_NS = 1_000_000
_HOUR_MS = 3_600_000
_MOST_IN_A_PIECE = 86_400
LOOK_BACK_MS = 31 * 24 * _HOUR_MS


class RecordedBar(Protocol):
    """What traded from ``start_ns`` (UTC) on; prices in quoted units, ``volume`` in lots."""

    @property
    def start_ns(self) -> int: ...

    @property
    def open(self) -> Decimal: ...

    @property
    def high(self) -> Decimal: ...

    @property
    def low(self) -> Decimal: ...

    @property
    def close(self) -> Decimal: ...

    @property
    def volume(self) -> int: ...


class Records(Protocol):
    """What is needed of the market's records."""

    async def connect(self) -> None:
        """Connect. Idempotent. Raises Unavailable."""

    async def bars(self, symbol: str, length: Length, start_ns: int, end_ns: int) -> Sequence[RecordedBar]:
        """Bars that begin from ``start_ns`` on, before ``end_ns`` (UTC), oldest first. Raises Unavailable."""

    async def close(self) -> None:
        """Disconnect. Idempotent."""


class RecordedPast:
    """Pieces grow while they hold little, so that neither a night nor a busy day is asked for in too many or too long ones.

    The newest bars are looked for over a month.
    """

    def __init__(self, records: Records) -> None:
        self._records = records

    async def bars(self, symbol: str, length: Length, start_ms: int, end_ms: int, *, most: int) -> Sequence[Bar]:
        found: list[Bar] = []
        piece_ms = _first_piece(length, most)
        while start_ms <= end_ms and len(found) < most:
            until_ms = min(start_ms + piece_ms, end_ms + 1)
            found += await self._piece(symbol, length, start_ms, until_ms)
            start_ms, piece_ms = until_ms, _longer(piece_ms, length)
        return found[:most]

    async def newest_bars(self, symbol: str, length: Length, most: int, end_ms: int) -> Sequence[Bar]:
        found: list[Bar] = []
        piece_ms, until_ms = _first_piece(length, most), end_ms + 1
        oldest_ms = max(0, until_ms - LOOK_BACK_MS)
        while until_ms > oldest_ms and len(found) < most:
            start_ms = max(oldest_ms, until_ms - piece_ms)
            found = [*await self._piece(symbol, length, start_ms, until_ms), *found]
            until_ms, piece_ms = start_ms, _longer(piece_ms, length)
        return found[-most:]

    async def close(self) -> None:
        await self._records.close()

    async def _piece(self, symbol: str, length: Length, start_ms: int, until_ms: int) -> list[Bar]:
        await self._records.connect()
        return [
            Bar(
                time_ms=bar.start_ns // _NS,
                open=float(bar.open),
                high=float(bar.high),
                low=float(bar.low),
                close=float(bar.close),
                volume=bar.volume,
                complete=True,
            )
            for bar in await self._records.bars(symbol, length, start_ms * _NS, until_ms * _NS)
        ]


def _first_piece(length: Length, most: int) -> int:
    return max(_HOUR_MS, most * LENGTHS_MS[length])


def _longer(piece_ms: int, length: Length) -> int:
    return max(piece_ms, min(2 * piece_ms, _MOST_IN_A_PIECE * LENGTHS_MS[length]))
