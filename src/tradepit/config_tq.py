"""The broker connect's own ``config.yaml``, in both shapes its documents show, read into settings of this house."""

from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote

import msgspec
import yaml

from tradepit.config import Settings
from tradepit.trading.model.errors import ConfigError, IdNotValid
from tradepit.trading.model.ids import check_id
from tradepit.wire import tq, tq_flat
from tradepit.wire.tq import QueueNames, TqContract
from tradepit.wire.tq_flat import FlatNames

Port = Annotated[int, msgspec.Meta(ge=1, le=65_535)]


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    def __repr__(self) -> str:
        # Sections hold passwords, and what is in a repr ends up in a log.
        return f"{type(self).__name__}(…)"


class TqSection(_Section, frozen=True, kw_only=True):
    """The login. ``run_mode``: ``real`` trades with money, ``sandbox`` does not."""

    username: str
    password: str
    portfolio_id: str
    run_mode: Literal["real", "sandbox"] = "sandbox"


class RedisSection(_Section, frozen=True, kw_only=True):
    """Where Redis is. An empty password means none."""

    host: str
    port: Port = 6379
    password: str = ""
    db: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 0


class ExternalSection(_Section, frozen=True, kw_only=True):
    """The queues the engine publishes to, in the enveloped shape."""

    order_submit_queue: str = QueueNames().order_submit_queue
    order_cancel_queue: str = QueueNames().order_cancel_queue
    order_exchange: str = QueueNames().order_exchange


class InternalSection(_Section, frozen=True, kw_only=True):
    """The queues between the services, in the enveloped shape."""

    exchange: str = QueueNames().internal_exchange
    order_updates_queue: str = QueueNames().order_updates_queue
    position_updates_queue: str = QueueNames().position_updates_queue
    account_updates_queue: str = QueueNames().account_updates_queue


class RabbitSection(_Section, frozen=True, kw_only=True):
    """RabbitMQ: ``external`` and ``internal`` in the enveloped shape, the three ``order_request_*`` names in the flat one."""

    url: str
    external: ExternalSection | None = None
    internal: InternalSection | None = None
    order_request_queue: str | None = None
    order_request_exchange: str | None = None
    order_request_routing_key: str | None = None


class DatabaseSection(_Section, frozen=True, kw_only=True):
    """Where PostgreSQL is."""

    host: str
    port: Port = 5432
    user: str
    password: str
    dbname: str


class _File(_Section, frozen=True, kw_only=True):
    tq: TqSection
    redis: RedisSection
    rabbitmq: RabbitSection
    database: DatabaseSection


class TqConnect(_Section, frozen=True, kw_only=True):
    """What a ``config.yaml`` says. The URLs carry passwords: they go to backends, and nowhere else."""

    profile: Literal["tq", "tq_flat"]
    login: TqSection
    contract: TqContract
    bus_url: str
    cache_url: str
    store_url: str

    @property
    def portfolio_id(self) -> str:
        """The portfolio whose requests are served."""
        return self.login.portfolio_id

    def settings(self) -> Settings:
        """The house's settings: profile, bus and cache; everything else is its default."""
        return Settings(profile=self.profile, bus=self.bus_url, cache=self.cache_url)


def load_tq(path: Path) -> TqConnect:
    """Read a broker-connect ``config.yaml``. Raises ConfigError, which names the key at fault and never a value."""
    try:
        file = msgspec.convert(_read(path), _File, strict=False)
        check_id(file.tq.portfolio_id, "tq.portfolio_id")
    except msgspec.ValidationError as error:
        raise ConfigError(str(error)[:300], file=str(path)) from None
    except IdNotValid as error:
        raise ConfigError("tq.portfolio_id must match [A-Za-z0-9_-]{1,64}", file=str(path)) from error
    rabbit = file.rabbitmq
    if not rabbit.url.startswith(("amqp://", "amqps://")):
        raise ConfigError("rabbitmq.url must be amqp://…", file=str(path))
    flat = any((rabbit.order_request_queue, rabbit.order_request_exchange, rabbit.order_request_routing_key))
    if flat and (rabbit.external or rabbit.internal):
        raise ConfigError("rabbitmq has the keys of both shapes: order_request_* and external, internal", file=str(path))
    return TqConnect(
        profile="tq_flat" if flat else "tq",
        login=file.tq,
        contract=_flat(file) if flat else _enveloped(file),
        bus_url=rabbit.url,
        cache_url=_cache_url(file.redis),
        store_url=_store_url(file.database),
    )


def _read(path: Path) -> Any:  # noqa: ANN401 - whatever the file holds, the conversion judges it
    try:
        # Every scalar stays the text it is: a password of digits must not become a number.
        return yaml.load(path.read_text(encoding="utf-8"), yaml.BaseLoader)  # noqa: S506 - it makes texts only
    except yaml.MarkedYAMLError as error:
        # Its own words would show the line, which may hold a password.
        line = error.problem_mark.line + 1 if error.problem_mark is not None else 0
        raise ConfigError("not YAML", file=str(path), line=line) from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise ConfigError(f"cannot be read: {type(error).__name__}", file=str(path)) from None


def _enveloped(file: _File) -> TqContract:
    outer, inner = file.rabbitmq.external or ExternalSection(), file.rabbitmq.internal or InternalSection()
    names = QueueNames(
        order_submit_queue=outer.order_submit_queue,
        order_cancel_queue=outer.order_cancel_queue,
        order_exchange=outer.order_exchange,
        internal_exchange=inner.exchange,
        order_updates_queue=inner.order_updates_queue,
        position_updates_queue=inner.position_updates_queue,
        account_updates_queue=inner.account_updates_queue,
    )
    return tq.contract(file.tq.portfolio_id, names)


def _flat(file: _File) -> TqContract:
    default, rabbit = FlatNames(), file.rabbitmq
    names = FlatNames(
        order_request_queue=rabbit.order_request_queue or default.order_request_queue,
        order_request_exchange=rabbit.order_request_exchange or default.order_request_exchange,
        order_request_routing_key=rabbit.order_request_routing_key or default.order_request_routing_key,
    )
    return tq_flat.contract(file.tq.portfolio_id, names)


def _cache_url(redis: RedisSection) -> str:
    password = f":{quote(redis.password, safe='')}@" if redis.password else ""
    return f"redis://{password}{redis.host}:{redis.port}/{redis.db}"


def _store_url(database: DatabaseSection) -> str:
    user, password = quote(database.user, safe=""), quote(database.password, safe="")
    return f"postgresql+asyncpg://{user}:{password}@{database.host}:{database.port}/{quote(database.dbname, safe='')}"
