"""A BROADCAST subscription on Kafka: every record of every topic of a channel, from its beginning or from now on."""

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition
from confluent_kafka import Message as Record
from loguru import logger

from tradepit.backends.bus.kafka_consumer import KafkaConsumer
from tradepit.backends.bus.kafka_link import KafkaLink, pattern_of
from tradepit.backends.bus.kafka_records import id_of, read_record
from tradepit.backends.bus.kafka_topics import Partitions, TopicWatch
from tradepit.backends.bus.seen_ids import SeenIds
from tradepit.ports.bus import Handler

_FULL = 20_000
_ANSWER_S = 5.0


class KafkaReader:
    """Reads without a group: nothing of it stays in the cluster. An id that was seen (the last 65,536) is passed over.

    Topics that come later are read from their beginning, and so is a cluster that lost its store. ``lossy``: a slow handler loses
    the oldest instead of holding up the rest.
    """

    def __init__(
        self, link: KafkaLink, watch: TopicWatch, subject: str, handler: Handler, *, replay: bool = False, lossy: bool = False
    ) -> None:
        self._link, self._watch, self._subject, self._handler = link, watch, subject, handler
        self._pattern, self._replay, self._lossy = pattern_of(subject), replay, lossy
        self._records: deque[Record] = deque()
        self._wake = asyncio.Event()
        self._seen = SeenIds()
        self._read: Partitions = set()
        self._cluster = ""
        self._stopping = False
        self._consumer: KafkaConsumer | None = None
        self._task: asyncio.Task[None] | None = None
        self._adding: asyncio.Task[None] | None = None
        self.dropped = 0

    async def start(self) -> None:
        """Begin to read. What is published from now on is heard. Raises Unavailable, ConfigError."""
        # The group is never joined; the client wants a name for it all the same.
        settings = self._link.settings(
            {
                "group.id": "tradepit-reader",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 250,
            }
        )
        consumer = KafkaConsumer(settings, self, name=self._subject)
        consumer.start()
        try:
            found = await self._watch.look(self._pattern)
            places = await consumer.call(lambda it: self._places(it, found))
            await consumer.call(lambda it: it.assign(places))
        except BaseException:
            await consumer.close()
            raise
        self._consumer, self._read, self._cluster = consumer, found, self._link.cluster
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"kafka:{self._subject}")
        self._watch.follow(self._pattern, self._on_topics)

    async def stop(self) -> None:
        """Take no new message, finish the one in hand. Idempotent."""
        self._watch.leave(self._on_topics)
        self._stopping = True
        self._wake.set()
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await consumer.close()
        task, self._task = self._task, None
        if task is not None and task is not asyncio.current_task():
            await asyncio.gather(task, return_exceptions=True)

    @property
    def is_full(self) -> bool:
        return len(self._records) > _FULL and not self._lossy

    def take(self, records: Sequence[Record]) -> None:
        self._records.extend(records)
        while self._lossy and len(self._records) > _FULL:
            self._records.popleft()
            self.dropped += 1
        self._wake.set()

    def fail(self, error: KafkaError, topic: str) -> None:
        logger.warning("{}: {} cannot be read: {}", self._subject, topic, error.str())

    def _places(self, consumer: Consumer, found: Iterable[tuple[str, int]]) -> list[TopicPartition]:
        if self._replay:
            return _beginnings(found)
        ends = []
        for topic, number in found:
            _, end = consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=_ANSWER_S) or (0, 0)
            ends.append(TopicPartition(topic, number, end))
        return ends

    def _on_topics(self, found: Partitions, cluster: str) -> None:
        consumer, busy = self._consumer, self._adding is not None and not self._adding.done()
        if consumer is None or busy:
            return
        if anew := cluster != self._cluster:
            logger.warning("{}: the cluster is not the one it was; reading it from its beginning", self._subject)
        # What is missing now may be back in a moment, as when a broker starts again: it keeps its place.
        if anew or not found <= self._read:
            self._adding = asyncio.get_running_loop().create_task(self._add(consumer, found, cluster, anew=anew))

    async def _add(self, consumer: KafkaConsumer, found: Partitions, cluster: str, *, anew: bool) -> None:
        def add(it: Consumer) -> None:
            if anew:
                it.assign(_beginnings(found))
            else:
                it.incremental_assign(_beginnings(found - {(each.topic, each.partition) for each in it.assignment()}))

        try:
            await consumer.call(add)
        except Exception as error:  # noqa: BLE001 - it is tried again with the next look
            logger.warning("{}: topics cannot be added yet: {}", self._subject, error)
        else:
            self._cluster = cluster
            self._read = found if anew else self._read | found

    async def _run(self) -> None:
        while not self._stopping:
            if not self._records:
                self._wake.clear()
                await self._wake.wait()
                continue
            record = self._records.popleft()
            if self._seen.repeats(id_of(record)):
                continue
            message = read_record(record)
            try:
                await self._handler(message)
            except Exception as error:  # noqa: BLE001 - one bad message must not end the subscription
                logger.opt(exception=error).error("handling {} failed", message.subject)


def _beginnings(partitions: Iterable[tuple[str, int]]) -> list[TopicPartition]:
    return [TopicPartition(topic, number, OFFSET_BEGINNING) for topic, number in partitions]
