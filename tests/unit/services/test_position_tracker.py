"""Trackers keep everything, each of them, and answer for each other."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import msgspec
from tests.patience import PATIENCE_S

from tradepit.backends.bus.memory import MemoryBus
from tradepit.runtime.clock import ManualClock
from tradepit.runtime.position_doors import StateReply
from tradepit.services.position_tracker import PositionTracker
from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.model.account import Account
from tradepit.trading.model.terms import Side
from tradepit.trading.orders.position_book import digest_positions
from tradepit.wire.gateway import PositionsReply

if TYPE_CHECKING:
    from tests.unit.conftest import StubExchange
    from tests.unit.services.conftest import House

Turns = Callable[[], Awaitable[None]]


async def ask(bus: MemoryBus, subject: str) -> dict[str, Any]:
    reply: dict[str, Any] = msgspec.json.decode(await bus.request(subject, b"", timeout_s=60))
    return reply


async def test_early_and_late_trackers_say_the_same(bus: MemoryBus, exchange: "StubExchange", turns: Turns) -> None:
    clock = ManualClock(1)
    trackers = [PositionTracker(bus, clock, load_catalog(), f"pt-{number}") for number in (1, 2)]
    await trackers[0].start()
    for number in range(20):
        await exchange.trade(Side.BUY if number % 3 else Side.SELL, 1 + number, account=f"A{number % 4}", skip=2)
    await trackers[1].start()
    await turns()
    states = [await ask(bus, f"service.position-tracker.pt-{number}.state") for number in (1, 2)]
    assert states[0]["digest"] == states[1]["digest"]
    assert [state["trades"] for state in states] == [20, 20]
    assert states[0]["positions"] == states[1]["positions"]
    assert (await ask(bus, "rpc.position-tracker.digest"))["digest"] == states[0]["digest"]
    for tracker in trackers:
        health = tracker.health()
        assert (health.ready, health.figures["trades"], health.figures["positions_digest"]) == (True, 20, states[0]["digest"])
        await tracker.stop()


async def test_a_tracker_without_its_exchange_is_not_ready(bus: MemoryBus, turns: Turns) -> None:
    tracker = PositionTracker(bus, ManualClock(1), load_catalog(), "pt-1")
    await tracker.start()
    await turns()
    health = tracker.health()
    assert (health.status, health.ready) == ("ACTIVE", False)
    await tracker.stop()


async def test_stopping_while_it_waits_for_the_exchange_does_not_hang(
    bus: MemoryBus, exchange: "StubExchange", turns: Turns
) -> None:
    exchange.down = True
    await exchange.trade(Side.BUY, 1)
    tracker = PositionTracker(bus, ManualClock(1), load_catalog(), "pt-1")
    await tracker.start()
    await turns()
    async with asyncio.timeout(PATIENCE_S):
        await tracker.stop()


async def test_trackers_equal_the_exchange_through_its_death(house: "House") -> None:
    first = await house.start()
    early = PositionTracker(house.bus, house.clock, load_catalog(), "pt-1")
    await early.start()
    await house.trade(rounds=12)
    await house.settled(first)
    await house.kill(first)
    second = await house.start()
    await house.trade(first=13, rounds=12)
    await house.settled(second)
    late = PositionTracker(house.bus, house.clock, load_catalog(), "pt-2")
    await late.start()
    trades = 48
    await house.until(lambda: early.health().figures["trades"] == late.health().figures["trades"] == trades)
    replies = [await house.ask("positions", {"account": account}) for account in ("A", "B")]
    told = [msgspec.convert(reply, PositionsReply, strict=False) for reply in replies]
    venue = digest_positions(held for reply in told for held in reply.positions)
    assert early.health().figures["positions_digest"] == late.health().figures["positions_digest"] == venue
    await house.until(lambda: late.health().ready)
    money = msgspec.convert((await house.ask("account", {"account": "A"}))["account"], Account, strict=False)
    ours = msgspec.convert(await ask(house.bus, "service.position-tracker.pt-2.state"), StateReply, strict=False).accounts[0]
    assert (ours.fee, ours.margin, ours.static_balance) == (money.fee, money.margin, money.static_balance)
    await early.stop()
    await late.stop()
