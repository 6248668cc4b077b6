"""What the bus on Kafka promises while its broker, a worker or a topic dies: nothing lost, nobody deaf."""

import asyncio
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions
from confluent_kafka.admin import AdminClient
from tests.bus_outages import Collected
from tests.patience import PATIENCE_S, until
from tests.servers.kafka import KafkaServer

from tradepit.backends.bus.kafka import KafkaBus
from tradepit.ports.bus import Channel, Delivery, Message
from tradepit.trading.model.errors import TimedOut, Unavailable


class House:
    """A broker and the members of one case, whose topics are their own."""

    def __init__(self, server: KafkaServer, stack: AsyncExitStack) -> None:
        self.server, self._stack = server, stack
        self.key = f"t{secrets.token_hex(4)}"
        self.events = Channel(name="events", subject=f"{self.key}.events", durable=True)
        self.work = Channel(name="work", subject=f"{self.key}.work.*", delivery=Delivery.COMPETE, durable=True)
        self.ticks = Channel(name="ticks", subject=f"{self.key}.ticks.*")

    async def join(self, *, publish_timeout_s: float = PATIENCE_S) -> KafkaBus:
        channels = (self.events, self.work, self.ticks)
        bus = KafkaBus(self.server.url, name="outage", channels=channels, prefix=self.key, publish_timeout_s=publish_timeout_s)
        await bus.connect()
        self._stack.push_async_callback(bus.close)
        return bus

    async def has_heard_that_one_is_done(self, topic: str) -> None:
        """The broker has the group's word that its first message is done; it is given now and then."""
        admin = AdminClient({"bootstrap.servers": self.server.address})
        asked = ConsumerGroupTopicPartitions(f"{self.key}-desk")

        async def heard() -> bool:
            (answer,) = admin.list_consumer_group_offsets([asked]).values()
            told = await asyncio.wrap_future(answer)
            return any(place.topic == topic and place.offset >= 1 for place in told.topic_partitions)

        await until(heard)

    async def restart(self) -> None:
        await asyncio.to_thread(self.server.kill)
        await asyncio.to_thread(self.server.start)


@pytest.fixture
async def house(kafka_server: KafkaServer) -> AsyncIterator[House]:
    async with AsyncExitStack() as stack:
        yield House(kafka_server, stack)


@pytest.fixture(autouse=True)
def running(kafka_server: KafkaServer) -> Iterator[None]:
    yield
    kafka_server.resume()
    kafka_server.start()


def numbers(count: int, start: int = 0) -> list[bytes]:
    return [str(number).encode() for number in range(start, start + count)]


async def test_publications_under_way_while_the_broker_is_killed_are_kept_once_in_order(house: House) -> None:
    publisher, reader = await house.join(), await house.join()
    inbox, quiet = Collected(PATIENCE_S), Collected(PATIENCE_S)
    await reader.subscribe(house.events, inbox, replay=True)
    await reader.subscribe(house.events, quiet)  # has heard nothing yet, or little, when the broker dies
    publishing = [asyncio.create_task(publisher.publish(house.events.subject, payload)) for payload in numbers(5000)]
    await inbox.until(100)
    await house.restart()
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*publishing)
    assert await inbox.until(5000) == numbers(5000)
    assert await quiet.until(5000) == numbers(5000)
    late = Collected(PATIENCE_S)
    await reader.subscribe(house.events, late, replay=True)
    assert await late.until(5000) == numbers(5000)


async def test_publishing_waits_for_the_broker_to_come_back(house: House) -> None:
    publisher, hasty = await house.join(), await house.join(publish_timeout_s=0.3)
    await publisher.publish(house.ticks.subject.replace("*", "IF2501"), b"heard")
    await asyncio.to_thread(house.server.kill)
    publishing = [asyncio.create_task(publisher.publish(house.events.subject, payload)) for payload in numbers(10)]
    await publisher.publish(house.ticks.subject.replace("*", "IF2501"), b"dropped")  # best effort: neither blocks nor raises
    with pytest.raises(Unavailable):
        await hasty.publish(house.events.subject, b"x")
    with pytest.raises(Unavailable):
        await hasty.request("rpc.anybody.anything", b"", timeout_s=0.3)
    with pytest.raises(Unavailable):
        await hasty.last(house.events)
    async with asyncio.timeout(PATIENCE_S):
        while publisher.dropped == 0:  # noqa: ASYNC110 - nothing announces it
            await asyncio.sleep(0.05)
    await asyncio.to_thread(house.server.start)
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*publishing)
    inbox = Collected(PATIENCE_S)
    await publisher.subscribe(house.events, inbox, replay=True)
    assert await inbox.until(10) == numbers(10)


async def test_subscribers_workers_and_responders_hear_again_after_a_kill(house: House) -> None:
    one, two = await house.join(), await house.join()
    inbox, work = Collected(PATIENCE_S), Collected(PATIENCE_S)
    await one.subscribe(house.ticks, inbox)
    for _ in range(2):
        await (await house.join()).subscribe(house.work, work, group=f"{house.key}-desk", max_in_flight=3)

    async def echo(message: Message) -> bytes:
        return message.payload

    await one.serve("rpc.order-management.*", echo)
    await one.serve("rpc.shared.*", echo, group="desk")
    for number, payload in enumerate(numbers(30)):
        await two.publish(house.work.subject.replace("*", f"w{number % 3}"), payload)
    await house.restart()

    async def heard() -> bool:
        await two.publish(house.ticks.subject.replace("*", "IF2501"), b"tick")
        try:
            asked = [await two.request(f"rpc.{name}.buy", b"10", timeout_s=1) for name in ("order-management", "shared")]
        except Unavailable:
            return False
        return asked == [b"10", b"10"] and bool(inbox.payloads)

    async with asyncio.timeout(PATIENCE_S):
        while not await heard():  # noqa: ASYNC110 - both sides must have reconnected, which nothing announces
            await asyncio.sleep(0.02)
    for number, payload in enumerate(numbers(30, 30)):
        await two.publish(house.work.subject.replace("*", f"w{number % 5}"), payload)
    assert set(await work.until(60)) == set(numbers(60))


async def test_nobody_stays_deaf_when_the_broker_lost_its_store(house: House) -> None:
    bus, events, work = await house.join(), Collected(PATIENCE_S), Collected(PATIENCE_S)
    await bus.subscribe(house.events, events, replay=True)
    await bus.subscribe(house.work, work, group=f"{house.key}-desk")
    task = house.work.subject.replace("*", "twap")
    for payload in (b"before", b"before too"):
        await bus.publish(house.events.subject, payload)
    await bus.publish(task, b"before")
    await events.until(2)
    await work.until(1)
    await asyncio.to_thread(house.server.kill)
    await asyncio.to_thread(house.server.forget)
    await asyncio.to_thread(house.server.start)
    for subject in (house.events.subject, task):
        await bus.publish(subject, b"after")  # the new topic's first, as the lost one's first was before
    assert await events.until(3) == [b"before", b"before too", b"after"]
    assert await work.until(2) == [b"before", b"after"]
    last = await bus.last(house.events)
    assert last is not None
    assert (last.payload, last.sequence) == (b"after", 1)


async def test_a_frozen_broker_loses_nothing(house: House) -> None:
    bus, inbox, work = await house.join(), Collected(PATIENCE_S), Collected(PATIENCE_S)
    await bus.subscribe(house.events, inbox)
    await bus.subscribe(house.work, work, group=f"{house.key}-desk")
    task = house.work.subject.replace("*", "twap")
    await bus.publish(house.events.subject, b"0")
    await bus.publish(task, b"0")
    await work.until(1)

    async def echo(message: Message) -> bytes:
        return message.payload

    await bus.serve(f"rpc.{house.key}.echo", echo)
    assert await bus.request(f"rpc.{house.key}.echo", b"1", timeout_s=PATIENCE_S) == b"1"
    house.server.pause()
    publishing = [asyncio.create_task(bus.publish(subject, b"1")) for subject in (house.events.subject, task)]
    with pytest.raises(TimedOut):
        await bus.request(f"rpc.{house.key}.echo", b"", timeout_s=0.3)
    house.server.resume()
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*publishing)
    assert await inbox.until(2) == [b"0", b"1"]
    assert await work.until(2) == [b"0", b"1"]


async def test_a_topic_that_was_deleted_is_made_again_and_heard(house: House) -> None:
    bus, events, work = await house.join(), Collected(PATIENCE_S), Collected(PATIENCE_S)
    await bus.subscribe(house.events, events)
    await bus.subscribe(house.work, work, group=f"{house.key}-desk")
    task = house.work.subject.replace("*", "twap")
    await bus.publish(house.events.subject, b"0")
    await bus.publish(task, b"0")
    await events.until(1)
    await work.until(1)
    admin = AdminClient({"bootstrap.servers": house.server.address})
    for gone in admin.delete_topics([house.events.subject, task]).values():
        await asyncio.wrap_future(gone)
    async with asyncio.timeout(PATIENCE_S):
        while b"1" not in events.payloads or b"1" not in work.payloads:
            for subject in (house.events.subject, task):
                await bus.publish(subject, b"1")
            await asyncio.sleep(0.2)


async def test_work_of_a_killed_worker_process_goes_to_another(house: House) -> None:
    program = f"""
import asyncio
from tradepit.backends.bus.kafka import KafkaBus
from tradepit.ports.bus import Channel, Delivery
WORK = Channel(name="work", subject={house.work.subject!r}, delivery=Delivery.COMPETE, durable=True)
async def handler(message):
    print(message.payload.decode(), flush=True)
    if message.payload == b"1":
        await asyncio.Event().wait()
async def main():
    bus = KafkaBus({house.server.url!r}, name="doomed", channels=[WORK], requests=False)
    await bus.connect()
    await bus.subscribe(WORK, handler, group="{house.key}-desk")
    await asyncio.Event().wait()
asyncio.run(main())
"""
    bus, inbox = await house.join(), Collected(PATIENCE_S)
    for payload in numbers(3):
        await bus.publish(house.work.subject.replace("*", "twap"), payload)
    doomed = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE)
    assert doomed.stdout is not None
    async with asyncio.timeout(PATIENCE_S):
        assert [await doomed.stdout.readline() for _ in range(2)] == [b"0\n", b"1\n"]
    await house.has_heard_that_one_is_done(house.work.subject.replace("*", "twap"))
    doomed.send_signal(signal.SIGKILL)
    await doomed.wait()
    await bus.subscribe(house.work, inbox, group=f"{house.key}-desk")
    assert await inbox.until(2) == [b"1", b"2"]


async def test_connecting_to_no_broker_is_unavailable() -> None:
    bus = KafkaBus("kafka://127.0.0.1:9", name="nobody")
    with pytest.raises(Unavailable):
        await bus._link.connect(timeout_s=0.2)
    await bus.close()
