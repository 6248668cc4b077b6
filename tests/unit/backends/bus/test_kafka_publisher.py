"""The publisher on Kafka without Kafka: order, ids, topics that must be made first, and a producer that is done for."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from tests.waiting import settle

from tradepit.backends.bus import kafka_publisher
from tradepit.backends.bus.kafka_link import KafkaLink
from tradepit.backends.bus.kafka_publisher import MAX_PAYLOAD_BYTES, KafkaPublisher
from tradepit.runtime.clock import ManualClock
from tradepit.trading.model.errors import BadRequest, ConfigError, PayloadTooLarge, TimedOut, Unavailable

OnDelivery = Callable[[KafkaError | None, object], None]


class StubProducer:
    """Keeps what it is given until it is told what became of it."""

    made: "list[StubProducer]"

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings, self.under_way, self.full = settings, list[tuple[str, bytes, list[tuple[str, bytes]], OnDelivery]](), False
        StubProducer.made.append(self)

    def produce(self, topic: str, payload: bytes, key: bytes | None, *, headers: Any, on_delivery: OnDelivery) -> None:
        if self.full:
            raise BufferError
        self.under_way.append((topic, payload, headers, on_delivery))

    def poll(self, timeout: float) -> None:
        """Nothing comes by itself."""

    def purge(self) -> None:
        for _, _, _, told in self.under_way:
            told(KafkaError(KafkaError._PURGE_QUEUE), None)

    def flush(self, timeout: float) -> None:
        """Nothing is left."""

    def tell(self, code: int | None = None, *, fatal: bool = False) -> None:
        """What became of the oldest."""
        _, _, _, told = self.under_way.pop(0)
        told(None if code is None else KafkaError(code, fatal=fatal), None)

    @property
    def payloads(self) -> list[bytes]:
        return [payload for _, payload, _, _ in self.under_way]


class StubLink(KafkaLink):
    """Knows the topics it is told to make, once it may."""

    def __init__(self) -> None:
        super().__init__("kafka://nowhere:1", name="test")
        self.may = asyncio.Event()
        self.asked: list[str] = []
        self.refusal: Exception | None = None

    async def ensure(self, topic: str, settings: Mapping[str, str] | None = None) -> None:
        self.asked.append(topic)
        await self.may.wait()
        if self.refusal is not None:
            raise self.refusal
        self._known.add(topic)


class Desk:
    def __init__(self) -> None:
        self.link = StubLink()
        self.link.may.set()
        self.publisher = KafkaPublisher(self.link, ManualClock(1_000), timeout_s=5.0)
        self.publisher.start()

    @property
    def producer(self) -> StubProducer:
        return StubProducer.made[-1]


@pytest.fixture
async def desk(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    StubProducer.made = []
    monkeypatch.setattr(kafka_publisher, "Producer", StubProducer)
    monkeypatch.setattr(kafka_publisher, "_POLL_S", 0.0)
    made = Desk()
    yield made
    for letter in list(made.publisher._under_way):
        letter.settle(Unavailable("the test is over"))
    await made.publisher.stop()


async def test_what_waits_for_its_topic_goes_out_in_order_once_it_is_made(desk: Desk) -> None:
    desk.link.may.clear()
    sent = [desk.publisher.begin("a", b"%d" % number) for number in range(3)]
    other = desk.publisher.begin("b", b"other")
    await settle()
    assert desk.producer.payloads == []
    assert desk.publisher.waiting == 4
    desk.link.may.set()
    await settle()
    assert desk.producer.payloads == [b"0", b"1", b"2", b"other"]
    assert desk.link.asked == ["a", "b"]
    desk.publisher.begin("a", b"3")  # known by now
    assert desk.producer.payloads[-1] == b"3"
    desk.producer.tell()
    await settle()
    assert (sent[0].done(), sent[1].done(), other.done()) == (True, False, False)


async def test_an_id_that_is_kept_or_under_way_is_not_sent_again_one_that_failed_is(desk: Desk) -> None:
    first = desk.publisher.begin("a", b"x", message_id="m")
    again = desk.publisher.begin("a", b"x", message_id="m")
    await settle()
    assert desk.producer.payloads == [b"x"]
    desk.producer.tell(KafkaError._MSG_TIMED_OUT)
    for future in (first, again):
        with pytest.raises(TimedOut):
            await future
    once_more = desk.publisher.begin("a", b"x", message_id="m")
    desk.producer.tell()
    await once_more
    await desk.publisher.begin("a", b"x", message_id="m")
    assert desk.producer.payloads == []


async def test_the_instants_of_publishing_rise_though_the_clock_stands_still(desk: Desk) -> None:
    for _ in range(3):
        desk.publisher.begin("a", b"x")
    await settle()
    assert [dict(headers)["tradepit-sent"] for _, _, headers, _ in desk.producer.under_way] == [b"1000", b"1001", b"1002"]


async def test_a_producer_that_is_done_for_is_replaced_and_what_was_under_way_sent_again_in_order(desk: Desk) -> None:
    sent = [desk.publisher.begin("a", b"%d" % number) for number in range(4)]
    await settle()
    former = desk.producer
    former.tell()
    former.tell(KafkaError.UNKNOWN_PRODUCER_ID, fatal=True)
    await settle()
    assert desk.producer is not former
    assert desk.producer.payloads == [b"1", b"2", b"3"]
    await settle()  # the former one is purged, which says nothing of what was sent again
    assert [future.done() for future in sent] == [True, False, False, False]
    for _ in range(3):
        desk.producer.tell()
    await asyncio.gather(*sent)


async def test_a_topic_that_is_gone_is_made_again(desk: Desk) -> None:
    sent = desk.publisher.begin("a", b"x")
    await settle()
    desk.producer.tell(KafkaError.UNKNOWN_TOPIC_OR_PART)
    await settle()
    assert (desk.link.asked, desk.producer.payloads, sent.done()) == (["a", "a"], [b"x"], False)
    desk.producer.tell()
    await sent


async def test_what_cannot_be_sent_is_refused_at_once_and_the_rest_goes_on(desk: Desk) -> None:
    for topic, payload, kind in (("no blanks", b"x", BadRequest), ("a", b"x" * (MAX_PAYLOAD_BYTES + 1), PayloadTooLarge)):
        with pytest.raises(kind):
            desk.publisher.begin(topic, payload)
    desk.link.refusal = ConfigError("not allowed")
    with pytest.raises(ConfigError):
        await desk.publisher.begin("forbidden", b"x")
    desk.link.refusal = None
    kept = desk.publisher.begin("a", b"x")
    await settle()
    desk.producer.full = True
    with pytest.raises(Unavailable):
        await desk.publisher.begin("a", b"y")
    desk.producer.tell()
    await kept


async def test_settings_that_the_client_refuses_are_ours(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(settings: Mapping[str, Any]) -> None:
        raise KafkaException(KafkaError(KafkaError._INVALID_ARG, "no such setting"))

    monkeypatch.setattr(kafka_publisher, "Producer", refuse)
    with pytest.raises(ConfigError):
        KafkaPublisher(desk.link, ManualClock(0), timeout_s=1.0).start()


async def test_closed_it_takes_nothing(desk: Desk) -> None:
    await desk.publisher.stop()
    await desk.publisher.stop()
    with pytest.raises(Unavailable):
        desk.publisher.begin("a", b"x")
