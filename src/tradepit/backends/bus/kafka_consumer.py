"""One consumer of Kafka in a thread of its own: what it polls goes to the event loop, what it is told is done between polls."""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Protocol, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka import Message as Record
from loguru import logger

from tradepit.backends.bus.kafka_link import translated
from tradepit.trading.model.errors import ConfigError, Unavailable

T = TypeVar("T")
_POLL_S, _BATCH = 0.05, 500
_PASSING = frozenset(
    {
        KafkaError._PARTITION_EOF,  # noqa: SLF001 - so are the client's own codes called
        KafkaError._TRANSPORT,  # noqa: SLF001 - as above
        KafkaError._ALL_BROKERS_DOWN,  # noqa: SLF001 - as above
        KafkaError._RESOLVE,  # noqa: SLF001 - as above
    }
)


class Taker(Protocol):
    """Who the records are for. All but ``is_full`` are called on the event loop."""

    @property
    def is_full(self) -> bool:
        """Whether it wants no more for now; read in the consumer's thread."""

    def take(self, records: Sequence[Record]) -> None:
        """Records in their order."""

    def fail(self, error: KafkaError, topic: str) -> None:
        """Something of a topic cannot be read."""


class KafkaConsumer:
    """The thread that owns a client's consumer: no other one ever touches it."""

    def __init__(self, settings: dict[str, Any], taker: Taker, *, name: str) -> None:
        self._taker, self._name = taker, name
        self._loop = asyncio.get_running_loop()
        self._work: queue.SimpleQueue[tuple[Callable[[Consumer], Any], Future[Any]]] = queue.SimpleQueue()
        self._ended = threading.Event()
        try:
            self._consumer = Consumer(settings)
        except (KafkaException, ValueError) as error:
            raise ConfigError(f"not settings of Kafka: {error}") from error
        self._thread = threading.Thread(target=self._run, name=f"kafka:{name}", daemon=True)
        self._paused = False

    def start(self) -> None:
        """Begin to poll."""
        self._thread.start()

    async def call(self, work: Callable[[Consumer], T]) -> T:
        """Have something done with the consumer. Raises Unavailable, ConfigError."""
        future = self.tell(work)
        with translated(consumer=self._name):
            return await asyncio.wrap_future(future)

    def tell(self, work: Callable[[Consumer], T]) -> "Future[T]":
        """As ``call``, for whoever does not wait. Fails with the client's own errors."""
        future: Future[T] = Future()
        if self._ended.is_set():
            future.set_exception(Unavailable("the subscription has ended"))
        else:
            self._work.put((work, future))
        return future

    async def close(self) -> None:
        """Poll no more, tell the cluster how far we are, leave. Idempotent."""
        self._ended.set()
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        try:
            while not self._ended.is_set():
                self._do_what_is_told()
                self._heed_fullness()
                self._poll()
        finally:
            with contextlib.suppress(KafkaException, RuntimeError):
                self._consumer.close()
            self._do_what_is_told(refused=Unavailable("the subscription has ended"))

    def _do_what_is_told(self, refused: Exception | None = None) -> None:
        while True:
            try:
                work, future = self._work.get_nowait()
            except queue.Empty:
                return
            if not future.set_running_or_notify_cancel():
                continue
            if refused is not None:
                future.set_exception(refused)
                continue
            try:
                future.set_result(work(self._consumer))
            except Exception as error:  # noqa: BLE001 - belongs to whoever asked
                future.set_exception(error)

    def _heed_fullness(self) -> None:
        full = self._taker.is_full
        if not full and not self._paused:
            return
        # While it is full at each turn anew: a partition that has come meanwhile would flow on.
        with contextlib.suppress(KafkaException):  # what was taken from us meanwhile can be neither paused nor resumed
            partitions = self._consumer.assignment()
            self._consumer.pause(partitions) if full else self._consumer.resume(partitions)
        self._paused = full

    def _poll(self) -> None:
        try:
            first = self._consumer.poll(_POLL_S)
            if first is None:
                return
            records = [first, *self._consumer.consume(_BATCH, 0)]
        except Exception as error:  # noqa: BLE001 - a thread that ends leaves its subscription deaf
            logger.opt(exception=error).error("{}: cannot poll", self._name)
            self._ended.wait(_POLL_S)
            return
        good: list[Record] = []
        for record in records:
            fault = record.error()
            if fault is None:
                good.append(record)
            elif fault.code() not in _PASSING:
                self._post(self._taker.fail, fault, record.topic() or "")
        if good:
            self._post(self._taker.take, good)

    def _post(self, callback: Callable[..., None], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is gone, and with it whoever listened
            self._loop.call_soon_threadsafe(callback, *arguments)
