"""Bars of the past come in pieces, each once, however long the nights between them are."""

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

import pytest

from tradepit.web.market_past import Length
from tradepit.web.recorded_past import RecordedPast

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
NOW = 1_736_128_800_000
MINUTES: Length = "1m"


class Row(NamedTuple):
    start_ns: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: int


class Kept:
    """Bars by their beginnings."""

    def __init__(self, *starts: int) -> None:
        self.starts = sorted(starts)
        self.asked: list[tuple[int, int]] = []
        self.open = False

    async def connect(self) -> None:
        self.open = True

    async def bars(self, symbol: str, length: Length, start_ns: int, end_ns: int) -> Sequence[Row]:
        assert self.open
        self.asked.append((start_ns, end_ns))
        price = Decimal("4500.2")
        return [
            Row(at * 1_000_000, price, price + 1, price - 1, price, 7)
            for at in self.starts
            if start_ns <= at * 1_000_000 < end_ns
        ]

    async def close(self) -> None:
        self.open = False


def day_of(start_ms: int) -> list[int]:
    return [start_ms + MINUTE * number for number in range(240)]


async def test_an_interval_is_told_whole_and_no_piece_is_asked_for_twice() -> None:
    kept = Kept(*day_of(NOW - 4 * DAY), *day_of(NOW - DAY))
    past = RecordedPast(kept)
    found = await past.bars("IF2501", MINUTES, NOW - 10 * DAY, NOW, most=5_000)
    assert [bar.time_ms for bar in found] == kept.starts
    assert (found[0].open, found[0].high, found[0].low, found[0].volume, found[0].complete) == (4500.2, 4501.2, 4499.2, 7, True)
    assert all(one[1] == two[0] for one, two in zip(kept.asked, kept.asked[1:], strict=False))
    assert (kept.asked[0][0], kept.asked[-1][1]) == ((NOW - 10 * DAY) * 1_000_000, (NOW + 1) * 1_000_000)
    await past.close()
    assert not kept.open


@pytest.mark.parametrize("most", [1, 100, 240, 300, 480, 500])
async def test_the_first_and_the_newest_of_many(most: int) -> None:
    kept = Kept(*day_of(NOW - 4 * DAY), *day_of(NOW - DAY))
    past = RecordedPast(kept)
    found = await past.bars("IF2501", MINUTES, NOW - 30 * DAY, NOW, most=most)
    assert [bar.time_ms for bar in found] == kept.starts[:most]
    found = await past.newest_bars("IF2501", MINUTES, most, NOW)
    assert [bar.time_ms for bar in found] == kept.starts[-most:]
    # Both ends belong to it.
    last = kept.starts[-1]
    assert [bar.time_ms for bar in await past.newest_bars("IF2501", MINUTES, 1, last)] == [last]
    assert [bar.time_ms for bar in await past.bars("IF2501", MINUTES, last, last, most=1)] == [last]
    assert await past.bars("IF2501", MINUTES, last + 1, last, most=1) == []


@pytest.mark.parametrize("length", ["1s", "1m"])
async def test_a_contract_nobody_knows_costs_some_questions_and_not_thousands(length: Length) -> None:
    kept = Kept()
    assert await RecordedPast(kept).newest_bars("IF2501", length, 10, NOW) == []
    assert await RecordedPast(kept).bars("IF2501", length, NOW - 31 * DAY, NOW, most=10) == []
    assert len(kept.asked) < 80
