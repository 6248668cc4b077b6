"""The broker's market on the topics: numbered, the book before the tick, nonsense and unknown contracts passed over, a bus that is away too."""

import msgspec
from tests.broker_house import BrokerHouse, a_tick
from tests.waiting import until

from tradepit.runtime.tick_sequence import RUN_HEADER, SEQUENCE_HEADER
from tradepit.trading.model.tick import Level
from tradepit.wire.simulator import MARKET_DEPTH, MARKET_TICK


async def test_ticks_are_numbered_and_what_is_none_is_passed_over() -> None:
    house = BrokerHouse()
    await house.listen(MARKET_TICK, MARKET_DEPTH)
    async with house.serving() as gateway:
        assert house.market is not None
        house.market.quotes.put_nowait(a_tick())
        house.market.quotes.put_nowait(msgspec.structs.replace(a_tick(), volume_lots=-1))
        house.market.quotes.put_nowait(a_tick(symbol="IF9912"))
        house.market.quotes.put_nowait(msgspec.structs.replace(a_tick(19_501), bids=(Level(19_500, 2), Level(19_499, 1))))
        await until(lambda: len(house.heard["market.tick"]) == 2)
        headers = [message.headers for message in house.heard["market.tick"]]
        assert [(each[RUN_HEADER], each[SEQUENCE_HEADER]) for each in headers] == [("R1", "1"), ("R1", "2")]
        assert house.told(MARKET_TICK)[1]["bid_price_2"] == 3899.8
        assert gateway.health().figures["ticks_dropped"] == 2


async def test_what_the_bus_did_not_take_is_told_as_it_is_when_the_bus_is_back() -> None:
    house = BrokerHouse()
    await house.listen(MARKET_TICK)
    async with house.serving() as gateway:
        assert house.market is not None
        house.gateways_bus.away = True
        for last in (19_500, 19_501, 19_502):
            house.market.quotes.put_nowait(a_tick(last))
        await until(lambda: house.market is not None and house.market.newest.get("IF2501") == a_tick(19_502))
        assert gateway.health().figures["ticks"] == 0
        house.gateways_bus.away = False
        await until(lambda: bool(house.heard["market.tick"]))
        assert house.told(MARKET_TICK)[0]["last_price"] == 3900.4
        assert await house.desk.market("IF2501") == a_tick(19_502)
