"""The settings: one tree of frozen values from a YAML file and the environment; a key nobody knows stops the process at start."""

import os
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import yaml

from tradepit.runtime.order_client import RetryPolicy
from tradepit.runtime.single_active import LeaseTiming
from tradepit.services.gateway_settings import GatewaySettings
from tradepit.services.trading_agents import AgentRow
from tradepit.trading.model.errors import ConfigError

ENVIRONMENT_PREFIX = "TRADEPIT_"


class _Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class ContractSettings(_Settings, frozen=True, kw_only=True):
    """A contract to list. ``reference`` is its previous settlement price (quoted units)."""

    symbol: str
    reference: Decimal


class AccountSettings(_Settings, frozen=True, kw_only=True):
    """A trading account and its opening deposit in its currency."""

    account: str
    deposit: Decimal
    currency: str = "CNY"


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
    time: str = "clock"
    gateway: GatewaySettings = GatewaySettings()


class OrderSettings(_Settings, frozen=True, kw_only=True):
    """Order management: the election's timing, the risk rules by name, the account of requests that name none."""

    default_account: str = "A1"
    lease: LeaseTiming = LeaseTiming()
    risk: dict[str, Any] = {}
    broker_timeout_s: float = 1.0
    retry: RetryPolicy = RetryPolicy()


class MarketSettings(_Settings, frozen=True, kw_only=True):
    """Market data. ``source``: ``generator`` or ``replay``; ``speed`` multiplies recorded time, 0 = as fast as possible.

    ``symbols`` are served by as many market-data instances as there are entries: ``market-data-1`` serves the first, and so on.
    """

    source: str = "generator"
    symbols: tuple[str, ...] = ()
    cadence_ms: int = 100
    seed: int = 1
    file: str = ""
    speed: float = 1.0


class AgentSettings(_Settings, frozen=True, kw_only=True):
    """Background agents: who they are, how many orders and cancels a second they send together, the seed of their chance."""

    rows: tuple[AgentRow, ...] = ()
    orders_per_s: float = 20.0
    seed: int = 1


class MonitorSettings(_Settings, frozen=True, kw_only=True):
    """The monitor's HTTP door. Loopback only unless somebody decides otherwise; port 0 takes any free one."""

    host: str = "127.0.0.1"
    port: int = 8800


class LogSettings(_Settings, frozen=True, kw_only=True):
    """Logs: the console's level, and files in ``<data_dir>/logs`` (10 MB each, kept 7 days)."""

    level: str = "INFO"
    files: bool = True


class Settings(_Settings, frozen=True, kw_only=True):
    """All settings of a house. URLs choose the backends.

    ``bus``: ``nats://host:port`` or ``memory://``. ``journal``: ``file`` (in ``data_dir``, fsync), ``file?sync=os``, ``jetstream``
    (on the bus's server) or ``memory``. ``lease`` and ``cache``: ``nats`` (on the bus's server) or ``memory``.
    """

    profile: str = "pit"
    data_dir: str = ".tradepit"
    bus: str = "nats://127.0.0.1:4222"
    journal: str = "file"
    lease: str = "nats"
    cache: str = "nats"
    exchange: ExchangeSettings = ExchangeSettings()
    orders: OrderSettings = OrderSettings()
    market: MarketSettings = MarketSettings()
    agents: AgentSettings = AgentSettings()
    monitor: MonitorSettings = MonitorSettings()
    log: LogSettings = LogSettings()

    @property
    def folder(self) -> Path:
        """Where journals, recordings, logs and the embedded server's streams are kept."""
        return Path(self.data_dir)


def load(path: Path | None = None, environment: Mapping[str, str] | None = None) -> Settings:
    """Settings from a YAML file (or none) with ``TRADEPIT_<KEY>__<KEY>=value`` laid over it. Raises ConfigError."""
    tree = _read(path) if path is not None else {}
    for name, value in sorted((os.environ if environment is None else environment).items()):
        if name.startswith(ENVIRONMENT_PREFIX) and name != "TRADEPIT_LAUNCHER_PID":
            _put(tree, name.removeprefix(ENVIRONMENT_PREFIX).lower().split("__"), _parse(value))
    try:
        return msgspec.convert(tree, Settings, strict=False)
    except (msgspec.ValidationError, ValueError) as error:
        raise ConfigError(str(error)[:300], file=str(path) if path else "environment") from error


def dump(settings: Settings) -> str:
    """The settings as YAML that ``load`` reads back."""
    return yaml.safe_dump(msgspec.to_builtins(settings), sort_keys=False, allow_unicode=True)


def _read(path: Path) -> dict[str, Any]:
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError, ValueError) as error:
        raise ConfigError(f"cannot be read: {str(error)[:200]}", file=str(path)) from error
    if tree is None:
        return {}
    if not isinstance(tree, dict) or not all(isinstance(key, str) for key in tree):
        raise ConfigError("the file must hold one mapping of names", file=str(path))
    return tree


def _put(tree: dict[str, Any], keys: list[str], value: object) -> None:
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
