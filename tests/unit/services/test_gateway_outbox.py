"""The outbox: nothing is lost between journal and bus, and commands wait when too much is unpublished."""

import asyncio
import json
import random
from collections.abc import Mapping
from typing import TYPE_CHECKING

import pytest

from tradepit.backends.bus.memory import MemoryBus, MemoryHub
from tradepit.backends.bus.seen_ids import SeenIds
from tradepit.ports.bus import Channel
from tradepit.trading.model.errors import StaleEpoch, Unavailable
from tradepit.wire.simulator import BROKER_REPORTS, CHANNELS, ORDERS_NEW, TRADES_EXECUTED

if TYPE_CHECKING:
    from tests.unit.services.conftest import House

PRICE = 19_500


async def test_reports_that_were_journaled_but_not_published_are_published_after_a_kill(house: "House") -> None:
    gateway = await house.start()
    await house.listen()
    heard = await house.listen(BROKER_REPORTS, TRADES_EXECUTED)
    gateway._outbox.cut()
    await house.trade(rounds=5)
    await house.until(lambda: gateway._log.written > 0)
    last = gateway.machine.last_report
    assert heard["broker.reports"] == []
    await house.kill(gateway)
    gateway = await house.start()
    await house.until(lambda: len(heard["broker.reports"]) >= last)
    assert [report["sequence"] for report in heard["broker.reports"]] == list(range(1, last + 1))
    await house.until(lambda: len(heard["trades.executed"]) == 10)


async def test_commands_wait_while_too_many_reports_are_unpublished(house: "House") -> None:
    gateway = await house.start(outbox_reports=3)
    gateway._outbox.cut()
    for number in range(3):
        await house.send(house.order(number, price=PRICE - number))
    with pytest.raises(Unavailable):
        await house.ask("send_order", house.body(house.order(9)), timeout_s=0.05)
    gateway._outbox.mend()
    assert (await house.send(house.order(9)))["order"]["status"] == "OPEN"


class FlakyBus(MemoryBus):
    """Refuses some of the publications, as a bus whose server comes and goes."""

    def __init__(self, hub: MemoryHub) -> None:
        super().__init__(hub, channels=CHANNELS)
        self.chance = random.Random(1)

    async def publish(
        self, subject: str, payload: bytes, *, message_id: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        if self.chance.random() < 0.2:
            raise Unavailable
        await super().publish(subject, payload, message_id=message_id, headers=headers)


async def test_a_bus_that_comes_and_goes_gets_every_report_in_the_end(house: "House") -> None:
    bus = FlakyBus(house.hub)
    await bus.connect()
    gateway = house.gateway(bus)
    heard = await house.listen(BROKER_REPORTS, TRADES_EXECUTED)
    await gateway.start()
    house.gateways[gateway] = bus
    gateway._outbox.cut()
    await house.trade(rounds=3)
    gateway._outbox.mend()
    await house.settled(gateway)
    last = gateway.machine.last_report
    await house.until(lambda: len(heard["broker.reports"]) >= last and len(heard["trades.executed"]) >= 6)
    assert [report["sequence"] for report in heard["broker.reports"]] == list(range(1, last + 1))
    assert len({trade["seq"] for trade in heard["trades.executed"]}) == len(heard["trades.executed"]) == 6


async def test_a_failed_outbox_stops_the_gateway_before_it_forgets_reports(house: "House") -> None:
    gateway = await house.start()
    await gateway._events.append([b"{}"], expected=gateway._event_writer.last, epoch=gateway._epoch + 1)
    await house.send(house.order(1))
    await house.until(lambda: gateway.failure is not None)
    assert isinstance(gateway.failure, StaleEpoch)
    entry = gateway._command_writer.last
    with pytest.raises(Unavailable):
        await refused_until_gone(house)
    assert gateway._command_writer.last == entry


async def refused_until_gone(house: "House") -> None:
    for number in range(2, 100):
        assert (await house.send(house.order(number)))["error"] == "SERVICE_UNAVAILABLE"
        await asyncio.sleep(0)


def forget(house: "House", channel: Channel, count: int) -> list[int]:
    """What a power cut does to a stream whose last messages were not on disk yet; the numbers of the reports it takes."""
    log = house.hub.logs[channel.name]
    taken, log._messages = log._messages[-count:], log._messages[:-count]
    log._ids = SeenIds()
    return [json.loads(message.payload)["seq"] for message in taken]


async def test_what_a_power_cut_took_from_the_topics_is_published_again_and_nothing_else(house: "House") -> None:
    gateway = await house.start()
    await house.trade(rounds=30)
    await house.settled(gateway)
    await house.stop(gateway)
    gone = {channel.name: forget(house, channel, count) for channel, count in ((TRADES_EXECUTED, 5), (ORDERS_NEW, 2))}
    before = {name: house.hub.logs[name].last for name in gone}
    house.hub.logs["orders.filled"]._ids = SeenIds()
    filled = house.hub.logs["orders.filled"].last
    gateway = await house.start()
    await house.settled(gateway)
    for name, numbers in gone.items():
        log = house.hub.logs[name]
        assert [json.loads(log.get(n).payload)["seq"] for n in range(before[name] + 1, log.last + 1)] == numbers
    assert house.hub.logs["orders.filled"].last == filled


async def test_a_last_message_that_is_none_of_the_exchanges_hides_nothing(house: "House") -> None:
    gateway = await house.start()
    await house.trade(rounds=3)
    await house.settled(gateway)
    await house.stop(gateway)
    gone = forget(house, TRADES_EXECUTED, 2)
    for junk in (b'{"seq": 999999999}', b"not json", b'{"seq": "x"}'):
        await house.bus.publish(TRADES_EXECUTED.subject, junk)
        gateway = await house.start()
        await house.settled(gateway)
        await house.stop(gateway)
    log = house.hub.logs[TRADES_EXECUTED.name]
    seqs = [json.loads(log.get(n).payload).get("seq") for n in range(1, log.last + 1) if log.get(n).payload != b"not json"]
    assert set(gone) <= set(seqs)
