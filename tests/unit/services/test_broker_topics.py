"""A broker's reports on the durable topics: each once and in order, through an absent bus, unknown contracts and foreign messages."""

import msgspec
from tests.broker_house import BrokerHouse
from tests.order_path import an_intent, away
from tests.waiting import until

from tradepit.wire.simulator import ORDERS_CANCELLED, ORDERS_FILLED, ORDERS_NEW, TRADES_EXECUTED

TOPICS = (ORDERS_NEW, ORDERS_FILLED, ORDERS_CANCELLED, TRADES_EXECUTED)


def numbers(house: BrokerHouse) -> list[object]:
    return sorted(row["seq"] for channel in TOPICS for row in house.told(channel))  # type: ignore[type-var]  # numbers


async def test_what_the_bus_did_not_keep_is_published_when_it_is_back() -> None:
    house = BrokerHouse(market=False)
    await house.listen(*TOPICS)
    async with house.serving() as gateway:
        house.gateways_bus.away = True
        for number in range(3):
            house.trade(number)
        await until(lambda: gateway.health().figures["last_report"] == 1)
        house.gateways_bus.away = False
        await until(lambda: len(numbers(house)) == 9)
    assert numbers(house) == list(range(1, 10))


async def test_a_report_of_an_unknown_contract_waits_for_the_broker_and_is_passed_over_when_it_says_no() -> None:
    house = BrokerHouse(market=False)
    await house.listen(*TOPICS)
    house.broker.mishaps["find"] = away(5)
    house.venue.arrive(msgspec.structs.replace(an_intent(1), symbol="IF9912"))
    house.trade(2)
    async with house.serving() as gateway:
        await until(lambda: len(numbers(house)) == 3)
        assert numbers(house) == [2, 3, 4]
        assert gateway.health().figures["unpublished"] == 0


async def test_what_a_topic_holds_that_is_no_report_of_this_broker_counts_as_nothing() -> None:
    house = BrokerHouse(market=False)
    await house.listen(*TOPICS)
    await house.bus.publish(TRADES_EXECUTED.subject, b'{"seq": 900}')
    await house.bus.publish(ORDERS_NEW.subject, b"nothing")
    for channel in (TRADES_EXECUTED, ORDERS_NEW):
        await until(lambda name=channel.name: bool(house.heard[name]))  # type: ignore[misc]  # bound at once
        house.heard[channel.name].clear()
    house.trade(1)
    async with house.serving():
        await until(lambda: len(numbers(house)) == 3)
    assert numbers(house) == [1, 2, 3]


async def test_days_are_on_no_topic() -> None:
    house = BrokerHouse(market=False)
    await house.listen(*TOPICS)
    async with house.serving() as gateway:
        house.venue.settle(20250107)
        house.trade(1)
        await until(lambda: len(numbers(house)) == 3)
        assert numbers(house) == [2, 3, 4]
        assert gateway.health().figures["trading_day"] == 20250107
