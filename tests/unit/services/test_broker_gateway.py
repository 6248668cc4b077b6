"""The gateway on a real broker: whoever follows the simulated exchange follows it, through restarts of gateway and broker."""

import pytest
from tests.broker_house import BrokerHouse, a_tick
from tests.order_path import away
from tests.waiting import settle, until

from tradepit.runtime.exchange_desk import ExchangeDesk
from tradepit.trading.model.errors import InternalError
from tradepit.trading.model.terms import SessionPhase
from tradepit.wire.simulator import (
    BROKER_REPORTS,
    MARKET_DEPTH,
    MARKET_PHASE,
    MARKET_TICK,
    ORDERS_FILLED,
    ORDERS_NEW,
    TRADES_EXECUTED,
)


async def test_what_is_reported_is_told_with_its_number_on_every_topic() -> None:
    house = BrokerHouse()
    await house.listen(BROKER_REPORTS, ORDERS_NEW, ORDERS_FILLED, TRADES_EXECUTED)
    gateway = await house.start()
    house.trade(1)
    await until(lambda: len(house.heard["orders.filled"]) == 1)
    assert [report["sequence"] for report in house.told(BROKER_REPORTS)] == [1, 2, 3]
    assert [(row["seq"], row["client_order_id"]) for row in house.told(ORDERS_NEW)] == [(1, "c1")]
    assert [(row["seq"], row["volume"], row["price"]) for row in house.told(TRADES_EXECUTED)] == [(2, 5, 3900.0)]
    assert [row["status"] for row in house.told(ORDERS_FILLED)] == ["FILLED"]
    assert [report.sequence async for report in house.desk.reports(1)] == [2, 3]
    assert gateway.health().figures["unpublished"] == 0
    await gateway.stop()
    await gateway.stop()
    assert house.failures == []


async def test_a_new_gateway_goes_on_where_the_old_one_ended_and_tells_nothing_twice() -> None:
    house = BrokerHouse()
    await house.listen(BROKER_REPORTS, TRADES_EXECUTED)
    first = await house.start()
    house.trade(1)
    await until(lambda: len(house.heard["trades.executed"]) == 1)
    # As a kill leaves it: nothing was said to anybody.
    await first._tasks.stop()
    for door in first._open:
        await door.stop()
    house.trade(2)
    house.heard["broker.reports"].clear()
    second = await house.start()
    await until(lambda: len(house.heard["trades.executed"]) == 2)
    await settle(200)
    assert [row["seq"] for row in house.told(TRADES_EXECUTED)] == [2, 5]
    # Reports are announced again, under their old numbers: who has them knows them by these.
    assert [report["sequence"] for report in house.told(BROKER_REPORTS)] == [1, 2, 3, 4, 5, 6]
    assert await house.desk.last_report() == 6
    await second.stop()


async def test_the_doors_open_once_all_that_was_reported_is_known() -> None:
    house = BrokerHouse()
    await house.listen(BROKER_REPORTS)
    for number in range(1, 40):
        house.trade(number)
    gateway = await house.start()
    reader = ExchangeDesk(house.bus)
    await until(lambda: gateway._serving)
    assert await reader.last_report() == 3 * 39
    assert (await reader.account("A1")) is not None
    assert (await reader.account("nobody")) is None
    await gateway.stop()


async def test_ticks_go_out_as_book_and_tick_and_silence_is_seen() -> None:
    house = BrokerHouse()
    await house.listen(MARKET_TICK, MARKET_DEPTH)
    gateway = await house.start()
    assert house.market is not None
    await until(lambda: gateway.health().ready)
    house.market.quotes.put_nowait(a_tick())
    await until(lambda: bool(house.heard["market.tick"]))
    assert house.told(MARKET_TICK) == house.told(MARKET_DEPTH)
    shown = await house.desk.market("IF2501")
    assert shown is not None
    assert shown.last_ticks == 19_500
    figures = gateway.health().figures
    assert figures["ticks"] == 1
    # The manual clock flies: half a minute is over soon, and nothing was heard in it.
    await until(lambda: "no quotes" in gateway.health().reason)
    assert gateway.health().ready
    assert gateway.health().figures["silent_contracts"] == 1
    # What the market says of itself is told with it.
    assert gateway.health().figures["market_restarts"] == 0
    await gateway.stop()
    assert not house.market.connected


async def test_phases_are_told_once_and_when_they_change() -> None:
    house = BrokerHouse(market=False)
    await house.listen(MARKET_PHASE)
    gateway = await house.start()
    await until(lambda: bool(house.heard["market.phase"]))
    await settle()
    told = house.broker.listings[0].instrument
    house.broker.listings = [house.broker.listing(told, SessionPhase.BREAK)]
    await until(lambda: len(house.heard["market.phase"]) == 2)
    assert [(row["symbol"], row["phase"]) for row in house.told(MARKET_PHASE)] == [("IF2501", "CONTINUOUS"), ("IF2501", "BREAK")]
    # Nothing was reported yet: the day is the calendar's.
    assert house.told(MARKET_PHASE)[0]["trading_day"] == 20250106
    await gateway.stop()


async def test_a_broker_that_is_away_is_said_so_and_waited_for() -> None:
    house = BrokerHouse(market=False)
    await house.listen(TRADES_EXECUTED)
    house.broker.mishaps["instruments"] = away(30)
    house.broker.mishaps["find"] = away(30)
    house.trade(1)
    gateway = await house.start()
    await until(lambda: gateway.health().reason.startswith("the broker does not answer"))
    assert not gateway.health().ready
    await until(lambda: bool(house.heard["trades.executed"]))
    await until(lambda: gateway.health().ready)
    await gateway.stop()


async def test_what_cannot_go_on_ends_the_process() -> None:
    house = BrokerHouse(market=False)
    house.broker.mishaps["instruments"] = away(0)
    gateway = await house.start()
    gateway._tasks.spawn(_fail(), "reports")
    await until(lambda: bool(house.failures))
    assert gateway.health().status == "UNHEALTHY"
    await gateway.stop()


async def _fail() -> None:
    raise InternalError


async def test_before_it_has_started_it_is_not_ready() -> None:
    house = BrokerHouse()
    gateway = house.make()
    assert not gateway.health().ready
    await gateway.stop()


@pytest.mark.parametrize("market", [True, False])
async def test_without_quotes_depth_shows_an_empty_market(market: bool) -> None:
    house = BrokerHouse(market=market)
    await house.bus.connect()
    gateway = await house.start()
    await until(lambda: gateway._serving)
    assert await house.desk.market("IF2501") is None
    await gateway.stop()
