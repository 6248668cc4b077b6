"""What the bus on RabbitMQ promises while its server, a worker or a connection dies: nothing lost, nobody deaf."""

import asyncio
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import aiormq
import pytest
from aiormq.channel import Channel as AmqpChannel
from tests.bus_outages import CHANNELS, EVENTS, TICKS, WORK, Collected
from tests.patience import PATIENCE_S
from tests.servers.rabbitmq import RabbitmqServer
from tests.servers.relay import Relay

from tradepit.backends.bus.rabbitmq import RabbitmqBus
from tradepit.ports.bus import Message
from tradepit.trading.model.errors import TimedOut, Unavailable


class House:
    """A server and the members of one case, whose exchanges and queues are their own."""

    def __init__(self, server: RabbitmqServer, stack: AsyncExitStack) -> None:
        self.server, self._stack = server, stack
        self.prefix = f"t{secrets.token_hex(4)}"
        self.settle_s = 2.0  # a case that does not kill the server need not wait until it has noted its queues

    async def join(self, *, publish_timeout_s: float = PATIENCE_S, url: str = "") -> RabbitmqBus:
        bus = RabbitmqBus(
            url or self.server.url,
            name="outage",
            channels=CHANNELS,
            prefix=self.prefix,
            publish_timeout_s=publish_timeout_s,
            settle_s=self.settle_s,
        )
        await bus.connect()
        self._stack.push_async_callback(bus.close)
        return bus

    async def saboteur(self) -> AmqpChannel:
        connection = await aiormq.connect(self.server.url)
        self._stack.push_async_callback(connection.close)
        channel = await connection.channel()
        assert isinstance(channel, AmqpChannel)
        return channel

    async def relay(self) -> Relay:
        return await self._stack.enter_async_context(Relay(self.server.port))

    async def restart(self) -> None:
        await asyncio.to_thread(self.server.kill)
        await asyncio.to_thread(self.server.start)


@pytest.fixture
async def house(rabbitmq_server: RabbitmqServer) -> AsyncIterator[House]:
    async with AsyncExitStack() as stack:
        yield House(rabbitmq_server, stack)


@pytest.fixture(autouse=True)
def running(rabbitmq_server: RabbitmqServer) -> Iterator[None]:
    yield
    rabbitmq_server.resume()
    rabbitmq_server.start()


def numbers(count: int, start: int = 0) -> list[bytes]:
    return [str(number).encode() for number in range(start, start + count)]


async def test_a_broadcast_subscriber_misses_nothing_when_the_server_is_killed(house: House) -> None:
    publisher, reader = await house.join(), await house.join()
    inbox, quiet = Collected(PATIENCE_S), Collected(PATIENCE_S)
    await reader.subscribe(EVENTS, inbox, replay=True)
    await publisher.publish("trades.executed", b"before")
    await reader.subscribe(EVENTS, quiet)  # has heard nothing yet when the server dies
    done = 0
    for _ in range(2):
        await house.restart()
        for payload in numbers(20, done):
            await publisher.publish("trades.executed", payload)
        done += 20
    assert await inbox.until(done + 1) == [b"before", *numbers(done)]
    assert await quiet.until(done) == numbers(done)
    assert reader.reconnects == 2


async def test_publications_under_way_while_the_server_is_killed_are_kept_once_in_order(house: House) -> None:
    publisher, reader = await house.join(), await house.join()
    inbox = Collected(PATIENCE_S)
    await reader.subscribe(EVENTS, inbox, replay=True)
    publishing = [asyncio.create_task(publisher.publish("trades.executed", payload)) for payload in numbers(5000)]
    await inbox.until(100)
    await house.restart()
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*publishing)
    assert await inbox.until(5000) == numbers(5000)
    late = Collected(PATIENCE_S)
    await reader.subscribe(EVENTS, late, replay=True)
    assert await late.until(5000) == numbers(5000)


async def test_publishing_waits_for_the_server_to_come_back(house: House) -> None:
    publisher = await house.join()
    await asyncio.to_thread(house.server.kill)
    publishing = [asyncio.create_task(publisher.publish("trades.executed", payload)) for payload in numbers(10)]
    await publisher.publish("market.tick.IF2501", b"dropped")  # best effort: neither blocks nor raises
    await asyncio.to_thread(house.server.start)
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*publishing)
    inbox = Collected(PATIENCE_S)
    await publisher.subscribe(EVENTS, inbox, replay=True)
    assert await inbox.until(10) == numbers(10)
    assert publisher.dropped == 1


async def test_publishing_to_a_server_that_stays_away_is_unavailable(house: House) -> None:
    house.settle_s = 0
    publisher = await house.join(publish_timeout_s=0.3)
    await asyncio.to_thread(house.server.kill)
    with pytest.raises(Unavailable):
        await publisher.publish("trades.executed", b"x")
    with pytest.raises(Unavailable):
        await publisher.request("rpc.anybody.anything", b"", timeout_s=0.3)
    with pytest.raises(Unavailable):
        await publisher.last(EVENTS)


async def test_subscribers_and_responders_hear_again_after_a_kill(house: House) -> None:
    one, two = await house.join(), await house.join()
    inbox, work = Collected(PATIENCE_S), Collected(PATIENCE_S)
    await one.subscribe(TICKS, inbox)
    for _ in range(2):
        await (await house.join()).subscribe(WORK, work, group="desk", max_in_flight=3)

    async def echo(message: Message) -> bytes:
        return message.payload

    await one.serve("rpc.order-management.*", echo)
    await one.serve("rpc.shared.*", echo, group="desk")
    for payload in numbers(30):
        await two.publish("orders.algo.twap", payload)
    await house.restart()

    async def heard() -> bool:
        await two.publish("market.tick.IF2501", b"tick")
        try:
            asked = [await two.request(f"rpc.{name}.buy", b"10", timeout_s=0.5) for name in ("order-management", "shared")]
        except Unavailable:
            return False
        return asked == [b"10", b"10"] and bool(inbox.payloads)

    async with asyncio.timeout(PATIENCE_S):
        while not await heard():  # noqa: ASYNC110 - both sides must have reconnected, which nothing announces
            await asyncio.sleep(0.02)
    for payload in numbers(30, 30):
        await two.publish("orders.algo.twap", payload)
    assert set(await work.until(60)) == set(numbers(60))


async def test_nobody_stays_deaf_when_the_server_lost_its_store(house: House) -> None:
    bus, events, work = await house.join(), Collected(PATIENCE_S), Collected(PATIENCE_S)
    await bus.subscribe(EVENTS, events, replay=True)
    await bus.subscribe(WORK, work, group="desk")
    for payload in (b"before", b"before too"):
        await bus.publish("trades.executed", payload)
    await bus.publish("orders.algo.twap", b"before")
    await events.until(2)
    await work.until(1)
    await asyncio.to_thread(house.server.kill)
    await asyncio.to_thread(house.server.forget)
    await asyncio.to_thread(house.server.start)
    await bus.publish("trades.executed", b"after")  # the new stream's number 1, as the lost one was
    await bus.publish("orders.algo.twap", b"after")
    assert await events.until(3) == [b"before", b"before too", b"after"]
    assert await work.until(2) == [b"before", b"after"]
    last = await bus.last(EVENTS)
    assert last is not None
    assert last.payload == b"after"


async def test_a_frozen_server_is_noticed_and_nothing_is_lost(house: House) -> None:
    house.settle_s = 0
    bus, inbox, work = await house.join(), Collected(PATIENCE_S), Collected(PATIENCE_S)
    await bus.subscribe(EVENTS, inbox)
    await bus.subscribe(WORK, work, group="desk")
    await bus.publish("trades.executed", b"0")
    house.server.pause()
    publishing = [asyncio.create_task(bus.publish(subject, b"1")) for subject in ("trades.executed", "orders.algo.twap")]
    with pytest.raises(TimedOut):
        await bus.request("rpc.anybody.anything", b"", timeout_s=0.2)
    house.server.resume()
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*publishing)
    assert await inbox.until(2) == [b"0", b"1"]
    assert await work.until(1) == [b"1"]


async def test_a_cut_cable_loses_nothing(house: House) -> None:
    house.settle_s = 0
    relay = await house.relay()
    bus, other = await house.join(url=house.server.url_at(relay.port)), await house.join()
    events, work = Collected(PATIENCE_S), Collected(PATIENCE_S)
    await bus.subscribe(EVENTS, events)
    await bus.subscribe(WORK, work, group="desk", max_in_flight=5)
    for part in range(5):
        publishing = [asyncio.create_task(bus.publish("trades.executed", payload)) for payload in numbers(200, 200 * part)]
        for payload in numbers(20, 20 * part):
            await other.publish("orders.algo.twap", payload)
        relay.cut()
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(*publishing)
    assert await events.until(1000) == numbers(1000)
    assert set(await work.until(100)) == set(numbers(100))


async def test_a_silent_cable_is_given_up(house: House) -> None:
    house.settle_s = 0
    relay = await house.relay()
    bus, other, events, ticks = (
        await house.join(url=house.server.url_at(relay.port)),
        await house.join(),
        Collected(PATIENCE_S),
        Collected(PATIENCE_S),
    )
    await bus.subscribe(EVENTS, events)
    await bus.subscribe(TICKS, ticks)
    await other.publish("trades.executed", b"0")
    await events.until(1)
    relay.silence()
    before = relay.accepted
    publishing = asyncio.create_task(bus.publish("trades.executed", b"1"))
    async with asyncio.timeout(PATIENCE_S):
        while relay.accepted == before:  # noqa: ASYNC110 - it gives up by itself and tries a new connection
            await asyncio.sleep(0.05)
        relay.restore()
        await publishing
    assert bus.reconnects == 1
    assert await events.until(2) == [b"0", b"1"]


async def test_what_vanished_is_rebuilt(house: House) -> None:
    house.settle_s = 0
    bus, events, work, ticks = await house.join(), Collected(PATIENCE_S), Collected(PATIENCE_S), Collected(PATIENCE_S)
    await bus.subscribe(EVENTS, events)
    await bus.subscribe(WORK, work, group="desk")
    await bus.subscribe(TICKS, ticks)
    await bus.publish("trades.executed", b"0")
    await bus.publish("orders.algo.twap", b"0")
    await events.until(1)
    await work.until(1)
    channel = await house.saboteur()
    await channel.queue_delete(f"{house.prefix}.trades.executed")
    await channel.queue_delete(f"{house.prefix}.orders.algo.desk")
    await channel.exchange_delete(f"{house.prefix}.topics")
    await bus.publish("trades.executed", b"1")
    await bus.publish("orders.algo.twap", b"1")
    assert await events.until(2) == [b"0", b"1"]
    assert set(await work.until(2)) == {b"0", b"1"}


async def test_work_of_a_killed_worker_process_goes_to_another(house: House) -> None:
    house.settle_s = 0
    program = f"""
import asyncio
from tradepit.backends.bus.rabbitmq import RabbitmqBus
from tradepit.ports.bus import Channel, Delivery
WORK = Channel(name="orders.algo", subject="orders.algo.*", delivery=Delivery.COMPETE, durable=True)
async def handler(message):
    print("begun", flush=True)
    await asyncio.Event().wait()
async def main():
    bus = RabbitmqBus({house.server.url!r}, name="doomed", channels=[WORK], prefix={house.prefix!r})
    await bus.connect()
    await bus.subscribe(WORK, handler, group="desk")
    await asyncio.Event().wait()
asyncio.run(main())
"""
    bus, inbox, redelivered = await house.join(), Collected(PATIENCE_S), []
    await bus.publish("orders.algo.twap", b"slice")
    doomed = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE)
    assert doomed.stdout is not None
    async with asyncio.timeout(PATIENCE_S):
        assert await doomed.stdout.readline() == b"begun\n"
    doomed.send_signal(signal.SIGKILL)
    await doomed.wait()

    async def handler(message: Message) -> None:
        redelivered.append(message.redelivered)
        await inbox(message)

    await bus.subscribe(WORK, handler, group="desk")
    assert await inbox.until(1) == [b"slice"]
    assert redelivered == [True]


async def test_connecting_to_no_server_is_unavailable() -> None:
    bus = RabbitmqBus("amqp://127.0.0.1:9/", name="nobody")
    with pytest.raises(Unavailable):
        await bus._link.connect(timeout_s=0.2)
