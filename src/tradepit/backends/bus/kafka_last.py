"""The newest message of a channel on Kafka, whichever of its topics it is in."""

import asyncio
from collections.abc import Iterable

from confluent_kafka import Consumer, KafkaError, TopicPartition
from confluent_kafka import Message as Record

from tradepit.backends.bus.kafka_link import KafkaLink, translated
from tradepit.backends.bus.kafka_records import sent_ns
from tradepit.trading.model.errors import Unavailable

_ANSWER_S, _POLL_S = 5.0, 0.5
# A transaction of a program outside ends with a mark that is no message, so one further back is looked at too.
_BACK = 2


async def look_up_last(link: KafkaLink, partitions: Iterable[tuple[str, int]]) -> tuple[Record, int] | None:
    """The newest record, and how many the channel has had in all; None when it has none. Raises Unavailable."""
    settings = link.settings(
        {
            "group.id": "tradepit-reader",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
        }
    )
    with translated():
        return await asyncio.to_thread(_look, settings, sorted(partitions))


def _look(settings: dict[str, object], partitions: list[tuple[str, int]]) -> tuple[Record, int] | None:
    consumer = Consumer(settings)
    try:
        places, total = _ends(consumer, partitions)
        if not places:
            return None
        consumer.assign(places)
        newest = _read(consumer, {(place.topic, place.partition) for place in places})
        return None if newest is None else (newest, total)
    finally:
        consumer.close()


def _ends(consumer: Consumer, partitions: list[tuple[str, int]]) -> tuple[list[TopicPartition], int]:
    places, total = [], 0
    for topic, number in partitions:
        first, end = consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=_ANSWER_S) or (0, 0)
        total += end
        if end > first:
            places.append(TopicPartition(topic, number, max(first, end - _BACK)))
    return places, total


def _read(consumer: Consumer, waiting: set[tuple[str, int]]) -> Record | None:
    newest, silent = None, 0.0
    while waiting:
        record = consumer.poll(_POLL_S)
        if record is None:
            silent += _POLL_S
            if silent >= _ANSWER_S:
                raise Unavailable("the newest message does not come")
            continue
        error = record.error()
        if error is None:
            newest = record if newest is None or sent_ns(record) >= sent_ns(newest) else newest
        elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - so it is called
            waiting.discard((record.topic() or "", record.partition() or 0))
    return newest
