"""The bot platform's own environment (``PRODUCER_*``, ``CONSUMER_*``), laid over the settings of the PowerScreen roles."""

import re
from collections.abc import Mapping, Sequence

import msgspec

from tradepit.config import Settings
from tradepit.trading.model.errors import ConfigError
from tradepit.wire.powerscreen import CONSUMER, PRODUCER

PROFILE = "powerscreen"
_INSTANCE = re.compile(r"-\d+\Z")
_LOOPBACK = "127.0.0.1"


def is_powerscreen(roles: Sequence[str]) -> bool:
    """Whether all of the roles (or instances) are this profile's, and at least one is named."""
    return bool(roles) and {_INSTANCE.sub("", name) for name in roles} <= {PRODUCER, CONSUMER}


def with_environment(settings: Settings, roles: Sequence[str], environment: Mapping[str, str]) -> Settings:
    """The settings of profile ``powerscreen`` for these roles. What the environment does not name stays as it was.

    ``PRODUCER_KAFKA_BROKERS``, ``CONSUMER_KAFKA_BROKERS``: the bus, ``host:port,…`` on Kafka, or the URL of another.
    ``PRODUCER_ADDR``: ``[host]:port`` of the door. ``PRODUCER_DEFAULT_TOPIC``, ``PRODUCER_TOPIC``, ``PRODUCER_DATA_FILE``.
    ``CONSUMER_KAFKA_TOPIC``, ``CONSUMER_KAFKA_GROUP``. ``CONSUMER_REDIS_ADDR``: ``host:port`` or a URL. ``CONSUMER_REDIS_KEY_FMT``,
    ``CONSUMER_REDIS_STREAM_FMT``, and ``CONSUMER_METRIC_PREFIX`` for both where they are not told. Raises ConfigError.
    """
    told = {name: value for name, value in environment.items() if value}
    chosen = {_INSTANCE.sub("", name) for name in roles}
    inner: dict[str, object] = {}
    buses, cache = set[str](), settings.cache
    if PRODUCER in chosen:
        buses |= _buses(told, "PRODUCER_KAFKA_BROKERS")
        inner |= _producer(told)
    if CONSUMER in chosen:
        buses |= _buses(told, "CONSUMER_KAFKA_BROKERS")
        inner |= _consumer(told)
        cache = redis_url(told["CONSUMER_REDIS_ADDR"], "CONSUMER_REDIS_ADDR") if "CONSUMER_REDIS_ADDR" in told else cache
    if len(buses) > 1:
        raise ConfigError("producer and consumer in one process need one bus: the *_KAFKA_BROKERS differ")
    tree = msgspec.to_builtins(settings.powerscreen) | inner
    try:
        powerscreen = msgspec.convert(tree, type(settings.powerscreen), strict=False)
    except (msgspec.ValidationError, ValueError) as error:
        raise ConfigError(str(error)[:300], file="environment") from error
    told_bus = buses.pop() if buses else ""
    where = {"platform_bus" if settings.platform_bus else "bus": told_bus} if told_bus else {}
    if where.get("bus", settings.bus).startswith("kafka:") and cache == "nats":
        cache = "memory"  # the registry, which nobody else looks at then: Kafka has no keys
    return msgspec.structs.replace(settings, profile=PROFILE, cache=cache, powerscreen=powerscreen, **where)


def redis_url(address: str, name: str) -> str:
    """The URL of ``host:port``; a URL is taken as it is. Raises ConfigError, which shows no password."""
    if address.startswith(("redis://", "rediss://")):
        return address
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal() or "@" in host or "/" in host:
        raise ConfigError(f"{name} must be host:port or redis://…")
    return f"redis://{host or _LOOPBACK}:{port}/0"


def _buses(told: Mapping[str, str], name: str) -> set[str]:
    value = told.get(name, "").strip()
    if not value:
        return set()
    return {value if "://" in value else "kafka://" + ",".join(part.strip() for part in value.split(",") if part.strip())}


def _producer(told: Mapping[str, str]) -> dict[str, object]:
    names = {"PRODUCER_DEFAULT_TOPIC": "default_topic", "PRODUCER_TOPIC": "topic"}
    found: dict[str, object] = {key: told[name] for name, key in names.items() if name in told}
    if "PRODUCER_DATA_FILE" in told:
        found["files"] = [told["PRODUCER_DATA_FILE"]]
    if "PRODUCER_ADDR" in told:
        host, colon, port = told["PRODUCER_ADDR"].rpartition(":")
        if not colon:
            raise ConfigError("PRODUCER_ADDR must be host:port", told=told["PRODUCER_ADDR"][:64])
        found |= {"host": host.strip("[]") or _LOOPBACK, "port": port}
    return found


def _consumer(told: Mapping[str, str]) -> dict[str, object]:
    found: dict[str, object] = {}
    if "CONSUMER_METRIC_PREFIX" in told:
        prefix = told["CONSUMER_METRIC_PREFIX"]
        found |= {"key_format": f"{prefix}:%s", "stream_format": f"{prefix}_stream:%s"}
    names = {
        "CONSUMER_KAFKA_TOPIC": "topic",
        "CONSUMER_KAFKA_GROUP": "group",
        "CONSUMER_REDIS_KEY_FMT": "key_format",
        "CONSUMER_REDIS_STREAM_FMT": "stream_format",
    }
    return found | {key: told[name] for name, key in names.items() if name in told}
