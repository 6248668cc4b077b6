"""The bus on Kafka: a subject is a topic, a group of a COMPETE channel is a consumer group, requests share one topic.

What has one subject, or one key where a topic has several partitions, keeps its order; different subjects do not.
"""

import asyncio
import itertools
import re
from collections.abc import Mapping, Sequence

import msgspec

from tradepit.backends.bus.kafka_last import look_up_last
from tradepit.backends.bus.kafka_link import KafkaLink, pattern_of
from tradepit.backends.bus.kafka_publisher import KafkaPublisher
from tradepit.backends.bus.kafka_reader import KafkaReader
from tradepit.backends.bus.kafka_records import read_record
from tradepit.backends.bus.kafka_requests import KafkaDesk
from tradepit.backends.bus.kafka_topics import TopicWatch
from tradepit.backends.bus.kafka_work import KafkaWorker
from tradepit.ports.bus import Channel, Delivery, Handler, Message, Outgoing, Responder, Subscription
from tradepit.ports.clock import Clock
from tradepit.runtime.clock import SystemClock
from tradepit.trading.model.errors import ConfigError, Unavailable

# Ticks of a minute ago are of no use to anybody.
_PASSING = {"retention.ms": "60000", "segment.ms": "60000"}
_PASSING_S = 2.0


class KafkaBus:
    """One process's view of a cluster. ``channels`` are those it may publish durably and subscribe to durably.

    Topics are made before their first message, with one partition and the cluster's own settings; those that are there are taken
    as they are. ``prefix`` is that of the topic of requests, which a bus without ``requests`` does without. ``publish_timeout_s`` bounds how
    long a durable publication may wait, reconnects included. A message's number is its place in its partition. Nothing marks work
    as delivered again after its worker died: Kafka keeps no account of single messages.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str,
        channels: Sequence[Channel] = (),
        prefix: str = "tradepit",
        requests: bool = True,
        publish_timeout_s: float = 10.0,
        clock: Clock | None = None,
    ) -> None:
        self._link = KafkaLink(url, name=re.sub(r"[^A-Za-z0-9._-]", "_", name))
        self._watch = TopicWatch(self._link)
        self._clock = clock or SystemClock()
        self._topic, self._requests, self._publish_timeout_s = f"{prefix}.requests", requests, publish_timeout_s
        self._durable = {channel.name: channel for channel in channels if channel.durable}
        self._patterns = [pattern_of(channel.subject) for channel in self._durable.values()]
        self._kept: dict[str, bool] = {}
        self._publisher: KafkaPublisher | None = None
        self._poster: KafkaPublisher | None = None
        self._desk: KafkaDesk | None = None
        self._subscriptions: set[Subscription] = set()
        self.dropped = 0

    async def connect(self) -> None:
        if self._publisher is not None:
            return
        await self._link.connect()
        for channel in self._durable.values():
            if "*" not in channel.subject and ">" not in channel.subject:
                await self._link.ensure(channel.subject)
        publisher = KafkaPublisher(self._link, self._clock, timeout_s=self._publish_timeout_s)
        publisher.start()
        if self._requests:
            self._desk = KafkaDesk(self._link, self._watch, self._clock, topic=self._topic)
            await self._desk.start()
        self._publisher = publisher

    async def publish(
        self, subject: str, payload: bytes, *, message_id: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        """As the port says. A message for a channel that is not durable is dropped (and counted) while no broker is reached."""
        kept = self._begin(subject, payload, message_id, headers)
        if kept is not None:
            await kept

    async def publish_all(self, messages: Sequence[Outgoing]) -> None:
        """As the port says. Neighbours of one subject go together; Kafka keeps no order between topics, so others wait for them."""
        new = {
            message.subject for message in messages if self._is_kept(message.subject) and not self._link.is_known(message.subject)
        }
        if len(new) > 1 and self._publisher is not None:
            # What is refused here is refused again below, by its message.
            await asyncio.gather(*(self._link.ensure(subject) for subject in new), return_exceptions=True)
        for _, run in itertools.groupby(messages, lambda message: message.subject):
            begun = [self._begin(message.subject, message.payload, message.message_id, message.headers) for message in run]
            for kept in begun:
                if kept is not None:
                    await kept

    async def subscribe(
        self, channel: Channel, handler: Handler, *, group: str = "", replay: bool = False, max_in_flight: int = 1
    ) -> Subscription:
        self._check_connected()
        if channel.durable:
            self._check_declared(channel)
        subscription: KafkaReader | KafkaWorker
        if channel.delivery is Delivery.COMPETE:
            group = group or channel.name
            subscription = KafkaWorker(self._link, self._watch, channel.subject, handler, group=group, hands=max_in_flight)
        else:
            replay = replay and channel.durable
            lossy = not channel.durable
            subscription = KafkaReader(self._link, self._watch, channel.subject, handler, replay=replay, lossy=lossy)
        await subscription.start()
        self._subscriptions.add(subscription)
        return subscription

    async def last(self, channel: Channel) -> Message | None:
        """As the port says; its number is how many messages all topics of the channel have had."""
        self._check_connected()
        self._check_declared(channel)
        found = await look_up_last(self._link, await self._watch.look(pattern_of(channel.subject)))
        if found is None:
            return None
        record, total = found
        return msgspec.structs.replace(read_record(record), sequence=total)

    async def request(self, subject: str, payload: bytes, *, timeout_s: float) -> bytes:
        return await self._at_desk().ask(subject, payload, timeout_s=timeout_s)

    async def serve(self, subject: str, responder: Responder, *, group: str = "") -> Subscription:
        serving = await self._at_desk().serve(subject, responder, group)
        self._subscriptions.add(serving)
        return serving

    async def close(self) -> None:
        subscriptions, self._subscriptions = self._subscriptions, set()
        await asyncio.gather(*(subscription.stop() for subscription in subscriptions))
        publishers = [each for each in (self._publisher, self._poster) if each is not None]
        desk, self._desk = self._desk, None
        self._publisher = self._poster = None
        await asyncio.gather(*(each.stop() for each in publishers))
        if desk is not None:
            await desk.stop()
        await self._watch.stop()
        await self._link.close()

    def _begin(
        self, subject: str, payload: bytes, message_id: str, headers: Mapping[str, str] | None
    ) -> "asyncio.Future[None] | None":
        publisher = self._publisher
        if publisher is None:
            raise Unavailable("the bus is not connected")
        if self._is_kept(subject):
            return publisher.begin(subject, payload, message_id=message_id, headers=headers)
        if self._poster is None:
            self._poster = KafkaPublisher(self._link, self._clock, timeout_s=_PASSING_S, kept=False, settings=_PASSING)
            self._poster.start()
        self._poster.begin(subject, payload, message_id=message_id, headers=headers).add_done_callback(self._posted)
        return None

    def _posted(self, sent: "asyncio.Future[None]") -> None:
        if not sent.cancelled() and sent.exception() is not None:
            self.dropped += 1

    def _is_kept(self, subject: str) -> bool:
        kept = self._kept.get(subject)
        if kept is None:
            kept = any(pattern.fullmatch(subject) for pattern in self._patterns)
            if len(self._kept) < 10_000:
                self._kept[subject] = kept
        return kept

    def _at_desk(self) -> KafkaDesk:
        self._check_connected()
        if self._desk is None:
            raise ConfigError("this bus carries no requests")
        return self._desk

    def _check_connected(self) -> None:
        if self._publisher is None:
            raise Unavailable("the bus is not connected")

    def _check_declared(self, channel: Channel) -> None:
        if channel.name not in self._durable:
            raise ConfigError("the channel was not declared to this bus", channel=channel.name)
