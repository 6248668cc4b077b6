"""The exchange's time: never backwards, driven by ticks or by a clock."""

import asyncio
from typing import TYPE_CHECKING

import pytest

from tradepit.runtime.clock import ManualClock, SystemClock
from tradepit.services.gateway_time import ExchangeTime
from tradepit.trading.matching.commands import AdvanceTime, ApplyTick
from tradepit.trading.model.errors import BadRequest
from tradepit.wire.simulator import MARKET_PHASE

if TYPE_CHECKING:
    from tests.unit.services.conftest import House

TEN = 1_736_128_800_000_000_000  # 2025-01-06 10:00 in China
SECOND = 1_000_000_000
DAY = 86_400 * SECOND


class SteppedClock(SystemClock):
    """Looks like the machine's clock and is set by hand."""

    def __init__(self, now_ns: int) -> None:
        self.at_ns = now_ns

    def now_ns(self) -> int:
        return self.at_ns

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


def test_a_clock_set_back_does_not_turn_time_back() -> None:
    clock = SteppedClock(TEN)
    time = ExchangeTime(clock, max_jump_s=1)
    assert time.stamp(AdvanceTime()) == TEN
    clock.at_ns -= DAY
    assert time.stamp(AdvanceTime()) == TEN
    time.not_before(TEN + SECOND)
    assert time.now_ns() == TEN + SECOND
    with pytest.raises(BadRequest):
        time.advance_to(TEN + 2 * SECOND)


def test_ticks_drive_a_manual_clock_within_the_bound(house: "House") -> None:
    time = ExchangeTime(ManualClock(TEN), max_jump_s=86_400)
    assert time.stamp(ApplyTick(tick=house.tick(TEN + SECOND))) == TEN + SECOND
    assert time.stamp(ApplyTick(tick=house.tick(TEN))) == TEN + SECOND
    time.advance_to(TEN + 2 * SECOND)
    assert time.now_ns() == TEN + 2 * SECOND
    for wrong in (TEN + 3 * DAY, 0, -1, 2**63):
        with pytest.raises(BadRequest):
            time.advance_to(wrong)


def test_the_first_instant_of_a_driven_exchange_may_be_any() -> None:
    time = ExchangeTime(ManualClock(0), max_jump_s=1)
    time.advance_to(TEN)
    assert time.now_ns() == TEN


async def test_phases_change_by_the_clock_without_anybody_asking(house: "House") -> None:
    clock = house.clock = SteppedClock(TEN)
    await house.start()
    heard = await house.listen(MARKET_PHASE)
    clock.at_ns = TEN + 2 * 3600 * SECOND
    await house.until(lambda: any(phase["phase"] == "BREAK" for phase in heard["market.phase"]))
    assert (await house.ask("advance_time", {"now_ns": TEN + DAY}))["error"] == "INVALID_REQUEST"
