"""The report feed: whatever is lost, doubled, turned round or unreadable on the way, the sequence has no gap."""

import asyncio
import json
import random
from collections.abc import AsyncIterator

import pytest
from tests.patience import PATIENCE_S

from tradepit.backends.broker.report_feed import ReportFeed
from tradepit.backends.bus.memory import MemoryBus, MemoryHub
from tradepit.ports.bus import Message, Subscription
from tradepit.trading.model.errors import JournalCorrupted
from tradepit.trading.model.report import DayReport
from tradepit.wire import gateway as wire
from tradepit.wire.simulator import BROKER_REPORTS


def report(sequence: int) -> DayReport:
    return DayReport(sequence=sequence, time_ns=sequence, trading_day=20250107, settled_day=20250106, settlement_prices={})


class Exchange:
    """Says the reports on the bus, as badly as told, and answers for gaps."""

    def __init__(self, bus: MemoryBus) -> None:
        self.bus, self.last, self.asked = bus, 0, 0
        self.door: Subscription | None = None

    async def open(self) -> None:
        self.door = await self.bus.serve("rpc.trading-gateway.reports", self.answer)

    async def answer(self, message: Message) -> bytes:
        self.asked += 1
        after = json.loads(message.payload)["after"]
        numbers = range(after + 1, min(self.last, after + 7) + 1)
        return wire.encode({"reports": [report(number) for number in numbers], "last": self.last})

    async def say(self, *numbers: int) -> None:
        for number in numbers:
            self.last = max(self.last, number)
            await self.bus.publish(BROKER_REPORTS.subject, wire.encode(report(number)))


@pytest.fixture
async def exchange() -> AsyncIterator[Exchange]:
    bus = MemoryBus(MemoryHub())
    await bus.connect()
    exchange = Exchange(bus)
    await exchange.open()
    yield exchange
    await bus.close()


def follow(exchange: Exchange, after: int = 0) -> AsyncIterator[DayReport]:
    return ReportFeed(exchange.bus, timeout_s=0.2, check_s=0.01).follow(after)  # type: ignore[return-value]  # this exchange tells days only


async def take(feed: AsyncIterator[DayReport], count: int) -> list[int]:
    async with asyncio.timeout(PATIENCE_S):
        return [(await anext(feed)).sequence for _ in range(count)]


async def test_what_was_said_before_is_asked_for(exchange: Exchange) -> None:
    exchange.last = 20
    assert await take(follow(exchange, after=3), 17) == list(range(4, 21))


async def test_lost_doubled_and_reordered_reports_come_out_once_in_order(exchange: Exchange) -> None:
    chance = random.Random(5)
    feed = follow(exchange)
    assert (await asyncio.gather(take(feed, 1), exchange.say(1)))[0] == [1]
    numbers = [number for number in range(2, 200) if chance.random() < 0.7]
    said = numbers + [number for number in numbers if chance.random() < 0.2]
    said.sort(key=lambda number: number + chance.uniform(0, 4))
    await exchange.say(*said)
    assert await take(feed, max(numbers) - 1) == list(range(2, max(numbers) + 1))


async def test_reports_nobody_heard_are_found_by_asking(exchange: Exchange) -> None:
    feed = follow(exchange)
    await exchange.say(1)
    assert await take(feed, 1) == [1]
    exchange.last = 4
    assert await take(feed, 3) == [2, 3, 4]


async def test_garbage_is_passed_over(exchange: Exchange) -> None:
    feed = follow(exchange)
    await exchange.say(1)
    assert await take(feed, 1) == [1]
    await exchange.bus.publish(BROKER_REPORTS.subject, b"\xff{")
    await exchange.say(2)
    assert await take(feed, 1) == [2]


async def test_an_exchange_out_of_reach_is_waited_for(exchange: Exchange) -> None:
    assert exchange.door is not None
    await exchange.door.stop()
    feed = follow(exchange)
    waiting = asyncio.ensure_future(take(feed, 2))
    await asyncio.sleep(0)
    exchange.last = 2
    await exchange.open()
    assert await waiting == [1, 2]


async def test_an_exchange_that_lost_reports_is_not_followed(exchange: Exchange) -> None:
    exchange.last = 3
    with pytest.raises(JournalCorrupted):
        await take(follow(exchange, after=5), 1)
