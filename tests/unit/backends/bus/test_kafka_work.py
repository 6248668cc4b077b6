"""A group member on Kafka without Kafka: what is begun in which order, what counts as done, what is left to others."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest
from confluent_kafka import Message as Record
from tests.waiting import settle, until

from tradepit.backends.bus import kafka_work
from tradepit.backends.bus.kafka_link import KafkaLink
from tradepit.backends.bus.kafka_topics import Partitions, TopicWatch
from tradepit.backends.bus.kafka_work import KafkaWorker, Lane
from tradepit.ports.bus import Handler, Message
from tradepit.trading.model.errors import Unavailable


class QuietConsumer:
    """Stands where the client's thread stands: notes what is stored and committed, does the rest never."""

    def __init__(self, settings: dict[str, Any], taker: KafkaWorker, *, name: str) -> None:
        self.settings, self.stored, self.committed, self.closed = settings, list[tuple[str, int, int]](), list[Any](), False

    def start(self) -> None:
        """Nothing runs."""

    def subscribe(self, topics: list[str], **callbacks: Callable[..., None]) -> None:
        self.topics = topics

    def store_offsets(self, offsets: list[Any]) -> None:
        self.stored += [(each.topic, each.partition, each.offset) for each in offsets]

    def commit(self, offsets: list[Any], asynchronous: bool) -> None:
        self.committed += [(each.topic, each.partition, each.offset) for each in offsets]

    def tell(self, work: Callable[[Any], Any]) -> None:
        work(self)

    async def call(self, work: Callable[[Any], Any]) -> None:
        work(self)

    async def close(self) -> None:
        self.closed = True


class QuietWatch(TopicWatch):
    async def look(self, pattern: Any) -> Partitions:
        return {("t.a", 0), ("t.b", 0)}

    def follow(self, pattern: Any, reader: Any) -> None:
        """Nothing comes."""


class Worker:
    """A member with two partitions of its own."""

    def __init__(self, handler: Handler, hands: int) -> None:
        link = KafkaLink("kafka://nowhere:1", name="test")
        self.member = KafkaWorker(link, QuietWatch(link), "t.*", handler, group="desk", hands=hands)

    async def start(self) -> "Worker":
        await self.member.start()
        self.consumer = cast("QuietConsumer", self.member._consumer)
        self.member._open_lanes([("t.a", 0), ("t.b", 0)])
        return self

    def take(self, topic: str, *offsets: int) -> None:
        self.member.take([Record(topic=topic, partition=0, offset=each, value=b"%d" % each) for each in offsets])


@pytest.fixture(autouse=True)
def no_kafka(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_work, "KafkaConsumer", QuietConsumer)
    monkeypatch.setattr(kafka_work, "_AGAIN_S", 0.001)


def test_done_is_what_has_nothing_undone_before_it() -> None:
    lane = Lane()
    for offset in (5, 6, 9):
        lane.begin(offset)
    assert [lane.finish(6), lane.finish(9), lane.committed] == [-1, -1, -1]
    assert (lane.finish(5), lane.committed) == (10, 10)
    lane.begin(10)
    assert (lane.finish(10), lane.committed) == (11, 11)


async def test_with_one_hand_a_partition_is_worked_on_in_order_and_stored_after_the_work() -> None:
    told: list[bytes] = []

    async def handler(message: Message) -> None:
        told.append(message.payload)

    worker = await Worker(handler, 1).start()
    worker.take("t.a", 0, 1, 2)
    await settle()
    assert told == [b"0", b"1", b"2"]
    assert worker.consumer.stored == [("t.a", 0, 1), ("t.a", 0, 2), ("t.a", 0, 3)]
    await worker.member.stop()
    assert worker.consumer.committed == [("t.a", 0, 3)]
    assert worker.consumer.closed


async def test_what_fails_comes_again_marked_and_holds_up_its_own_partition_only() -> None:
    told: list[tuple[str, bytes, bool]] = []
    mended = asyncio.Event()

    async def handler(message: Message) -> None:
        told.append((message.subject, message.payload, message.redelivered))
        if message.subject == "t.a" and not mended.is_set():
            raise ValueError("not now")

    worker = await Worker(handler, 1).start()
    worker.take("t.a", 0, 1)
    worker.take("t.b", 7)
    await until(lambda: ("t.b", b"7", False) in told and ("t.a", b"0", True) in told)
    assert not any(payload == b"1" for _, payload, _ in told)
    assert worker.consumer.stored == [("t.b", 0, 8)]
    mended.set()
    await until(lambda: ("t.a", b"1", False) in told)
    await worker.member.stop()
    assert worker.consumer.committed == [("t.a", 0, 2), ("t.b", 0, 8)]


async def test_told_to_stop_it_leaves_what_cannot_be_done_to_the_next_one() -> None:
    async def handler(message: Message) -> None:
        if message.payload == b"1":
            raise Unavailable("stopping")

    worker = await Worker(handler, 1).start()
    worker.take("t.a", 0, 1, 2)
    await settle()
    await worker.member.stop()
    assert worker.consumer.committed == [("t.a", 0, 1)]


async def test_with_several_hands_messages_overlap_and_the_gap_is_not_committed() -> None:
    slow = asyncio.Event()
    running = most = 0

    async def handler(message: Message) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if message.payload == b"0":
            await slow.wait()
        await asyncio.sleep(0)
        running -= 1

    worker = await Worker(handler, 3).start()
    worker.take("t.a", *range(10))
    await settle(200)
    assert most == 3
    assert worker.consumer.stored == []
    slow.set()
    await settle()
    assert worker.consumer.stored[-1] == ("t.a", 0, 10)
    await worker.member.stop()


async def test_a_partition_that_goes_to_another_waits_for_what_is_in_hand_and_forgets_the_rest() -> None:
    told: list[bytes] = []
    go = asyncio.Event()

    async def handler(message: Message) -> None:
        told.append(message.payload)
        await go.wait()

    worker = await Worker(handler, 1).start()
    worker.take("t.a", 0, 1)
    await settle()
    leaving = asyncio.ensure_future(worker.member._hand_over([("t.a", 0)]))
    await settle()
    assert not leaving.done()
    go.set()
    await leaving
    worker.member._drop_lanes([("t.a", 0)])
    worker.take("t.a", 2)  # polled before it went
    await settle()
    assert told == [b"0"]
    assert worker.consumer.stored == [("t.a", 0, 1)]
    assert not worker.member.is_full
    await worker.member.stop()
