"""The wiring: from settings to backends; the only module that names one."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Literal
from urllib.parse import parse_qs, urlsplit

from tradepit.backends.broker.simulated import SimulatedBroker
from tradepit.backends.broker.tqsdk.broker import TqsdkBroker
from tradepit.backends.broker.tqsdk.link import TqsdkLink, TqsdkTiming
from tradepit.backends.broker.tqsdk.market import TqsdkMarket
from tradepit.backends.bus.colocated import ColocatedBus
from tradepit.backends.bus.memory import MemoryBus, MemoryHub
from tradepit.backends.bus.nats import NatsBus
from tradepit.backends.cache.memory import MemoryCache, MemoryCacheStore
from tradepit.backends.cache.memory_series import MemorySeries, MemorySeriesStore
from tradepit.backends.cache.memory_timeline import MemoryTimeline, MemoryTimelineStore
from tradepit.backends.cache.nats import NatsCache
from tradepit.backends.journal.file import FileJournal
from tradepit.backends.journal.jetstream import JetstreamJournal
from tradepit.backends.journal.memory import MemoryJournal, MemoryJournalStore
from tradepit.backends.lease.memory import MemoryLease, MemoryLeaseStore
from tradepit.backends.lease.nats import NatsLease
from tradepit.compose.contracts import BROKER_CONNECT, POWERSCREEN, channels_of, platform_channels_of, routes_of
from tradepit.compose.tqsdk_login import check_login_settings, login_of
from tradepit.config import Settings
from tradepit.ports.broker import Broker
from tradepit.ports.bus import Bus, Channel
from tradepit.ports.cache import Cache
from tradepit.ports.clock import Clock
from tradepit.ports.journal import Journal
from tradepit.ports.lease import Lease
from tradepit.ports.market import BrokerMarket
from tradepit.ports.market_records import MarketRecords
from tradepit.ports.series import SeriesCache
from tradepit.ports.store import Store, Tables
from tradepit.ports.timeline import Timeline
from tradepit.ports.trading_records import TradingRecords
from tradepit.profiles import tq as profile_tq
from tradepit.profiles import tq_company
from tradepit.runtime.clock import ShiftedClock, SystemClock
from tradepit.runtime.halt_box import HaltBox
from tradepit.runtime.order_client import OrderClient
from tradepit.runtime.secret_references import ReferredEnvironment, SecretReference
from tradepit.runtime.tick_clock import TickClock
from tradepit.runtime.urls import without_secret
from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.model.errors import ConfigError
from tradepit.wire import simulator as wire
from tradepit.wire import tq as wire_tq

if TYPE_CHECKING:
    from tradepit.backends.broker.ssi.link import SsiLink
    from tradepit.backends.secrets.vault_link import VaultLink

JOURNALS = ("orders", "commands", "events")
_SEND_NOTHING = frozenset(role.name for role in (*profile_tq.MONITORS, *profile_tq.HANDLERS)) | {wire_tq.ORDER_CANCELLER}


class Wiring:
    """Backends as the settings ask for them. Memory backends are shared by everything one wiring makes: they live in one process.

    ``instances`` are those that will run here, where that is known.
    """

    def __init__(
        self, settings: Settings, *, process: str, secrets: Mapping[str, str] | None = None, instances: Sequence[str] = ()
    ) -> None:
        self.settings, self.process, self.instances = settings, process, tuple(instances)
        self._secrets = secrets or {}
        self.clock = SystemClock()
        self._bus: Bus | None = None
        self._platform_bus: Bus | None = None
        self._cache: Cache | None = None
        self._tqsdk: TqsdkLink | None = None
        self._ssi: SsiLink | None = None
        self._vault: VaultLink | None = None
        self._tick_clock = TickClock()
        self._memory_journals: dict[str, MemoryJournalStore] = {}
        self._memory_leases = MemoryLeaseStore()
        self._memory_cache = MemoryCacheStore()
        self._memory_series = MemorySeriesStore()
        self._memory_timeline = MemoryTimelineStore()

    def bus(self) -> Bus:
        """The process's bus: everything in one process shares one connection. Its owner connects and closes it."""
        if self._bus is None:
            # PowerScreen's roles ask nobody anything.
            requests = self.settings.profile != POWERSCREEN
            self._bus = self._make_bus(self.settings.bus, channels_of(self.settings), requests=requests)
        return self._bus

    def platform_bus(self) -> Bus:
        """The bus of the bot platform's topics: the process's own, or the one that the settings name for them."""
        if not self.settings.platform_bus:
            return self.bus()
        if self._platform_bus is None:
            channels = platform_channels_of(self.settings)
            self._platform_bus = self._make_bus(self.settings.platform_bus, channels, requests=False)
        return self._platform_bus

    @property
    def more_buses(self) -> Sequence[Bus]:
        """The buses beside the process's own that somebody here uses."""
        return () if self._platform_bus is None else (self._platform_bus,)

    def _make_bus(self, url: str, channels: Sequence[Channel], *, requests: bool) -> Bus:
        if url.startswith("memory:"):
            return MemoryBus(MemoryHub(), channels=channels)
        if url.startswith("nats:"):
            return ColocatedBus(NatsBus(url, name=self.process, channels=channels))
        if url.startswith(("amqp:", "amqps:")):
            with extra("rabbitmq"):
                from tradepit.backends.bus.rabbitmq import RabbitmqBus  # noqa: PLC0415 - an extra
            return ColocatedBus(RabbitmqBus(url, name=self.process, channels=channels, routes=routes_of(self.settings)))
        if url.startswith("kafka:"):
            with extra("kafka"):
                from tradepit.backends.bus.kafka import KafkaBus  # noqa: PLC0415 - an extra
            return ColocatedBus(KafkaBus(url, name=self.process, channels=channels, requests=requests))
        known = "memory://, nats://host:port, amqp://user:password@host:port/ or kafka://host:port"
        raise ConfigError(f"a bus must be {known}", bus=without_secret(url))

    def journal(self, name: str, *, synced: bool = True) -> Journal:
        """One of the house's journals (``orders``, ``commands``, ``events``), an instance of its own.

        Not ``synced``: what a power cut takes of it can be had again, so it does not wait for the disk.
        """
        kind = urlsplit(self.settings.journal)
        if kind.path == "memory":
            # Instances share one store, as instances of a real journal share a file.
            return MemoryJournal(self._memory_journals.setdefault(name, MemoryJournalStore()))
        if kind.path == "jetstream":
            return JetstreamJournal(self._nats("journal"), stream_of(name), synced=True)
        if kind.path == "file":
            sync = _sync(parse_qs(kind.query).get("sync", ["always"])[0])
            # Reports follow from the commands, which are on disk before them: a replay makes again what a power cut took.
            again = name == "events" or not synced
            return FileJournal(self.settings.folder / "journals" / name, sync="os" if again else sync)
        raise ConfigError("journal must be file, file?sync=os, jetstream or memory", journal=self.settings.journal)

    def halts(self) -> HaltBox:
        """The folder in which halts wait for whoever leads order management on this data folder."""
        return HaltBox(self.settings.folder / "halts")

    def lease(self, name: str) -> Lease:
        """The lease called ``name``."""
        if self.settings.lease == "memory":
            return MemoryLease(self._memory_leases, name)
        if self.settings.lease == "nats":
            return NatsLease(self._nats("lease"), name)
        raise ConfigError("lease must be nats or memory", lease=self.settings.lease)

    def cache(self) -> Cache:
        """The process's cache, of its registry and of its services. Its owner connects and closes it."""
        if self._cache is None:
            self._cache = self._make_cache()
        return self._cache

    def _make_cache(self) -> Cache:
        if self.settings.cache == "memory":
            return MemoryCache(self._memory_cache, self.clock)
        if self.settings.cache == "nats":
            return NatsCache(self._nats("cache"))
        if self.settings.cache.startswith(("redis:", "rediss:")):
            with extra("redis"):
                from tradepit.backends.cache.redis import RedisCache  # noqa: PLC0415 - an extra
            return RedisCache(self.settings.cache)
        raise ConfigError("cache must be nats, memory or redis://host:port/database", cache=without_secret(self.settings.cache))

    def series(self) -> SeriesCache:
        """Time series where the cache is: in memory, or on Redis. Its owner connects and closes it. Raises ConfigError.

        NATS has none: beside a cache there they are in this process's memory, for the services that live here together.
        """
        if self.settings.cache in ("memory", "nats"):
            return MemorySeries(self._memory_series)
        if self.settings.cache.startswith(("redis:", "rediss:")):
            with extra("redis"):
                from tradepit.backends.cache.redis_series import RedisSeries  # noqa: PLC0415 - an extra
            return RedisSeries(self.settings.cache)
        raise ConfigError("cache must be nats, memory or redis://host:port/database", cache=without_secret(self.settings.cache))

    def timeline(self) -> Timeline:
        """Timelines where the cache is: in memory, or on Redis. Its owner connects and closes it. Raises ConfigError."""
        if self.settings.cache == "memory":
            return MemoryTimeline(self._memory_timeline)
        if self.settings.cache.startswith(("redis:", "rediss:")):
            with extra("redis"):
                from tradepit.backends.cache.redis_timeline import RedisTimeline  # noqa: PLC0415 - an extra
            return RedisTimeline(self.settings.cache)
        raise ConfigError("timelines need a cache in memory or on redis://host:port/database", cache=self.settings.cache)

    def _nats(self, what: str) -> str:
        """The NATS server's URL, which is the bus's. Raises ConfigError where the bus is another."""
        if self.settings.bus.startswith(("amqp:", "amqps:", "kafka:")):
            raise ConfigError("where the bus is not NATS this cannot be kept there", setting=what)
        return self.settings.bus

    def store(self) -> Store:
        """The store of the order tables. Its owner connects and closes it."""
        with extra("sql"):
            from tradepit.backends.store.sql import SqlStore  # noqa: PLC0415 - an extra
        return SqlStore(self._store_url(), migrates=self.settings.migrate_store)

    def tables(self) -> Tables:
        """The store's tables as this profile needs them: the broker connect's, or those of records. Raises ConfigError."""
        return self.store() if self.settings.profile in BROKER_CONNECT else self.market_records()

    def market_records(self, *, migrates: bool = True) -> MarketRecords:
        """The records of ticks and bars in the store. Their owner connects and closes them. Raises ConfigError.

        ``migrates``: whoever connects may bring the tables up to date, if the settings say so.
        """
        with extra("sql"):
            from tradepit.backends.store.market import SqlMarketRecords  # noqa: PLC0415 - an extra
        return SqlMarketRecords(self._store_url(), migrates=migrates and self.settings.migrate_store)

    def trading_records(self, *, migrates: bool = True) -> TradingRecords:
        """The records of orders and all that follows from them in the store. As above."""
        with extra("sql"):
            from tradepit.backends.store.trading import SqlTradingRecords  # noqa: PLC0415 - an extra
        return SqlTradingRecords(self._store_url(), migrates=migrates and self.settings.migrate_store)

    def _store_url(self) -> str:
        if not self.settings.store:
            raise ConfigError("no store is set: store must be sqlite+aiosqlite:///file or postgresql+asyncpg://…")
        return self.settings.store

    @property
    def secrets(self) -> Mapping[str, str]:
        """Where passwords are read from by the names the settings give them, and what they refer to as ``vault:path#field``."""
        return ReferredEnvironment({**os.environ, **self._secrets}, self.resolve)

    def resolve(self, reference: SecretReference) -> str:
        """What is kept there. Raises ConfigError, Unavailable."""
        return self.vault().resolve(reference)

    def vault(self) -> "VaultLink":
        """The process's way to the secrets' server. Raises ConfigError where none is set."""
        if self._vault is None:
            if not self.settings.vault.url:
                raise ConfigError("a secret is said to be in Vault, and no vault.url is set")
            with extra("vault"):
                from tradepit.backends.secrets.vault_link import VaultLink  # noqa: PLC0415 - an extra
            self._vault = VaultLink(self.settings.vault, {**os.environ, **self._secrets}, self.clock)
        return self._vault

    def broker(self) -> Broker:
        """Where order management sends orders. Brokers of one process that go through TqSDK share its process."""
        if self.settings.broker == "tqsdk":
            return TqsdkBroker(self._tqsdk_link(), load_catalog(), self.exchange_clock(), timeout_s=self.settings.tq.timeout_s)
        if self.settings.broker == "ssi":
            return self._ssi_broker()
        together = self.settings.journal != "memory"
        return SimulatedBroker(
            self.bus(), wire.ORDER_MANAGEMENT, timeout_s=self.settings.orders.broker_timeout_s, together=together
        )

    def market(self) -> BrokerMarket | None:
        """The market as the broker tells it, over the login of the process's brokers; None where it tells none."""
        if self.settings.broker == "tqsdk":
            return TqsdkMarket(self._tqsdk_link(), load_catalog(), self.exchange_clock())
        if self.settings.broker == "ssi":
            link = self._ssi_link()
            from tradepit.compose.ssi_market import make_ssi_market  # noqa: PLC0415 - an extra

            return make_ssi_market(self.settings.ssi, link, self.exchange_clock())
        return None

    def _tqsdk_link(self) -> TqsdkLink:
        if self._tqsdk is None:
            self._tqsdk = tqsdk_link(self)
        return self._tqsdk

    def _ssi_broker(self) -> Broker:
        """SSI; brokers of one process share its login and its journal."""
        link = self._ssi_link()
        from tradepit.backends.broker.ssi.broker import SsiBroker  # noqa: PLC0415 - an extra

        return SsiBroker(link, load_catalog(), self.exchange_clock(), timeout_s=self.settings.ssi.timeout_s)

    def _ssi_link(self) -> "SsiLink":
        if self._ssi is None:
            with extra("ssi"):
                from tradepit.compose.ssi_link import make_ssi_link  # noqa: PLC0415 - an extra
            self._ssi = make_ssi_link(self.settings.ssi, self.secrets, self.journal("ssi"), self.exchange_clock())
        return self._ssi

    def exchange_clock(self) -> Clock:
        """The exchange's time: recorded ticks', the machine's, or the machine's moved to the hour the settings name."""
        exchange = self.settings.exchange
        if exchange.time == "ticks":
            return self._tick_clock
        if not exchange.starts_at:
            return SystemClock()
        origin_ns = exchange.origin_ns or self.clock.now_ns()
        return ShiftedClock(starts_at_ns(exchange.starts_at) - origin_ns)

    async def follow_time(self) -> None:
        """Where recorded ticks drive the exchange's time, begin to take it from them; after the bus is connected."""
        if self.settings.exchange.time == "ticks":
            await self._tick_clock.follow(self.bus())

    def house_now_ns(self) -> int:
        """The instant at which the house's contracts are listed: the exchange's start, or the machine's now."""
        starts_at = self.settings.exchange.starts_at
        return starts_at_ns(starts_at) if starts_at else self.clock.now_ns()

    def client(self, bus: Bus) -> OrderClient:
        """A client of order management."""
        return OrderClient(bus, self.clock, policy=self.settings.orders.retry)


def stream_of(journal: str) -> str:
    """The JetStream stream in which a journal is kept."""
    return f"TP_JOURNAL_{journal.upper()}"


def starts_at_ns(text: str) -> int:
    """UTC nanoseconds of an ISO-8601 instant with offset. Raises ConfigError."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError("starts_at must be ISO-8601", starts_at=text) from error
    if moment.tzinfo is None:
        raise ConfigError("starts_at needs its offset, like +08:00", starts_at=text)
    return int(moment.timestamp()) * 1_000_000_000 + moment.microsecond * 1000


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Says what to install where an optional library is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ConfigError(f"a library is missing: pip install 'tradepit[{name}]'", missing=error.name) from error


def _sync(text: str) -> Literal["always", "os"]:
    if text == "always":
        return "always"
    if text == "os":
        return "os"
    raise ConfigError("sync must be always or os", sync=text)


def tqsdk_link(wiring: Wiring) -> TqsdkLink:
    """The way to TqSDK's process. Its secrets are read whenever it starts, and kept nowhere. Raises ConfigError."""
    tq, secrets = wiring.settings.tq, wiring.secrets
    check_login_settings(tq)
    timing = TqsdkTiming(stuck_s=tq.stuck_s, ack_s=tq.ack_s, settle_s=tq.settle_s, back_off_max_s=tq.retry_max_s)
    # Each process that logs in by itself keeps its own account of what it sent and was told. Who sends nothing follows the broker
    # from the day before whenever it starts: what a power cut took is told again.
    owner = tq_company.login_of(wiring.instances)
    name = "tqsdk" if tq.service is None else f"tqsdk-{owner or wiring.process}"
    return TqsdkLink(
        wiring.settings.folder / name,
        wiring.journal(name, synced=owner not in _SEND_NOTHING),
        lambda: login_of(tq, secrets),
        wiring.exchange_clock(),
        timing=timing,
        environment=os.environ,
        # Whoever keeps positions of his own builds them from reports; the broker connect's services ask the broker.
        carries=tq.service is None,
    )
