"""Counts of the events on durable topics, with the gaps in their numbering."""

from collections import deque

import msgspec

from tradepit.ports.bus import Message
from tradepit.wire.simulator_codec import to_iso

MAX_TOPICS = 200
OTHER_TOPICS = "other"
_WINDOW_S = 10


class TopicCount(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Events of one topic since the monitor started.

    ``last_sequence`` is the number of the last one in its stream, so it also counts what was before; ``missed`` counts numbers
    that were skipped; ``per_second`` is the mean of the last ten seconds; ``last_at`` is ISO-8601, empty before the first.
    """

    topic: str
    events: int
    bytes: int
    last_sequence: int
    missed: int
    per_second: float
    last_at: str


class EventMeter:
    """Counts one topic. ``now_ns`` is UTC, ``mono_ns`` monotonic."""

    def __init__(self) -> None:
        self.events = self.bytes = self.missed = self.sequence = self.last_ns = 0
        self._seconds: deque[tuple[int, int]] = deque(maxlen=_WINDOW_S + 1)

    def count(self, message: Message, *, missed: int, now_ns: int, mono_ns: int) -> None:
        """One more event."""
        self.events += 1
        self.bytes += len(message.payload)
        self.missed += missed
        self.sequence, self.last_ns = message.sequence, now_ns
        second = mono_ns // 1_000_000_000
        if self._seconds and self._seconds[-1][0] == second:
            self._seconds[-1] = (second, self._seconds[-1][1] + 1)
        else:
            self._seconds.append((second, 1))

    def per_second(self, mono_ns: int) -> float:
        """Mean rate of the last ten whole seconds."""
        second = mono_ns // 1_000_000_000
        return sum(number for at, number in self._seconds if second - _WINDOW_S <= at < second) / _WINDOW_S


class EventCounts:
    """All topics. Their number is bounded: names come from outside, what is too much counts as ``other``."""

    def __init__(self) -> None:
        self._meters: dict[str, EventMeter] = {}
        self._sequences: dict[str, int] = {}

    def count(self, channel: str, message: Message, *, now_ns: int, mono_ns: int) -> None:
        """One event of ``channel``, whose messages are numbered without gaps; a number that falls tells of a new stream."""
        last, self._sequences[channel] = self._sequences.get(channel, 0), message.sequence
        missed = max(0, message.sequence - last - 1) if last else 0
        topic = message.subject if message.subject in self._meters or len(self._meters) < MAX_TOPICS else OTHER_TOPICS
        self._meters.setdefault(topic, EventMeter()).count(message, missed=missed, now_ns=now_ns, mono_ns=mono_ns)

    def topics(self, mono_ns: int) -> list[TopicCount]:
        """Every topic on which an event was seen, by name."""
        return [
            TopicCount(
                topic=topic,
                events=meter.events,
                bytes=meter.bytes,
                last_sequence=meter.sequence,
                missed=meter.missed,
                per_second=round(meter.per_second(mono_ns), 1),
                last_at=to_iso(meter.last_ns) if meter.last_ns else "",
            )
            for topic, meter in sorted(self._meters.items())
        ]

    @property
    def total(self) -> int:
        """Events of all topics."""
        return sum(meter.events for meter in self._meters.values())
