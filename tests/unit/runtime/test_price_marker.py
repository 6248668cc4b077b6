"""Positions follow the newest price; what is no price is counted."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from tradepit.backends.bus.memory import MemoryBus
from tradepit.runtime.clock import ManualClock
from tradepit.runtime.position_follower import PositionFollower
from tradepit.runtime.price_marker import PriceMarker
from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.model.terms import Side

if TYPE_CHECKING:
    from tests.unit.conftest import StubExchange


async def test_ticks_value_positions(bus: MemoryBus, exchange: "StubExchange", turns: Callable[[], Awaitable[None]]) -> None:
    clock = ManualClock(1)
    follower = PositionFollower(bus, clock, load_catalog(), "test")
    marker = PriceMarker(bus, clock, follower)
    await marker.start()
    await follower.start()
    await exchange.trade(Side.BUY, 1)
    await turns()
    for payload in (
        b'{"symbol":"IF2501","last_price":3901.0}',
        b'{"symbol":"IF2501","last_price":0}',
        b'{"symbol":"XX","last_price":1}',
    ):
        await bus.publish("market.tick.IF2501", payload)
    for payload in (
        b'{"symbol":"IF2501","last_price":3901.1}',
        b'{"symbol":"IF2501","last_price":1e999999}',
        b"junk",
        b'{"symbol":1}',
    ):
        await bus.publish("market.tick.IF2501", payload)
    await turns()
    assert follower.book.account("A1").position_profit == 300
    assert (marker.ticks, marker.refused) == (3, 4)
    assert marker.figures()["ticks_refused"] == 4
    await marker.stop()
    await follower.stop()
