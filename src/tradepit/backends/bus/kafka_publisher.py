"""Publishing to Kafka: confirmed by all replicas and in order for what must be kept, without waiting for what may be lost."""

import asyncio
import contextlib
import threading
from collections import OrderedDict, deque
from collections.abc import Mapping

from confluent_kafka import KafkaError, KafkaException, Producer
from loguru import logger

from tradepit.backends.bus.kafka_link import KafkaLink, check_topic, error_of
from tradepit.backends.bus.kafka_records import Headers, headers_of, key_of
from tradepit.backends.bus.letter import Letter, LettersById
from tradepit.ports.clock import Clock
from tradepit.runtime.deadlines import Deadlines
from tradepit.trading.model.errors import BadRequest, ConfigError, PayloadTooLarge, TradepitError, Unavailable

MAX_PAYLOAD_BYTES = 1_000_000
_POLL_S, _AGAIN_S, _FLUSH_S = 0.1, 0.1, 5.0
_GONE = frozenset({KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION})  # noqa: SLF001 - so they are called


class _Record(Letter):
    """A letter as Kafka takes it; its subject is its topic."""

    __slots__ = ("headers", "key", "payload")

    def __init__(self, topic: str, payload: bytes, key: bytes | None, headers: Headers) -> None:
        super().__init__(topic)
        self.payload, self.key, self.headers = payload, key, headers


class KafkaPublisher:
    """One lane of publications. Within a topic they are kept in the order ``begin`` was called; each is done when Kafka confirmed it.

    An id that is confirmed already (the last 65,536) is not published again. A topic is made before its first message.
    ``settings`` are those of topics it makes, ``kept`` whether a message is worth repeating.
    """

    def __init__(
        self, link: KafkaLink, clock: Clock, *, timeout_s: float, kept: bool = True, settings: Mapping[str, str] | None = None
    ) -> None:
        self._link, self._clock, self._timeout_s, self._settings = link, clock, timeout_s, settings
        self._producer_settings = link.settings(
            {
                "acks": "all" if kept else "1",
                "enable.idempotence": kept,
                "linger.ms": 0,
                "message.timeout.ms": max(1, int(timeout_s * 1000)),
                "message.max.bytes": MAX_PAYLOAD_BYTES + 100_000,
                "queue.buffering.max.messages": 200_000,
                "queue.buffering.max.kbytes": 256 * 1024,
            }
        )
        self._loop = asyncio.get_running_loop()
        self._producer: Producer | None = None
        self._under_way: OrderedDict[_Record, None] = OrderedDict()
        self._homeless: dict[str, deque[_Record]] = {}
        self._known = LettersById()
        self._tasks: set[asyncio.Task[None]] = set()
        self._told: deque[tuple[Producer, _Record, KafkaError | None]] = deque()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._deadlines = Deadlines()
        self._last_ns = 0

    def start(self) -> None:
        """Begin to send."""
        self._producer = self._make_producer()
        self._thread = threading.Thread(target=self._serve, name="kafka-publisher", daemon=True)
        self._thread.start()

    def begin(
        self, topic: str, payload: bytes, *, message_id: str = "", headers: Mapping[str, str] | None = None
    ) -> "asyncio.Future[None]":
        """Queue a publication; the future is done once it is kept. It fails with TimedOut (perhaps kept) or Unavailable (not)."""
        if self._producer is None:
            raise Unavailable("the bus is closed")
        check_topic(topic)
        if len(payload) > MAX_PAYLOAD_BYTES:
            raise PayloadTooLarge(bytes=len(payload))
        again = self._known.again(message_id)
        if again is not None:
            return again
        self._last_ns = max(self._last_ns + 1, self._clock.now_ns())
        letter = _Record(topic, payload, key_of(headers), headers_of(message_id, self._last_ns, headers))
        self._known.remember(message_id, letter)
        self._deadlines.watch(letter.done, self._timeout_s, letter.expired)
        self._send(letter)
        return letter.done

    @property
    def waiting(self) -> int:
        """How many messages are under way."""
        return len(self._under_way) + sum(len(letters) for letters in self._homeless.values())

    async def stop(self) -> None:
        """Wait for what is under way (each has its deadline), then end. Idempotent."""
        if self._producer is None:
            return
        letters = [*self._under_way, *(letter for waiting in self._homeless.values() for letter in waiting)]
        await asyncio.gather(*(letter.done for letter in letters), return_exceptions=True)
        producer, self._producer = self._producer, None
        self._ended.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)
        if producer is not None:
            await asyncio.to_thread(_end, producer)

    def _make_producer(self) -> Producer:
        try:
            return Producer(self._producer_settings)
        except KafkaException as error:
            raise ConfigError(f"not settings of Kafka: {error}") from error

    def _send(self, letter: _Record) -> None:
        waiting = self._homeless.get(letter.subject)
        if waiting is not None:
            waiting.append(letter)
        elif self._link.is_known(letter.subject):
            self._produce(letter)
        else:
            self._homeless[letter.subject] = deque([letter])
            task = self._loop.create_task(self._find_home(letter.subject), name=f"kafka-topic:{letter.subject}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _find_home(self, topic: str) -> None:
        waiting, refusal = self._homeless[topic], None
        while any(not letter.done.done() for letter in waiting):
            try:
                await self._link.ensure(topic, self._settings)
            except (BadRequest, ConfigError) as error:
                refusal = error
            except TradepitError as error:
                logger.debug("topic {} cannot be made yet: {}", topic, error)
                await asyncio.sleep(_AGAIN_S)
                continue
            break
        del self._homeless[topic]
        for letter in waiting:
            if refusal is not None:
                letter.settle(refusal)
            elif not letter.done.done():
                self._produce(letter)

    def _produce(self, letter: _Record) -> None:
        producer = self._producer
        if producer is None:
            letter.settle(Unavailable("the bus is closed"))
            return
        self._under_way[letter] = None
        try:
            producer.produce(
                letter.subject,
                letter.payload,
                letter.key,
                headers=letter.headers,
                on_delivery=lambda error, _: self._on_delivery(producer, letter, error),
            )
        except BufferError:
            self._under_way.pop(letter, None)
            letter.settle(Unavailable("too many messages wait for Kafka", subject=letter.subject))
        except KafkaException as error:
            self._settle(producer, letter, error.args[0])
        else:
            letter.sent = True

    def _serve(self) -> None:
        while not self._ended.is_set():
            producer = self._producer
            if producer is not None:
                producer.poll(_POLL_S)

    def _on_delivery(self, producer: Producer, letter: _Record, error: KafkaError | None) -> None:
        # In the thread that polls, or whichever purges.
        self._told.append((producer, letter, error))
        if len(self._told) == 1:
            with contextlib.suppress(RuntimeError):  # the loop is gone, and with it whoever asked
                self._loop.call_soon_threadsafe(self._take_told)

    def _take_told(self) -> None:
        for _ in range(len(self._told)):
            self._settle(*self._told.popleft())
        if self._told:
            self._loop.call_soon(self._take_told)

    def _settle(self, producer: Producer, letter: _Record, error: KafkaError | None) -> None:
        if producer is not self._producer and self._producer is not None:
            return  # it was sent again by another one
        if error is not None and error.fatal():
            self._start_over()
            return
        self._under_way.pop(letter, None)
        if error is None:
            letter.settle()
        elif error.code() in _GONE and not letter.done.done():
            self._link.forget(letter.subject)
            self._send(letter)
        else:
            letter.settle(error_of(error, subject=letter.subject))

    def _start_over(self) -> None:
        """The producer is done for, as when the cluster forgot what it had confirmed: a new one sends again, in order."""
        logger.warning("Kafka does not know this publisher any more; {} messages are sent again", len(self._under_way))
        former, self._producer = self._producer, self._make_producer()
        letters, self._under_way = list(self._under_way), OrderedDict()
        for letter in letters:
            if not letter.done.done():
                self._produce(letter)
        if former is not None:
            task = self._loop.create_task(asyncio.to_thread(_end, former))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)


def _end(producer: Producer) -> None:
    with contextlib.suppress(KafkaException):
        producer.purge()
        producer.flush(_FLUSH_S)
