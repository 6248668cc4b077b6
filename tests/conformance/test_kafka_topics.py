"""The bus on Kafka beside programs that use Kafka their own way: their topics, keys and partitions, and what Kafka refuses."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from tests.bus_outages import Collected
from tests.patience import PATIENCE_S
from tests.servers.kafka import KafkaServer

from tradepit.backends.bus.kafka import KafkaBus
from tradepit.backends.bus.kafka_publisher import MAX_PAYLOAD_BYTES
from tradepit.ports.bus import Bus, Channel, Delivery, Message, Outgoing
from tradepit.trading.model.errors import BadRequest, ConfigError, PayloadTooLarge


class Place:
    """A broker, channels of one case, and a program outside."""

    def __init__(self, server: KafkaServer, stack: AsyncExitStack) -> None:
        self.server, self._stack = server, stack
        self.key = f"t{secrets.token_hex(4)}"
        self.events = Channel(name="events", subject=f"{self.key}.events.*", durable=True)
        self.work = Channel(name="work", subject=f"{self.key}.work.*", delivery=Delivery.COMPETE, durable=True)

    async def join(self) -> Bus:
        bus = KafkaBus(self.server.url, name="topics", channels=(self.events, self.work), requests=False)
        await bus.connect()
        self._stack.push_async_callback(bus.close)
        return bus

    def subject(self, channel: Channel, token: str = "a") -> str:
        return channel.subject.replace("*", token)

    async def make(self, topic: str, partitions: int) -> None:
        admin = AdminClient({"bootstrap.servers": self.server.address})
        made = admin.create_topics([NewTopic(topic, num_partitions=partitions, replication_factor=1)])
        await asyncio.wrap_future(made[topic])

    def produce(self, topic: str, *bodies: tuple[str, bytes]) -> None:
        """As programs outside do: a key, a body, headers or none."""
        producer = Producer({"bootstrap.servers": self.server.address})
        for key, body in bodies:
            producer.produce(topic, body, key=key, headers={"source": b"outside"})
        assert producer.flush(20) == 0


@pytest.fixture
async def place(kafka_server: KafkaServer) -> AsyncIterator[Place]:
    async with AsyncExitStack() as stack:
        yield Place(kafka_server, stack)


def numbers(count: int, start: int = 0) -> list[bytes]:
    return [str(number).encode() for number in range(start, start + count)]


async def test_topics_that_programs_outside_make_later_are_found(place: Place) -> None:
    bus, heard, done = await place.join(), Collected(PATIENCE_S), Collected(PATIENCE_S)
    await bus.subscribe(place.events, heard)
    await bus.subscribe(place.work, done, group=f"{place.key}-desk")
    await asyncio.to_thread(place.produce, place.subject(place.events, "new"), ("k", b"1"))
    await asyncio.to_thread(place.produce, place.subject(place.work, "new"), ("k", b"2"))
    assert await heard.until(1) == [b"1"]
    assert await done.until(1) == [b"2"]


async def test_of_a_topic_with_partitions_what_has_one_key_keeps_its_order(place: Place) -> None:
    topic = place.subject(place.work)
    await place.make(topic, 3)
    bus, told = await place.join(), list[tuple[str, bytes]]()
    enough = asyncio.Event()

    async def handler(message: Message) -> None:
        told.append((message.headers["x-key"], message.payload))
        if len(told) == 120:
            enough.set()

    for number in range(60):
        await bus.publish(topic, b"%d" % number, headers={"x-key": f"k{number % 5}"})
    await asyncio.to_thread(place.produce, topic, *[(f"k{number % 5}", b"%d" % number) for number in range(60, 120)])
    await bus.subscribe(place.work, handler, group=f"{place.key}-desk")
    async with asyncio.timeout(PATIENCE_S):
        await enough.wait()
    for key in range(5):
        assert [body for name, body in told if name == f"k{key}"] == [b"%d" % number for number in range(key, 120, 5)]


async def test_a_program_outside_reads_keys_headers_and_bodies(place: Place) -> None:
    bus, topic = await place.join(), place.subject(place.events)
    await bus.publish(topic, b"{}", message_id="m1", headers={"x-key": "A1", "content-type": "application/json"})
    consumer = Consumer({"bootstrap.servers": place.server.address, "group.id": place.key, "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    record = await asyncio.to_thread(consumer.poll, PATIENCE_S)
    await asyncio.to_thread(consumer.close)
    assert record is not None
    headers = dict(record.headers() or [])
    assert (record.key(), record.value(), headers["content-type"]) == (b"A1", b"{}", b"application/json")
    assert (headers["tradepit-id"], "x-key" in headers) == (b"m1", False)


async def test_another_publisher_of_the_same_ids_is_heard_once(place: Place) -> None:
    one, two, heard = await place.join(), await place.join(), Collected(PATIENCE_S)
    topic = place.subject(place.events)
    many = [Outgoing(topic, payload, f"id-{payload.decode()}") for payload in numbers(20)]
    await one.publish_all(many[:15])
    await two.publish_all(many)  # as a service does that was killed and started again
    await two.subscribe(place.events, heard, replay=True)
    await two.publish(topic, b"end")
    assert await heard.until(21) == [*numbers(20), b"end"]
    last = await two.last(place.events)
    assert last is not None
    assert (last.payload, last.sequence) == (b"end", 36)


async def test_the_last_message_is_the_newest_of_all_topics_whatever_the_milliseconds_say(place: Place) -> None:
    bus = await place.join()
    for number in range(40):
        await bus.publish(place.subject(place.events, f"s{number % 4}"), b"%d" % number)
    last = await bus.last(place.events)
    assert last is not None
    assert (last.payload, last.subject, last.sequence) == (b"39", place.subject(place.events, "s3"), 40)


async def test_what_is_not_done_is_not_committed_and_what_is_done_does_not_come_again(place: Place) -> None:
    bus, topic = await place.join(), place.subject(place.work)
    tried, done = list[bytes](), Collected(PATIENCE_S)
    at_bad = asyncio.Event()

    async def stubborn(message: Message) -> None:
        tried.append(message.payload)
        if message.payload == b"2":
            at_bad.set()
            raise ValueError("not now")

    for payload in numbers(5):
        await bus.publish(topic, payload)
    subscription = await bus.subscribe(place.work, stubborn, group=f"{place.key}-desk")
    async with asyncio.timeout(PATIENCE_S):
        await at_bad.wait()
    await subscription.stop()
    assert b"3" not in tried  # nothing overtakes it
    await bus.subscribe(place.work, done, group=f"{place.key}-desk")
    assert await done.until(3) == numbers(3, start=2)


async def test_what_kafka_cannot_take_is_refused_at_once(place: Place) -> None:
    bus, topic = await place.join(), place.subject(place.events)
    with pytest.raises(PayloadTooLarge):
        await bus.publish(topic, b"x" * (MAX_PAYLOAD_BYTES + 1))
    for subject in ("no blanks", "é", "", "x" * 250):
        with pytest.raises(BadRequest):
            await bus.publish(subject, b"x")
    await bus.publish(topic, b"x" * MAX_PAYLOAD_BYTES)
    # Kafka's figures know no difference between these two, so it makes only one of them.
    await bus.publish(place.subject(place.events, "a_b"), b"x")
    await place.make(f"{place.key}.events_a.c", 1)
    with pytest.raises(BadRequest):
        await bus.publish(place.subject(place.events, "a_c"), b"x")
    with pytest.raises(ConfigError):
        await bus.request("rpc.anybody.anything", b"", timeout_s=1)
    with pytest.raises(ConfigError):
        await bus.subscribe(Channel(name="other", subject="other", durable=True), Collected(1))
