"""Bars from the hot window's rollups: four prices and the lots between two of the day's totals."""

import asyncio
from collections.abc import Callable, Sequence
from itertools import pairwise

from tradepit.ports.series import MOST_MS, Aggregate, Sample, SeriesCache
from tradepit.web.data_question import Part
from tradepit.wire.data_api import Bar
from tradepit.wire.market_series import LENGTHS_MS, PRICE, VOLUME, rollup_key

SameDay = Callable[[int, int], bool]
"""Whether two instants (ms) belong to one trading day of a contract, as far as somebody knows."""

# No two trading days are nearer to one another.
_BETWEEN_DAYS_MS = 600_000
_PRICES = (Aggregate.FIRST, Aggregate.MAX, Aggregate.MIN, Aggregate.LAST)


class HotBars:
    """Raises what the cache raises."""

    def __init__(self, series: SeriesCache) -> None:
        self._series = series

    async def oldest_ms(self, symbol: str, length: str) -> int:
        """When the oldest bar there is begins, 0 without any."""
        oldest = await self._series.range(_closes(symbol, length), 0, MOST_MS, most=1)
        return oldest[0].at_ms if oldest else 0

    async def bars(self, symbol: str, length: str, part: Part, since_ms: int, same_day: SameDay) -> list[Bar]:
        """Bars that are asked for, one more than the limit where there are more.

        ``since_ms`` is since when no tick was missed: of the bar in which that was nobody knows all lots.
        """
        closes = await self._closes(symbol, length, part)
        if not closes:
            return []
        first_ms, last_ms = closes[0].at_ms, closes[-1].at_ms
        totals_key = rollup_key(symbol, VOLUME, length, Aggregate.LAST)
        opens, highs, lows, totals, before, newest = await asyncio.gather(
            *(self._series.range(rollup_key(symbol, PRICE, length, each), first_ms, last_ms) for each in _PRICES[:3]),
            self._series.range(totals_key, first_ms, last_ms),
            self._series.newest(totals_key, 1, end_ms=first_ms - 1) if first_ms else _nothing(),
            self._series.newest(totals_key, 1),
        )
        newest_ms = newest[0].at_ms if newest else last_ms
        lots = _lots([*before, *totals], LENGTHS_MS[length], since_ms, same_day)
        told = [{sample.at_ms: sample.value for sample in samples} for samples in (opens, highs, lows)]
        return [
            Bar(
                time_ms=close.at_ms,
                open=told[0][close.at_ms],
                high=told[1][close.at_ms],
                low=told[2][close.at_ms],
                close=close.value,
                volume=lots.get(close.at_ms),
                complete=close.at_ms < newest_ms,
            )
            for close in closes
            # A bar that was dropped between two questions is not told in part.
            if all(close.at_ms in held for held in told)
        ]

    async def _closes(self, symbol: str, length: str, part: Part) -> Sequence[Sample]:
        key = _closes(symbol, length)
        if part.newest:
            return await self._series.newest(key, part.newest, end_ms=part.end_ms)
        return await self._series.range(key, part.start_ms, part.end_ms, most=part.limit + 1)


def _lots(totals: Sequence[Sample], length_ms: int, since_ms: int, same_day: SameDay) -> dict[int, int]:
    """What traded in each bar but the first: the day's lots at its end less those at the end of the one before it."""
    found: dict[int, int] = {}
    for former, total in pairwise(totals):
        if total.at_ms <= since_ms < total.at_ms + length_ms:
            continue
        near = total.at_ms - former.at_ms < _BETWEEN_DAYS_MS
        goes_on = total.value >= former.value and (near or same_day(former.at_ms, total.at_ms))
        found[total.at_ms] = round(total.value - former.value if goes_on else total.value)
    return found


def _closes(symbol: str, length: str) -> str:
    return rollup_key(symbol, PRICE, length, Aggregate.LAST)


async def _nothing() -> list[Sample]:
    return []
