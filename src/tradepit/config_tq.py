"""The broker connect's own ``config.yaml``, in both shapes its documents show, read into settings of this house."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote

import msgspec
import yaml

from tradepit.config import ENVIRONMENT_PREFIX, NOT_SETTINGS, Settings, TqAccountSettings, TqSettings, overlaid, put
from tradepit.services.tq_settings import TqServiceSettings
from tradepit.trading.model.errors import ConfigError, IdNotValid
from tradepit.trading.model.ids import check_id
from tradepit.wire import tq, tq_flat
from tradepit.wire.tq import QueueNames, TqContract
from tradepit.wire.tq_flat import FlatNames

_PASSWORD, _ACCOUNT_PASSWORD = "TRADEPIT_TQ_PASSWORD", "TRADEPIT_TQ_ACCOUNT_PASSWORD"
Symbol = Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{2,8}\.[A-Za-z0-9_-]{1,64}\Z")]
Port = Annotated[int, msgspec.Meta(ge=1, le=65_535)]


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    def __repr__(self) -> str:
        # Sections hold passwords, and what is in a repr ends up in a log.
        return f"{type(self).__name__}(…)"


class TqSection(_Section, frozen=True, kw_only=True):
    """The login. ``run_mode``: ``real`` trades with money, ``sandbox`` does not; any other word is refused.

    The rest is ours, not the documents', and may be left out: ``sandbox`` chooses TqKq (``kq``) or TqSim (``sim``); ``symbols`` are
    contracts to watch from the start (``SHFE.rb2505``), where others are looked up with the first order; ``broker_id``, ``account``
    and ``account_password`` are the account at the futures company that ``real`` trades on, and needs.
    """

    username: str
    password: str
    portfolio_id: str
    run_mode: Literal["real", "sandbox"] = "sandbox"
    sandbox: Literal["kq", "sim"] = "kq"
    symbols: tuple[Symbol, ...] = ()
    broker_id: str = ""
    account: str = ""
    account_password: str = ""


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
    queues: QueueNames
    flat_queues: FlatNames
    bus_url: str
    cache_url: str
    store_url: str
    overlay: dict[str, str] = {}

    @property
    def portfolio_id(self) -> str:
        """The portfolio whose requests are served."""
        return self.login.portfolio_id

    def settings(self) -> Settings:
        """The house's settings. TqSDK's passwords are not in them but in ``secrets``, by the names given here. Raises ConfigError."""
        login = self.login
        account = TqAccountSettings(
            account=self.portfolio_id, broker_id=login.broker_id, user=login.account, password_env=_ACCOUNT_PASSWORD
        )
        told = TqSettings(
            run_mode=login.run_mode,
            sandbox=login.sandbox,
            user=login.username,
            password_env=_PASSWORD,
            accounts=(account,),
            symbols=login.symbols,
            service=TqServiceSettings(portfolio_id=self.portfolio_id),
            queues=self.queues,
            flat_queues=self.flat_queues,
        )
        settings = Settings(
            profile=self.profile,
            bus=self.bus_url,
            cache=self.cache_url,
            store=self.store_url,
            lease="memory",
            broker="tqsdk",
            tq=told,
        )
        return overlaid(settings, self.overlay)

    def secrets(self) -> dict[str, str]:
        """The passwords by the names that the settings give them."""
        return {_PASSWORD: self.login.password, _ACCOUNT_PASSWORD: self.login.account_password}


def is_tq(path: Path) -> bool:
    """Whether a file is a broker connect's: any section tells that settings of the house have not. One that cannot be read is none."""
    try:
        told = _read(path)
    except ConfigError:
        return False
    return isinstance(told, dict) and any(
        name in told for name in _File.__struct_fields__ if name not in Settings.__struct_fields__
    )


def load_tq(path: Path, environment: Mapping[str, str] | None = None) -> TqConnect:
    """Read a broker-connect ``config.yaml``, with the environment laid over it. Raises ConfigError, which never shows a value.

    ``TRADEPIT_<SECTION>__<KEY>`` stands for the file's own key: ``TRADEPIT_DATABASE__PASSWORD`` for ``database.password``. What the
    file has no section for is one of the house's settings: ``TRADEPIT_DATA_DIR``, ``TRADEPIT_LOG__LEVEL``.
    """
    tree, overlay = _laid_over(_read(path), os.environ if environment is None else environment)
    try:
        file = msgspec.convert(tree, _File, strict=False)
        check_id(file.tq.portfolio_id, "tq.portfolio_id")
    except msgspec.ValidationError as error:
        raise ConfigError(str(error)[:300], file=str(path)) from None
    except IdNotValid as error:
        raise ConfigError("tq.portfolio_id must match [A-Za-z0-9_-]{1,64}", file=str(path)) from error
    _check_login(file.tq, path)
    rabbit = file.rabbitmq
    if not rabbit.url.startswith(("amqp://", "amqps://")):
        raise ConfigError("rabbitmq.url must be amqp://…", file=str(path))
    flat = any((rabbit.order_request_queue, rabbit.order_request_exchange, rabbit.order_request_routing_key))
    if flat and (rabbit.external or rabbit.internal):
        raise ConfigError("rabbitmq has the keys of both shapes: order_request_* and external, internal", file=str(path))
    portfolio_id, names, flat_names = file.tq.portfolio_id, _queue_names(rabbit), _flat_names(rabbit)
    return TqConnect(
        profile="tq_flat" if flat else "tq",
        login=file.tq,
        contract=tq_flat.contract(portfolio_id, flat_names) if flat else tq.contract(portfolio_id, names),
        queues=names,
        flat_queues=flat_names,
        bus_url=rabbit.url,
        cache_url=_cache_url(file.redis),
        store_url=_store_url(file.database),
        overlay=overlay,
    )


def _check_login(login: TqSection, path: Path) -> None:
    needed = ["username", "password"]
    if login.run_mode == "real":
        needed += ["broker_id", "account", "account_password"]
    if missing := [f"tq.{name}" for name in needed if not getattr(login, name)]:
        raise ConfigError(f"run_mode {login.run_mode} needs {', '.join(missing)}", file=str(path))


def _laid_over(tree: Any, environment: Mapping[str, str]) -> tuple[Any, dict[str, str]]:  # noqa: ANN401 - as below
    """The file's tree with what the environment says of its keys, and what it says beside that."""
    rest: dict[str, str] = {}
    for name, value in sorted(environment.items()):
        if not name.startswith(ENVIRONMENT_PREFIX) or name in NOT_SETTINGS:
            continue
        section, *keys = name.removeprefix(ENVIRONMENT_PREFIX).lower().split("__")
        ours = section == "tq" and bool(keys) and keys[0] not in TqSection.__struct_fields__
        if not isinstance(tree, dict) or not keys or section not in _File.__struct_fields__ or ours:
            rest[name] = value
        else:
            put(tree, [section, *keys], yaml.load(value, yaml.BaseLoader) if value[:1] == "[" else value)  # noqa: S506 - as below
    return tree, rest


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


def _queue_names(rabbit: RabbitSection) -> QueueNames:
    outer, inner = rabbit.external or ExternalSection(), rabbit.internal or InternalSection()
    return QueueNames(
        order_submit_queue=outer.order_submit_queue,
        order_cancel_queue=outer.order_cancel_queue,
        order_exchange=outer.order_exchange,
        internal_exchange=inner.exchange,
        order_updates_queue=inner.order_updates_queue,
        position_updates_queue=inner.position_updates_queue,
        account_updates_queue=inner.account_updates_queue,
    )


def _flat_names(rabbit: RabbitSection) -> FlatNames:
    default = FlatNames()
    return FlatNames(
        order_request_queue=rabbit.order_request_queue or default.order_request_queue,
        order_request_exchange=rabbit.order_request_exchange or default.order_request_exchange,
        order_request_routing_key=rabbit.order_request_routing_key or default.order_request_routing_key,
    )


def _cache_url(redis: RedisSection) -> str:
    password = f":{quote(redis.password, safe='')}@" if redis.password else ""
    return f"redis://{password}{redis.host}:{redis.port}/{redis.db}"


def _store_url(database: DatabaseSection) -> str:
    user, password = quote(database.user, safe=""), quote(database.password, safe="")
    return f"postgresql+asyncpg://{user}:{password}@{database.host}:{database.port}/{quote(database.dbname, safe='')}"
