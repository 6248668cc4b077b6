"""What everything on one Kafka cluster shares: its address, which topics there are, and our errors for the client's."""

import asyncio
import contextlib
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from loguru import logger

from tradepit.trading.model.errors import BadRequest, ConfigError, PayloadTooLarge, TimedOut, TradepitError, Unavailable

T = TypeVar("T")
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
_ANSWER_S, _RETRY_S = 5.0, 0.1
# What of the client's own settings a URL may carry: who we are, and how the line is kept secret.
_CARRIED = ("security.", "sasl.", "ssl.", "client.rack")
_PATIENCE: dict[str, object] = {
    "reconnect.backoff.ms": 50,
    "reconnect.backoff.max.ms": 500,
    "socket.timeout.ms": 10_000,
    "socket.keepalive.enable": True,
    "socket.nagle.disable": True,
    # A topic that was made anew, as on a cluster that lost its store, is found by no other event.
    "topic.metadata.refresh.interval.ms": 1_000,
    # What goes wrong reaches us as errors; the client would also write each attempt to connect to standard error.
    "log_level": 2,
}
_REFUSALS = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.UNSUPPORTED_SASL_MECHANISM,
        KafkaError.INVALID_REPLICATION_FACTOR,
        KafkaError.INVALID_CONFIG,
        KafkaError._AUTHENTICATION,  # noqa: SLF001 - so are the client's own codes called
        KafkaError._SSL,  # noqa: SLF001 - as above
        KafkaError._INVALID_ARG,  # noqa: SLF001 - as above
    }
)
_LATE = frozenset(
    {
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError._MSG_TIMED_OUT,  # noqa: SLF001 - as above
        KafkaError._TIMED_OUT,  # noqa: SLF001 - as above
        KafkaError._TIMED_OUT_QUEUE,  # noqa: SLF001 - as above
    }
)


def error_of(error: KafkaError, **details: object) -> TradepitError:
    """Our error for one of Kafka's: Unavailable unless the request, or the settings, are at fault for good."""
    code, text = error.code(), error.str()[:200]
    if code == KafkaError.MSG_SIZE_TOO_LARGE:
        return PayloadTooLarge(None, **details)
    if code == KafkaError.TOPIC_EXCEPTION:
        return BadRequest(f"not a name that Kafka takes for a topic: {text}", **details)
    if code in _REFUSALS:
        return ConfigError(f"Kafka refuses: {text}", **details)
    kind = TimedOut if code in _LATE else Unavailable
    return kind(f"no answer from Kafka: {text}", **details)


@contextlib.contextmanager
def translated(**details: object) -> Iterator[None]:
    """The client's errors become ours, see ``error_of``."""
    try:
        yield
    except KafkaException as error:
        raise error_of(error.args[0], **details) from error
    except TimeoutError as error:
        raise TimedOut("no answer from Kafka in time", **details) from error


def check_topic(subject: str) -> None:
    """Refuse a subject that can be no topic. Raises BadRequest."""
    if not _TOPIC.fullmatch(subject) or subject in (".", ".."):
        raise BadRequest("a topic has 1 to 249 of A-Z a-z 0-9 . _ -", subject=subject[:64])


def pattern_of(subject: str) -> re.Pattern[str]:
    """A subject with ``*`` (one token) and ``>`` (the rest) as a regular expression over topics."""
    return re.compile(re.escape(subject).replace(r"\*", r"[^.]+").replace(">", ".+"))


class KafkaLink:
    """The way to one cluster: ``kafka://[user:password@]host:port[,host:port][?security.protocol=…&sasl.mechanism=…]``.

    Parameters are settings of librdkafka that begin with ``security.``, ``sasl.`` or ``ssl.``. Raises ConfigError for another URL.
    """

    def __init__(self, url: str, *, name: str) -> None:
        self._settings = {**_PATIENCE, **_read(url), "client.id": name}
        self._admin: AdminClient | None = None
        self._known: set[str] = set()
        self.cluster = ""

    def settings(self, more: Mapping[str, object]) -> dict[str, Any]:
        """The client library's settings for this cluster, and ``more``."""
        return {**self._settings, **more}

    async def connect(self, timeout_s: float = 15.0) -> None:
        """See that the cluster answers. Raises Unavailable when it does not in ``timeout_s`` seconds, ConfigError when it refuses."""
        refusals: list[KafkaError] = []

        def told(error: KafkaError) -> None:
            if error.code() in _REFUSALS:
                refusals.append(error)

        with translated():
            self._admin = AdminClient(self.settings({"error_cb": told}))
        deadline = asyncio.get_running_loop().time() + timeout_s
        while True:
            try:
                await self.topics(min(_ANSWER_S, timeout_s))
            except Unavailable:
                self._admin.poll(0)  # tells what the client has been told meanwhile
                if refusals:
                    raise error_of(refusals[0]) from None
                if asyncio.get_running_loop().time() >= deadline:
                    raise
                await asyncio.sleep(_RETRY_S)
            else:
                return

    async def topics(self, timeout_s: float = _ANSWER_S) -> Mapping[str, int]:
        """How many partitions each topic has, now; ``cluster`` is the id of the one that was asked last. Raises Unavailable."""
        admin = self._connected()
        with translated():
            told = await asyncio.to_thread(admin.list_topics, timeout=timeout_s)
        if told.cluster_id and told.cluster_id != self.cluster:
            # Another cluster at the same address, as when one lost its store, has none of the topics.
            self.cluster = told.cluster_id
            self._known.clear()
        return {name: len(topic.partitions) for name, topic in told.topics.items() if topic.error is None and topic.partitions}

    async def ensure(self, topic: str, settings: Mapping[str, str] | None = None) -> None:
        """Make a topic unless it is there; taken as it is then. Raises BadRequest, Unavailable, ConfigError."""
        if topic in self._known:
            return
        check_topic(topic)
        new = NewTopic(topic, num_partitions=1, replication_factor=-1, config=dict(settings or {}))
        try:
            await self.ask(
                lambda admin: admin.create_topics([new], operation_timeout=_ANSWER_S, request_timeout=_ANSWER_S)[topic]
            )
        except ConfigError as error:
            # Who may not make topics may still use those that are there.
            if topic not in await self.topics():
                raise ConfigError(f"the topic cannot be made: {error.message}", topic=topic) from error
        except BadRequest as error:
            raise BadRequest(f"the topic cannot be made: {error.message}", topic=topic) from error
        except _Exists:
            pass
        else:
            logger.debug("topic {} was made", topic)
        self._known.add(topic)

    def forget(self, topic: str) -> None:
        """The topic is gone: it must be made again before it is used."""
        self._known.discard(topic)

    def is_known(self, topic: str) -> bool:
        """Whether the topic was there when it was last needed."""
        return topic in self._known

    async def ask(self, question: Callable[[AdminClient], Any]) -> Any:  # noqa: ANN401 - whatever the client answers
        """One question to the cluster, away from the event loop. Raises Unavailable, ConfigError, BadRequest."""
        admin = self._connected()
        try:
            with translated():
                return await asyncio.wrap_future(await asyncio.to_thread(question, admin))
        except Unavailable as error:
            cause = error.__cause__
            if isinstance(cause, KafkaException) and cause.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:
                raise _Exists from error
            raise

    async def close(self) -> None:
        """Ask nothing any more. Idempotent."""
        admin, self._admin = self._admin, None
        if admin is not None:
            await asyncio.to_thread(admin.poll, 0)

    def _connected(self) -> AdminClient:
        if self._admin is None:
            raise Unavailable("not connected to Kafka")
        return self._admin


class _Exists(Unavailable):
    """The topic is there already."""


def _read(url: str) -> dict[str, object]:
    parts = urlsplit(url)
    user, _, addresses = parts.netloc.rpartition("@")
    servers = [address for address in addresses.split(",") if address]
    if parts.scheme != "kafka" or not servers or parts.path not in ("", "/"):
        raise ConfigError("Kafka's URL is kafka://host:port, with more addresses after commas")
    for address in servers:
        host, _, port = address.rpartition(":")
        if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
            raise ConfigError("Kafka's addresses are host:port", address=address[:64])
    found: dict[str, object] = {"bootstrap.servers": ",".join(servers)}
    for name, value in parse_qsl(parts.query):
        if not name.startswith(_CARRIED):
            raise ConfigError("a URL of Kafka carries settings of security., sasl. and ssl. only", parameter=name[:64])
        found[name] = value
    if user:
        name, _, password = user.partition(":")
        found |= {"sasl.username": unquote(name), "sasl.password": unquote(password)}
        found.setdefault("sasl.mechanism", "PLAIN")
        found.setdefault("security.protocol", "SASL_SSL")
    return found
