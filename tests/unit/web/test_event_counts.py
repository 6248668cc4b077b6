"""Counting events on durable topics."""

from tradepit.ports.bus import Message
from tradepit.web.event_counts import MAX_TOPICS, OTHER_TOPICS, EventCounts

TEN = 1_736_128_800_000_000_000


def test_events_bytes_and_the_last_number_are_kept_per_topic() -> None:
    counts = EventCounts()
    for sequence, topic in ((7, "orders.algo.twap"), (8, "orders.algo.vwap"), (9, "orders.algo.twap")):
        counts.count("orders.algo", Message(subject=topic, payload=b"1234", sequence=sequence), now_ns=TEN, mono_ns=0)
    twap, vwap = counts.topics(0)
    assert (twap.topic, twap.events, twap.bytes, twap.last_sequence, twap.missed) == ("orders.algo.twap", 2, 8, 9, 0)
    assert (vwap.events, vwap.last_sequence, vwap.missed) == (1, 8, 0)
    assert twap.last_at == "2025-01-06T10:00:00.000000+08:00"
    assert counts.total == 3


def test_skipped_numbers_are_missed_and_a_new_stream_is_not() -> None:
    counts = EventCounts()
    for sequence in (5, 6, 10, 1, 2):
        counts.count("orders.new", Message(subject="orders.new", payload=b"", sequence=sequence), now_ns=TEN, mono_ns=0)
    (topic,) = counts.topics(0)
    assert (topic.events, topic.missed, topic.last_sequence) == (5, 3, 2)


def test_the_rate_is_the_mean_of_the_last_ten_whole_seconds() -> None:
    counts = EventCounts()
    for number in range(40):
        message = Message(subject="orders.new", payload=b"", sequence=number + 1)
        counts.count("orders.new", message, now_ns=TEN, mono_ns=number * 250_000_000)
    assert counts.topics(10_000_000_000)[0].per_second == 4.0
    assert counts.topics(15_000_000_000)[0].per_second == 2.0
    assert counts.topics(60_000_000_000)[0].per_second == 0.0


def test_the_number_of_topics_is_bounded_and_nothing_goes_uncounted() -> None:
    counts = EventCounts()
    for number in range(MAX_TOPICS + 10):
        message = Message(subject=f"orders.algo.x{number}", payload=b"", sequence=number + 1)
        counts.count("orders.algo", message, now_ns=TEN, mono_ns=0)
    topics = {topic.topic: topic.events for topic in counts.topics(0)}
    assert len(topics) == MAX_TOPICS + 1
    assert topics[OTHER_TOPICS] == 10
    assert counts.total == MAX_TOPICS + 10
