"""The settings: one tree of frozen values from a YAML file and the environment; a key nobody knows stops the process at start."""

import os
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import yaml

from tradepit.bots.live.settings import BotRow, RunnerSettings
from tradepit.runtime.order_client import RetryPolicy
from tradepit.runtime.single_active import LeaseTiming
from tradepit.runtime.ssi_settings import SsiSettings
from tradepit.runtime.vault_settings import VaultSettings
from tradepit.services.gateway_settings import GatewaySettings
from tradepit.services.market_cache_settings import MarketCacheSettings
from tradepit.services.powerscreen_settings import PowerScreenSettings
from tradepit.services.record_settings import RecordSettings
from tradepit.services.tq_settings import TqServiceSettings
from tradepit.services.trading_agents import AgentRow
from tradepit.trading.model.errors import ConfigError
from tradepit.wire.tq import QueueNames
from tradepit.wire.tq_flat import FlatNames

ENVIRONMENT_PREFIX = "TRADEPIT_"
_MAX_MAGNITUDE = 15
NOT_SETTINGS = frozenset({"TRADEPIT_LAUNCHER_PID"})

Token = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}\Z")]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=3_600)]


class _Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class ContractSettings(_Settings, frozen=True, kw_only=True):
    """A contract to list. ``reference`` is its previous settlement price (quoted units)."""

    symbol: Token
    reference: Decimal

    def __post_init__(self) -> None:
        if not self.reference.is_finite() or self.reference <= 0 or self.reference.adjusted() > _MAX_MAGNITUDE:
            raise ValueError("reference must be a price")


class AccountSettings(_Settings, frozen=True, kw_only=True):
    """A trading account and its opening deposit in its currency."""

    account: Token
    deposit: Decimal
    currency: str = "CNY"

    def __post_init__(self) -> None:
        if not self.deposit.is_finite() or self.deposit < 0 or self.deposit.adjusted() > _MAX_MAGNITUDE:
            raise ValueError("deposit must be an amount")


class ExchangeSettings(_Settings, frozen=True, kw_only=True):
    """The simulated exchange.

    ``starts_at`` (ISO-8601 with offset) is the exchange's instant when the house starts, empty for the machine's own time.
    ``origin_ns`` is the machine's UTC instant that belongs to it; the launcher sets it, so that all processes agree.
    ``time``: ``clock``, or ``ticks`` when recorded ticks drive the exchange's time.
    """

    contracts: tuple[ContractSettings, ...] = ()
    accounts: tuple[AccountSettings, ...] = ()
    starts_at: str = ""
    origin_ns: int = 0
    time: Literal["clock", "ticks"] = "clock"
    gateway: GatewaySettings = GatewaySettings()


class OrderSettings(_Settings, frozen=True, kw_only=True):
    """Order management: the election's timing, the risk rules by name, the account of requests that name none.

    ``snapshot_facts`` is after how many facts in its journal (an order has about five) a standby keeps a snapshot (it also keeps one at each new
    trading day, and a leader does at a clean stop): about as many are replayed at a start.
    """

    default_account: Token = "A1"
    lease: LeaseTiming = LeaseTiming()
    risk: dict[str, Any] = {}
    snapshot_facts: Annotated[int, msgspec.Meta(ge=1)] = 100_000
    broker_timeout_s: Seconds = 1.0
    retry: RetryPolicy = RetryPolicy()


class MarketSettings(_Settings, frozen=True, kw_only=True):
    """Market data. ``source``: ``generator`` or ``replay``; ``speed`` multiplies recorded time, 0 = as fast as possible.

    The market-data instances deal the ``symbols`` out among themselves: ``market-data-1`` serves the first, and so on in turn.
    """

    source: Literal["generator", "replay"] = "generator"
    symbols: tuple[Token, ...] = ()
    cadence_ms: Annotated[int, msgspec.Meta(ge=1, le=3_600_000)] = 100
    seed: int = 1
    file: str = ""
    speed: Annotated[float, msgspec.Meta(ge=0, le=1_000_000)] = 1.0


class AgentSettings(_Settings, frozen=True, kw_only=True):
    """Background agents: who they are, how many orders and cancels a second they send together, the seed of their chance."""

    rows: tuple[AgentRow, ...] = ()
    orders_per_s: Annotated[float, msgspec.Meta(gt=0, le=100_000)] = 20.0
    seed: int = 1


class MonitorSettings(_Settings, frozen=True, kw_only=True):
    """The monitor's HTTP door. Loopback only unless somebody decides otherwise; port 0 takes any free one."""

    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=0, le=65_535)] = 8800


class RiskApiSettings(_Settings, frozen=True, kw_only=True):
    """The risk door over HTTP, on this machine alone: it has no authentication. Port 0 takes any free one."""

    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=0, le=65_535)] = 8801


class DiffSettings(_Settings, frozen=True, kw_only=True):
    """The DIFF front, where an unmodified TqSDK trades. Loopback only unless there are ``users``; port 0 takes any free one.

    ``users`` maps names to passwords; empty lets anybody in who reaches the door, under any name, which is the account's too.
    ``history`` is a file or folder of recorded ticks for charts, empty for what the house's own recorder has written.
    ``open_with`` is the deposit of an account opened at its user's first login, null opens none.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=0, le=65_535)] = 7788
    users: dict[str, str] = {}
    history: str = ""
    open_with: Decimal | None = Decimal(10_000_000)

    def __post_init__(self) -> None:
        amount = self.open_with
        if amount is not None and (not amount.is_finite() or amount < 0 or amount.adjusted() > _MAX_MAGNITUDE):
            raise ValueError("open_with must be an amount")


class DataApiSettings(_Settings, frozen=True, kw_only=True):
    """The Data API's HTTP door. Loopback only unless somebody decides otherwise; port 0 takes any free one."""

    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=0, le=65_535)] = 8080


class BotsSettings(_Settings, frozen=True, kw_only=True):
    """Bots of the role ``bot-runner``, and its HTTP door: loopback only unless somebody decides otherwise; port 0 takes any free one."""

    rows: tuple[BotRow, ...] = ()
    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=0, le=65_535)] = 8081
    runner: RunnerSettings = RunnerSettings()


class TqAccountSettings(_Settings, frozen=True, kw_only=True):
    """One account at the broker. ``account`` is what the house calls it; ``broker_id`` and ``user`` are the broker's names for it.

    Its password is in the environment variable ``password_env`` or in ``password_file``. With ``run_mode: sandbox`` none of this is
    used or even read: ``number`` chooses the vendor's simulated account, 0 the main one, 1 to 99 its further ones, and ``deposit``
    is what an account of ``sandbox: sim`` begins with.
    """

    account: Token
    broker_id: str = ""
    user: str = ""
    password_env: str = ""
    password_file: str = ""
    number: Annotated[int, msgspec.Meta(ge=0, le=99)] = 0
    deposit: Annotated[float, msgspec.Meta(gt=0, le=1e12)] = 10_000_000.0


class TqSettings(_Settings, frozen=True, kw_only=True):
    """TqSDK as the broker (``broker: tqsdk``), in a process of its own. ``user`` is the Shinnytech account TqSDK needs in any case.

    ``run_mode``: ``real`` trades real money at the accounts' brokers, ``sandbox`` never does; any other word is refused at start.
    ``sandbox``: ``kq`` for simulated accounts at the vendor (TqKq), ``sim`` for ones inside TqSDK's own process (TqSim), which begin
    anew whenever it starts. ``symbols`` are contracts to watch from the start, with their exchange (``SHFE.rb2505``): all others are
    looked up when the first order or position names them. No password stands here: each is in an environment variable or in a file
    only its owner can read.

    ``service`` is what the broker connect's services (profiles ``tq`` and ``tq_flat``) are told, ``queues`` and ``flat_queues`` the
    names they use on RabbitMQ where those are not the documents'.

    Seconds: ``timeout_s`` until an answer counts as lost, ``stuck_s`` until a process that stands still is ended, ``ack_s`` until
    a connection that does not answer orders is, ``settle_s`` for which an order that was sent before a new login may still turn up,
    ``retry_max_s`` up to which the pause before the next login grows.
    """

    run_mode: Literal["real", "sandbox"] = "sandbox"
    sandbox: Literal["kq", "sim"] = "kq"
    user: str = ""
    password_env: str = ""
    password_file: str = ""
    accounts: tuple[TqAccountSettings, ...] = ()
    symbols: tuple[Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{2,8}\.[A-Za-z0-9_-]{1,64}\Z")], ...] = ()
    service: TqServiceSettings | None = None
    queues: QueueNames = QueueNames()
    flat_queues: FlatNames = FlatNames()
    timeout_s: Seconds = 5.0
    stuck_s: Seconds = 10.0
    ack_s: Seconds = 10.0
    settle_s: Seconds = 5.0
    retry_max_s: Annotated[float, msgspec.Meta(ge=0.5, le=3_600)] = 15.0

    def __post_init__(self) -> None:
        names = [account.account for account in self.accounts]
        if len(set(names)) != len(names):
            raise ValueError("an account is named twice")


class LogSettings(_Settings, frozen=True, kw_only=True):
    """Logs: the console's level, and files in ``<data_dir>/logs`` (10 MB each, kept 7 days)."""

    level: Literal["TRACE", "DEBUG", "INFO", "SUCCESS", "WARNING", "ERROR", "CRITICAL"] = "INFO"
    files: bool = True


class Settings(_Settings, frozen=True, kw_only=True):
    """All settings of a house. URLs choose the backends.

    ``bus``: ``nats://host:port``, ``amqp://user:password@host:port/vhost`` (RabbitMQ, extra ``rabbitmq``),
    ``kafka://host:port[,host:port]`` (extra ``kafka``; with either, ``lease`` and ``cache`` cannot be ``nats``) or ``memory://``.
    ``platform_bus``: where the bot platform's topics are, empty for ``bus``; so they can be on Kafka while everything inside the
    house stays on NATS. ``journal``: ``file`` (in ``data_dir``, fsync), ``file?sync=os``, ``jetstream``
    (on the bus's server) or ``memory``. ``lease`` and ``cache``: ``nats`` (on the bus's server) or ``memory``; ``cache`` also
    ``redis://user:password@host:port/database``. ``store``, where orders, and ticks too, become rows for other programs:
    ``sqlite+aiosqlite:///file``, ``postgresql+asyncpg://user:password@host:port/database``, or empty for none;
    ``migrate_store``: whoever connects to it may bring its tables up to date. ``broker``: where order management sends orders,
    the house's own ``simulated`` exchange, ``tqsdk`` (China) or ``ssi`` (Vietnam); with a real one there is no exchange of its own,
    and the profiles ``pit`` and ``simulator`` run what is left, order management and the trading gateway in one process.
    """

    profile: str = "pit"
    data_dir: str = ".tradepit"
    bus: str = "nats://127.0.0.1:4222"
    platform_bus: str = ""
    journal: str = "file"
    lease: str = "nats"
    cache: str = "nats"
    store: str = ""
    migrate_store: bool = True
    records: RecordSettings = RecordSettings()
    broker: Literal["simulated", "tqsdk", "ssi"] = "simulated"
    exchange: ExchangeSettings = ExchangeSettings()
    orders: OrderSettings = OrderSettings()
    market: MarketSettings = MarketSettings()
    agents: AgentSettings = AgentSettings()
    market_cache: MarketCacheSettings = MarketCacheSettings()
    data_api: DataApiSettings = DataApiSettings()
    bots: BotsSettings = BotsSettings()
    monitor: MonitorSettings = MonitorSettings()
    risk_api: RiskApiSettings = RiskApiSettings()
    diff: DiffSettings = DiffSettings()
    tq: TqSettings = TqSettings()
    powerscreen: PowerScreenSettings = PowerScreenSettings()
    ssi: SsiSettings = SsiSettings()
    vault: VaultSettings = VaultSettings()
    log: LogSettings = LogSettings()

    @property
    def folder(self) -> Path:
        """Where journals, recordings, logs and the embedded server's streams are kept."""
        return Path(self.data_dir)


def load(path: Path | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """Settings from a YAML file (or none) with ``TRADEPIT_<KEY>__<KEY>=value`` laid over it. Raises ConfigError.

    A value in the environment is text, read as its setting needs it; lists and mappings are written as in YAML, ``[a, b]``.
    """
    tree = _read(path) if path is not None else {}
    return _laid_over(tree, os.environ if environment is None else environment, str(path) if path else "environment")


def overlaid(settings: Settings, environment: Mapping[str, str]) -> Settings:
    """Settings with ``TRADEPIT_<KEY>__<KEY>=value`` laid over them. Raises ConfigError."""
    return _laid_over(msgspec.to_builtins(settings), environment, "environment") if environment else settings


def _laid_over(tree: dict[str, Any], environment: Mapping[str, str], told_by: str) -> Settings:
    laid = {
        name: value for name, value in environment.items() if name.startswith(ENVIRONMENT_PREFIX) and name not in NOT_SETTINGS
    }
    for name, value in sorted(laid.items()):
        keys = name.removeprefix(ENVIRONMENT_PREFIX).lower().split("__")
        put(tree, keys, _parse(value) if keys[:2] == ["orders", "risk"] or value[:1] in ("[", "{") else value)
    try:
        return msgspec.convert(tree, Settings, strict=False)
    except (msgspec.ValidationError, ValueError, ArithmeticError) as error:
        # The file may be without fault: what was laid over it is named, for its writer looks at the file alone.
        over = {"environment": ", ".join(sorted(laid))[:200]} if laid else {}
        raise ConfigError(str(error)[:300], file=told_by, **over) from error


def dump(settings: Settings) -> str:
    """The settings as YAML that ``load`` reads back."""
    return yaml.safe_dump(msgspec.to_builtins(settings), sort_keys=False, allow_unicode=True)


class _Loader(yaml.SafeLoader):
    """Reads what the safe loader reads, and leaves instants as the text they are."""


_INSTANT = "tag:yaml.org,2002:timestamp"
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _INSTANT]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _read(path: Path) -> dict[str, Any]:
    try:
        tree = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - it is a safe loader
    except yaml.MarkedYAMLError as error:
        # Its own words would show the line, which may hold a password.
        line = error.problem_mark.line + 1 if error.problem_mark is not None else 0
        raise ConfigError("not YAML", file=str(path), line=line) from None
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror or type(error).__name__}", file=str(path)) from None
    except (UnicodeDecodeError, yaml.YAMLError, RecursionError, ValueError) as error:
        raise ConfigError(f"cannot be read: {type(error).__name__}", file=str(path)) from None
    if tree is None:
        return {}
    if not isinstance(tree, dict) or not all(isinstance(key, str) for key in tree):
        raise ConfigError("the file must hold one mapping of names", file=str(path))
    return tree


def put(tree: dict[str, Any], keys: list[str], value: object) -> None:
    """Set a value in a tree of mappings. Raises ConfigError where a key on the way is none."""
    for key in keys[:-1]:
        inner = tree.setdefault(key, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"{key} is not a section", key=key)
        tree = inner
    tree[keys[-1]] = value


def _parse(text: str) -> object:
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        return text
