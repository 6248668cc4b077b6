"""What the memory bus does beyond the promises every bus keeps."""

import asyncio

import pytest
from tests.patience import PATIENCE_S

from tradepit.backends.bus.memory import MemoryBus, MemoryHub
from tradepit.ports.bus import Channel, Delivery, Message
from tradepit.trading.model.errors import ConfigError, Unavailable

EVENTS = Channel(name="events", subject="events.*", durable=True)
WORK = Channel(name="work", subject="work", delivery=Delivery.COMPETE, durable=True)


async def member(hub: MemoryHub) -> MemoryBus:
    bus = MemoryBus(hub, channels=[EVENTS, WORK])
    await bus.connect()
    return bus


class Inbox:
    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.changed = asyncio.Event()

    async def __call__(self, message: Message) -> None:
        self.messages.append(message)
        self.changed.set()

    async def until(self, count: int) -> list[bytes]:
        async with asyncio.timeout(PATIENCE_S):
            while len(self.messages) < count:
                self.changed.clear()
                await self.changed.wait()
        return [message.payload for message in self.messages]


async def test_a_late_subscriber_gets_what_is_retained_and_an_early_one_everything() -> None:
    hub = MemoryHub(retain=10)
    bus, early, late = await member(hub), Inbox(), Inbox()
    await bus.subscribe(EVENTS, early, replay=True)
    for number in range(100):
        await bus.publish("events.a", b"%d" % number)
    assert len(await early.until(100)) == 100
    for number in range(100, 150):
        await bus.publish("events.a", b"%d" % number)
    await early.until(150)
    await bus.publish("events.a", b"150")
    await bus.subscribe(EVENTS, late, replay=True)
    await late.until(10)
    assert late.messages[-1].payload == b"150"
    assert [message.sequence for message in late.messages] == list(range(152 - len(late.messages), 152))
    assert len(late.messages) <= 20
    await bus.close()


async def test_what_an_abandoned_worker_had_in_hand_goes_to_another_at_once() -> None:
    hub, begun, inbox = MemoryHub(), asyncio.Event(), Inbox()
    doomed, other = await member(hub), await member(hub)

    async def forever(_: Message) -> None:
        begun.set()
        await asyncio.Event().wait()

    await doomed.subscribe(WORK, forever, group="desk")
    await other.publish("work", b"slice")
    async with asyncio.timeout(PATIENCE_S):
        await begun.wait()
    await doomed.abandon()
    await other.subscribe(WORK, inbox, group="desk")
    assert await inbox.until(1) == [b"slice"]
    assert inbox.messages[0].redelivered
    with pytest.raises(Unavailable):
        await doomed.publish("work", b"x")
    await other.close()


async def test_a_responder_that_does_not_wait_answers_without_a_turn_of_the_loop() -> None:
    hub = MemoryHub()
    bus, turns = await member(hub), list[str]()

    async def echo(message: Message) -> bytes:
        return message.payload

    await bus.serve("rpc.echo", echo)
    asyncio.get_running_loop().call_soon(turns.append, "turn")
    assert await bus.request("rpc.echo", b"x", timeout_s=1) == b"x"
    assert turns == []
    await bus.close()


async def test_a_slow_subscriber_of_ticks_loses_the_oldest_and_holds_nobody_up() -> None:
    hub, inbox = MemoryHub(), Inbox()
    bus = await member(hub)
    await bus.subscribe(Channel(name="ticks", subject="ticks"), inbox)
    for number in range(65_536 + 10):
        await bus.publish("ticks", b"%d" % number)
    received = await inbox.until(65_536)
    assert received[0] == b"10"
    assert received[-1] == b"%d" % (65_536 + 9)
    await bus.close()


async def test_a_durable_channel_must_be_declared() -> None:
    bus = await member(MemoryHub())
    with pytest.raises(ConfigError):
        await bus.subscribe(Channel(name="other", subject="other", durable=True), Inbox())
    await bus.close()


async def test_a_bus_that_is_not_connected_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        await MemoryBus(MemoryHub()).publish("events.a", b"x")
