"""The composition root: the only module that names a backend. From settings to connected services, role by role."""

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Literal
from urllib.parse import parse_qs, urlsplit

from tradepit.backends.broker.simulated import SimulatedBroker
from tradepit.backends.bus.memory import MemoryBus, MemoryHub
from tradepit.backends.bus.nats import NatsBus
from tradepit.backends.cache.memory import MemoryCache
from tradepit.backends.cache.nats import NatsCache
from tradepit.backends.journal.file import FileJournal
from tradepit.backends.journal.jetstream import JetstreamJournal
from tradepit.backends.journal.memory import MemoryJournal
from tradepit.backends.lease.memory import MemoryLease
from tradepit.backends.lease.nats import NatsLease
from tradepit.config import Settings
from tradepit.ports.bus import Bus
from tradepit.ports.cache import Cache
from tradepit.ports.clock import Clock
from tradepit.ports.journal import Journal
from tradepit.ports.lease import Lease
from tradepit.runtime.clock import ManualClock, ShiftedClock, SystemClock
from tradepit.runtime.order_client import OrderClient
from tradepit.runtime.service import Service
from tradepit.services.order_management import OrderManagementService
from tradepit.services.trading_gateway import TradingGateway
from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.calendar.trading_calendar import load_calendar
from tradepit.trading.matching.commands import Command, ListInstrument, OpenAccount
from tradepit.trading.matching.venue import Venue
from tradepit.trading.model.errors import ConfigError
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.risk.rules import load_rules
from tradepit.wire import simulator as wire
from tradepit.wire.simulator import CHANNELS

JOURNALS = ("orders", "commands", "events")


class Wiring:
    """Backends as the settings ask for them. Memory backends are shared by everything one wiring makes: they live in one process."""

    def __init__(self, settings: Settings, *, process: str) -> None:
        self.settings, self.process = settings, process
        self.clock = SystemClock()
        self._hub = MemoryHub()
        self._memory_journals: dict[str, MemoryJournal] = {}
        self._memory_leases: dict[str, MemoryLease] = {}
        self._memory_cache = MemoryCache(self.clock)

    def bus(self, name: str = "") -> Bus:
        """A bus connection of its own."""
        url = self.settings.bus
        if url.startswith("memory:"):
            return MemoryBus(self._hub)
        if url.startswith("nats:"):
            return NatsBus(url, name=name or self.process, channels=CHANNELS)
        raise ConfigError("bus must be memory:// or nats://host:port", bus=url)

    def journal(self, name: str) -> Journal:
        """One of the house's journals (``orders``, ``commands``, ``events``), an instance of its own."""
        kind = urlsplit(self.settings.journal)
        if kind.path == "memory":
            # Instances share one store, as instances of a real journal share a file.
            store = self._memory_journals.setdefault(name, MemoryJournal())
            return store.share()
        if kind.path == "jetstream":
            return JetstreamJournal(self.settings.bus, name)
        if kind.path == "file":
            sync = parse_qs(kind.query).get("sync", ["always"])[0]
            return FileJournal(self.settings.folder / "journals" / name, sync=_sync(sync))
        raise ConfigError("journal must be file, file?sync=os, jetstream or memory", journal=self.settings.journal)

    def lease(self, name: str) -> Lease:
        """The lease called ``name``."""
        if self.settings.lease == "memory":
            return self._memory_leases.setdefault(name, MemoryLease())
        if self.settings.lease == "nats":
            return NatsLease(self.settings.bus, name)
        raise ConfigError("lease must be nats or memory", lease=self.settings.lease)

    def cache(self) -> Cache:
        """The registry's cache."""
        if self.settings.cache == "memory":
            return self._memory_cache
        if self.settings.cache == "nats":
            return NatsCache(self.settings.bus)
        raise ConfigError("cache must be nats or memory", cache=self.settings.cache)

    def exchange_clock(self) -> Clock:
        """The exchange's time: recorded ticks', the machine's, or the machine's moved to the hour the settings name."""
        exchange = self.settings.exchange
        if exchange.time == "ticks":
            return ManualClock()
        if not exchange.starts_at:
            return SystemClock()
        origin_ns = exchange.origin_ns or self.clock.now_ns()
        return ShiftedClock(starts_at_ns(exchange.starts_at) - origin_ns)

    def client(self, bus: Bus) -> OrderClient:
        """A client of order management."""
        return OrderClient(bus, self.clock, policy=self.settings.orders.retry)


def starts_at_ns(text: str) -> int:
    """UTC nanoseconds of an ISO-8601 instant with offset. Raises ConfigError."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError("starts_at must be ISO-8601", starts_at=text) from error
    if moment.tzinfo is None:
        raise ConfigError("starts_at needs its offset, like +08:00", starts_at=text)
    return int(moment.timestamp()) * 1_000_000_000 + moment.microsecond * 1000


def _sync(text: str) -> Literal["always", "os"]:
    if text == "always":
        return "always"
    if text == "os":
        return "os"
    raise ConfigError("sync must be always or os", sync=text)
