"""Bots that begin together share one answer of the Data API, and miss nothing that was told since it was asked for."""

import asyncio
import threading

import pytest
from tests.bot_stage import instrument, tick
from tests.patience import PATIENCE_S
from tests.waiting import until

from tradepit.bots.live.data_client import DataClient
from tradepit.bots.live.shared_past import SharedPast
from tradepit.runtime.clock import ManualClock
from tradepit.trading.calendar.trading_calendar import load_calendar
from tradepit.trading.model.errors import Unavailable
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.tick import Tick

IF, IC = instrument("IF2501"), instrument("IC2501")


class Slow(DataClient):
    """Answers when it may; ``asked`` is what it was asked for."""

    def __init__(self) -> None:
        super().__init__("http://127.0.0.1:1", load_calendar())
        self.asked: list[tuple[str, int]] = []
        self.may = threading.Event()
        self.may.set()
        self.fails = False

    def ticks(self, instrument: Instrument, most: int) -> list[Tick]:
        self.asked.append((instrument.symbol, most))
        self.may.wait(PATIENCE_S)
        if self.fails:
            raise Unavailable("away")
        return [tick(22_499, 22_501, symbol=instrument.symbol, after_s=number) for number in range(most)]

    def snapshot(self, instrument: Instrument) -> Tick | None:
        return None


async def test_one_question_serves_all_who_ask_in_time_with_what_was_heard_since() -> None:
    client, clock = Slow(), ManualClock()
    past = SharedPast(client, clock)
    client.may.clear()
    past.hear(tick(22_499, 22_501, after_s=90))  # before anybody asked: it is in the answer
    first = asyncio.ensure_future(past.ticks(IF, 3))
    await until(lambda: client.asked)
    heard = [tick(22_499, 22_501, after_s=100 + number) for number in range(3)]
    past.hear(heard[0])
    past.hear(tick(29_999, 30_001, symbol="IC2501"))
    second = asyncio.ensure_future(past.ticks(IF, 2))
    await asyncio.sleep(0)
    first.cancel()
    client.may.set()
    assert [each.time_ns for each in (await second)[3:]] == [heard[0].time_ns]
    past.hear(heard[1])
    assert (await past.ticks(IF, 3))[3:] == heard[:2]
    assert client.asked == [("IF2501", 3)]
    # Somebody wants more, another contract is asked for, and in a while the answer is old.
    assert len(await past.ticks(IF, 4)) == 4
    assert len(await past.ticks(IC, 1)) == 1
    clock.advance_to(6_000_000_000)
    past.hear(heard[2])
    assert len(await past.ticks(IF, 4)) == 4
    assert client.asked == [("IF2501", 3), ("IF2501", 4), ("IC2501", 1), ("IF2501", 4)]


async def test_a_failure_is_told_to_all_who_wait_and_not_remembered() -> None:
    client = Slow()
    past = SharedPast(client, ManualClock())
    client.fails = True
    told = await asyncio.gather(past.ticks(IF, 1), past.ticks(IF, 1), return_exceptions=True)
    assert [type(each) for each in told] == [Unavailable, Unavailable]
    client.fails = False
    assert len(await past.ticks(IF, 1)) == 1
    client.fails = True
    with pytest.raises(Unavailable):
        await past.ticks(IC, 1)
