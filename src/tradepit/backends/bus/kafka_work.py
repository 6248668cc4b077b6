"""A COMPETE subscription on Kafka: a group shares the partitions, each one's messages are begun in their order."""

import asyncio
import contextlib
import re
import time
from collections import deque
from collections.abc import Sequence
from functools import partial

import msgspec
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as Record
from loguru import logger

from tradepit.backends.bus.kafka_consumer import KafkaConsumer
from tradepit.backends.bus.kafka_link import KafkaLink, pattern_of
from tradepit.backends.bus.kafka_records import read_record
from tradepit.backends.bus.kafka_topics import Partitions, TopicWatch
from tradepit.ports.bus import Handler, Message
from tradepit.trading.model.errors import TradepitError

_AGAIN_S, _MAX_AGAIN_S = 0.05, 5.0
_FULL = 1_000
_SESSION_MS = 6_000
_COMMIT_MS = 250
# How long a partition that another member gets waits for what is in hand: longer than that, the other one does it too.
_HANDOVER_S = 5.0
_COMMITS, _COMMIT_AGAIN_S = 5, 0.1
_Place = tuple[str, int]


class Lane:
    """One partition that is ours: what waits, what is in hand, and up to where everything is done."""

    def __init__(self) -> None:
        self.waiting: deque[Record] = deque()
        self.begun: deque[int] = deque()
        self.done: set[int] = set()
        self.running: set[asyncio.Task[None]] = set()
        self.committed = -1
        self.over = False
        self.wake = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    @property
    def tasks(self) -> "list[asyncio.Task[None]]":
        """What goes on here."""
        return [*self.running, *([self.task] if self.task is not None else [])]

    def begin(self, offset: int) -> None:
        """A record is in hand."""
        self.begun.append(offset)

    def finish(self, offset: int) -> int:
        """A record is done; the offset up to which all are, -1 where that has not risen."""
        self.done.add(offset)
        reached = -1
        while self.begun and self.begun[0] in self.done:
            self.done.discard(self.begun[0])
            reached = self.begun.popleft() + 1
        if reached > 0:
            self.committed = reached
        return reached


class KafkaWorker:
    """One member of a group. What is done is told to the cluster four times a second and when a partition goes to another.

    A handler that raises is called again, later each time; with ``hands`` of one nothing of the same partition overtakes it. Told
    to stop meanwhile, it leaves the message to the next member. A cluster that lost its store is taken from its beginning: what was
    told to be done of the topics it had says nothing of those it has.
    """

    def __init__(self, link: KafkaLink, watch: TopicWatch, subject: str, handler: Handler, *, group: str, hands: int) -> None:
        self._link, self._watch, self._subject, self._group = link, watch, subject, group
        self._handler, self._hands_count, self._hands = handler, hands, asyncio.Semaphore(hands)
        self._pattern: re.Pattern[str] = pattern_of(subject)
        self._lanes: dict[_Place, Lane] = {}
        self._topics: set[str] = set()
        self._cluster = ""
        self._begun_anew: set[_Place] | None = None
        self._waiting = 0
        self._stopping = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._consumer: KafkaConsumer | None = None

    async def start(self) -> None:
        """Join the group. Raises Unavailable, ConfigError."""
        settings = self._link.settings(
            {
                "group.id": self._group,
                "enable.auto.commit": True,
                "enable.auto.offset.store": False,
                "auto.commit.interval.ms": _COMMIT_MS,
                "auto.offset.reset": "earliest",
                "partition.assignment.strategy": "cooperative-sticky",
                "session.timeout.ms": _SESSION_MS,
                "heartbeat.interval.ms": _SESSION_MS // 4,
                "fetch.wait.max.ms": 250,
            }
        )
        found = await self._watch.look(self._pattern)
        self._consumer = KafkaConsumer(settings, self, name=f"{self._group}:{self._subject}")
        self._consumer.start()
        self._on_topics(found, self._link.cluster)
        self._watch.follow(self._pattern, self._on_topics)

    async def stop(self) -> None:
        """Take no more, finish what was begun, leave the rest to the group. Idempotent."""
        self._watch.leave(self._on_topics)
        self._stopping.set()
        consumer, lanes = self._consumer, dict(self._lanes)
        for lane in lanes.values():
            lane.over = True
            lane.wake.set()
        tasks = [task for lane in lanes.values() for task in lane.tasks if task is not asyncio.current_task()]
        await asyncio.gather(*tasks, return_exceptions=True)
        self._consumer = None
        if consumer is not None:
            with contextlib.suppress(TradepitError):
                await consumer.call(lambda it: self._tell_done(it, list(lanes)))
            await consumer.close()

    @property
    def is_full(self) -> bool:
        return self._waiting > _FULL

    def take(self, records: Sequence[Record]) -> None:
        for record in records:
            place = (record.topic() or "", record.partition() or 0)
            lane = self._lanes.get(place)
            if lane is None or lane.over:
                continue  # it went to another member meanwhile
            lane.waiting.append(record)
            self._waiting += 1
            lane.wake.set()

    def fail(self, error: KafkaError, topic: str) -> None:
        logger.warning("{}: {} cannot be read: {}", self._group, topic or self._subject, error.str())

    # Partitions come and go

    def _on_topics(self, found: Partitions, cluster: str) -> None:
        consumer, topics = self._consumer, {topic for topic, _ in found}
        if consumer is None:
            return
        former, self._cluster = self._cluster, cluster
        if former and former != cluster:
            logger.warning("{}: the cluster is not the one it was; taking what it has from its beginning", self._subject)
            self._topics |= topics
            self._drop_lanes(list(self._lanes))
            consumer.tell(partial(self._join_anew, sorted(self._topics)))
        elif not topics <= self._topics:
            self._topics |= topics
            consumer.tell(partial(self._join, sorted(self._topics)))

    def _join(self, topics: list[str], consumer: Consumer) -> None:
        consumer.subscribe(topics, on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost)

    def _join_anew(self, topics: list[str], consumer: Consumer) -> None:
        self._begun_anew = set()
        consumer.unsubscribe()
        if topics:
            self._join(topics, consumer)

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        if self._begun_anew is not None:
            for each in partitions:
                if (each.topic, each.partition) not in self._begun_anew:
                    self._begun_anew.add((each.topic, each.partition))
                    each.offset = OFFSET_BEGINNING
        consumer.incremental_assign(partitions)
        self._loop.call_soon_threadsafe(self._open_lanes, [(each.topic, each.partition) for each in partitions])

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        places = [(each.topic, each.partition) for each in partitions]
        if not self._stopping.is_set():
            with contextlib.suppress(RuntimeError, TimeoutError):
                asyncio.run_coroutine_threadsafe(self._hand_over(places), self._loop).result(_HANDOVER_S + 1)
        self._tell_done(consumer, places)
        with contextlib.suppress(KafkaException):
            consumer.incremental_unassign(partitions)
        self._loop.call_soon_threadsafe(self._drop_lanes, places)

    def _on_lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        with contextlib.suppress(KafkaException):
            consumer.incremental_unassign(partitions)
        self._loop.call_soon_threadsafe(self._drop_lanes, [(each.topic, each.partition) for each in partitions])

    def _open_lanes(self, places: Sequence[_Place]) -> None:
        for place in places:
            lane = self._lanes[place] = Lane()
            lane.task = self._loop.create_task(self._run(place, lane), name=f"kafka:{place[0]}-{place[1]}")

    def _drop_lanes(self, places: Sequence[_Place]) -> None:
        for place in places:
            lane = self._lanes.pop(place, None)
            if lane is not None:
                self._close_lane(lane)

    def _close_lane(self, lane: Lane) -> None:
        lane.over = True
        self._waiting -= len(lane.waiting)
        lane.waiting.clear()
        lane.wake.set()

    async def _hand_over(self, places: Sequence[_Place]) -> None:
        lanes = [self._lanes[place] for place in places if place in self._lanes]
        for lane in lanes:
            self._close_lane(lane)
        tasks = [task for lane in lanes for task in lane.tasks]
        if tasks:
            await asyncio.wait(tasks, timeout=_HANDOVER_S)

    def _tell_done(self, consumer: Consumer, places: Sequence[_Place]) -> None:
        lanes = [(place, self._lanes.get(place)) for place in places]
        done = [TopicPartition(*place, lane.committed) for place, lane in lanes if lane is not None and lane.committed >= 0]
        for _ in range(_COMMITS if done else 0):
            try:
                consumer.commit(offsets=done, asynchronous=False)
            except KafkaException as error:
                # While others join, the group takes no word of anybody; what it never hears is done again by somebody.
                logger.debug("{}: cannot tell what is done: {}", self._group, error)
                if not error.args[0].retriable() and error.args[0].code() != KafkaError.REBALANCE_IN_PROGRESS:
                    return
                time.sleep(_COMMIT_AGAIN_S)
            else:
                return

    # Work

    async def _run(self, place: _Place, lane: Lane) -> None:
        while not lane.over:
            if not lane.waiting:
                lane.wake.clear()
                await lane.wake.wait()
                continue
            await self._hands.acquire()
            if lane.over or not lane.waiting:
                self._hands.release()
                continue
            record = lane.waiting.popleft()
            self._waiting -= 1
            lane.begin(record.offset() or 0)
            if self._hands_count == 1:
                await self._work(place, lane, record)
            else:
                task = self._loop.create_task(self._work(place, lane, record))
                lane.running.add(task)
                task.add_done_callback(lane.running.discard)

    async def _work(self, place: _Place, lane: Lane, record: Record) -> None:
        """Called with a hand taken, which is free again when it returns and while it waits."""
        message, count = read_record(record), 0
        while True:
            try:
                await self._handler(message)
            except Exception as error:  # noqa: BLE001 - whatever a handler does, its message is not lost
                self._hands.release()
                count += 1
                if not await self._waits(lane, message, error, count):
                    return
                message = msgspec.structs.replace(message, redelivered=True)
                await self._hands.acquire()
                if lane.over:
                    self._hands.release()
                    return
            except BaseException:
                self._hands.release()
                raise
            else:
                self._hands.release()
                self._done(place, lane, record.offset() or 0)
                return

    async def _waits(self, lane: Lane, message: Message, error: Exception, count: int) -> bool:
        delay = min(_AGAIN_S * 2 ** min(count - 1, 10), _MAX_AGAIN_S)
        logger.opt(exception=error).error("handling {} failed; it comes again in {} s", message.subject, delay)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(delay):
                await self._stopping.wait()
        return not lane.over

    def _done(self, place: _Place, lane: Lane, offset: int) -> None:
        reached = lane.finish(offset)
        consumer = self._consumer
        if reached >= 0 and consumer is not None and self._lanes.get(place) is lane:
            consumer.tell(lambda it: _store(it, TopicPartition(*place, reached)))


def _store(consumer: Consumer, reached: TopicPartition) -> None:
    with contextlib.suppress(KafkaException):  # it went to another member meanwhile
        consumer.store_offsets(offsets=[reached])
