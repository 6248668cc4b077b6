"""The composition root: the only module that names a backend. From settings to connected services, role by role."""

import os
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qs, urlsplit

from tradepit.backends.broker.simulated import SimulatedBroker
from tradepit.backends.broker.tqsdk import TqsdkBroker
from tradepit.backends.broker.tqsdk_frames import Login, LoginAccount
from tradepit.backends.broker.tqsdk_link import TqsdkLink, TqsdkTiming
from tradepit.backends.bus.colocated import ColocatedBus
from tradepit.backends.bus.memory import MemoryBus, MemoryHub
from tradepit.backends.bus.nats import NatsBus
from tradepit.backends.cache.memory import MemoryCache, MemoryCacheStore
from tradepit.backends.cache.nats import NatsCache
from tradepit.backends.journal.file import FileJournal
from tradepit.backends.journal.jetstream import JetstreamJournal
from tradepit.backends.journal.memory import MemoryJournal, MemoryJournalStore
from tradepit.backends.lease.memory import MemoryLease, MemoryLeaseStore
from tradepit.backends.lease.nats import NatsLease
from tradepit.config import Settings
from tradepit.ports.broker import Broker
from tradepit.ports.bus import Bus
from tradepit.ports.cache import Cache
from tradepit.ports.clock import Clock
from tradepit.ports.journal import Journal
from tradepit.ports.lease import Lease
from tradepit.profiles.catalogue import roles_of
from tradepit.runtime.clock import ManualClock, ShiftedClock, SystemClock
from tradepit.runtime.exchange_desk import ExchangeDesk
from tradepit.runtime.generated_feed import GeneratedFeed
from tradepit.runtime.ids import new_id
from tradepit.runtime.order_client import OrderClient
from tradepit.runtime.secret_source import read_secret
from tradepit.runtime.service import Service
from tradepit.runtime.tick_clock import TickClock
from tradepit.runtime.tick_feed import TickFeed
from tradepit.services.market_data import MarketDataService, MarketDataSettings
from tradepit.services.order_algos import AlgoDesk
from tradepit.services.order_management import OrderManagementService
from tradepit.services.position_tracker import PositionTracker
from tradepit.services.risk_monitor import RiskMonitor, RiskMonitorSettings
from tradepit.services.trading_gateway import TradingGateway
from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.calendar.trading_calendar import load_calendar
from tradepit.trading.matching.commands import Command, ListInstrument, OpenAccount
from tradepit.trading.model.errors import ConfigError
from tradepit.trading.risk.rules import load_rules
from tradepit.wire import simulator as wire
from tradepit.wire.simulator import CHANNELS

JOURNALS = ("orders", "commands", "events")


class Wiring:
    """Backends as the settings ask for them. Memory backends are shared by everything one wiring makes: they live in one process."""

    def __init__(self, settings: Settings, *, process: str) -> None:
        self.settings, self.process = settings, process
        self.clock = SystemClock()
        self._bus: Bus | None = None
        self._tqsdk: TqsdkLink | None = None
        self._tick_clock = TickClock()
        self._memory_journals: dict[str, MemoryJournalStore] = {}
        self._memory_leases = MemoryLeaseStore()
        self._memory_cache = MemoryCacheStore()

    def bus(self) -> Bus:
        """The process's bus: everything in one process shares one connection. Its owner connects and closes it."""
        if self._bus is None:
            url = self.settings.bus
            if url.startswith("memory:"):
                self._bus = MemoryBus(MemoryHub(), channels=CHANNELS)
            elif url.startswith("nats:"):
                self._bus = ColocatedBus(NatsBus(url, name=self.process, channels=CHANNELS))
            else:
                raise ConfigError("bus must be memory:// or nats://host:port", bus=url)
        return self._bus

    def journal(self, name: str) -> Journal:
        """One of the house's journals (``orders``, ``commands``, ``events``), an instance of its own."""
        kind = urlsplit(self.settings.journal)
        if kind.path == "memory":
            # Instances share one store, as instances of a real journal share a file.
            return MemoryJournal(self._memory_journals.setdefault(name, MemoryJournalStore()))
        if kind.path == "jetstream":
            return JetstreamJournal(self.settings.bus, stream_of(name), synced=True)
        if kind.path == "file":
            sync = _sync(parse_qs(kind.query).get("sync", ["always"])[0])
            # Reports follow from the commands, which are on disk before them: a replay makes again what a power cut took.
            return FileJournal(self.settings.folder / "journals" / name, sync="os" if name == "events" else sync)
        raise ConfigError("journal must be file, file?sync=os, jetstream or memory", journal=self.settings.journal)

    def lease(self, name: str) -> Lease:
        """The lease called ``name``."""
        if self.settings.lease == "memory":
            return MemoryLease(self._memory_leases, name)
        if self.settings.lease == "nats":
            return NatsLease(self.settings.bus, name)
        raise ConfigError("lease must be nats or memory", lease=self.settings.lease)

    def cache(self) -> Cache:
        """The registry's cache."""
        if self.settings.cache == "memory":
            return MemoryCache(self._memory_cache, self.clock)
        if self.settings.cache == "nats":
            return NatsCache(self.settings.bus)
        raise ConfigError("cache must be nats or memory", cache=self.settings.cache)

    def broker(self) -> Broker:
        """Where order management sends orders. Brokers of one process that go through TqSDK share its process."""
        if self.settings.broker == "tqsdk":
            if self._tqsdk is None:
                self._tqsdk = tqsdk_link(self)
            return TqsdkBroker(self._tqsdk, load_catalog(), self.exchange_clock(), timeout_s=self.settings.tq.timeout_s)
        return SimulatedBroker(self.bus(), wire.ORDER_MANAGEMENT, timeout_s=self.settings.orders.broker_timeout_s)

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


def _sync(text: str) -> Literal["always", "os"]:
    if text == "always":
        return "always"
    if text == "os":
        return "os"
    raise ConfigError("sync must be always or os", sync=text)


def tqsdk_link(wiring: Wiring) -> TqsdkLink:
    """The way to TqSDK's process. Its secrets are read whenever it starts, and kept nowhere. Raises ConfigError."""
    tq = wiring.settings.tq
    if not tq.user or not tq.accounts or not tq.symbols:
        raise ConfigError("tq needs a user, accounts and symbols")

    def login() -> Login:
        real = tq.run_mode == "real"
        accounts = [
            LoginAccount(
                name=told.account,
                broker=told.broker_id,
                user=told.user,
                password=read_secret(told.password_env, told.password_file, os.environ) if real else "",
                number=told.number,
            )
            for told in tq.accounts
        ]
        password = read_secret(tq.password_env, tq.password_file, os.environ)
        return Login(run_mode=tq.run_mode, user=tq.user, password=password, accounts=accounts, symbols=list(tq.symbols))

    timing = TqsdkTiming(stuck_s=tq.stuck_s, ack_s=tq.ack_s, settle_s=tq.settle_s, back_off_max_s=tq.retry_max_s)
    folder = wiring.settings.folder / "tqsdk"
    return TqsdkLink(folder, wiring.journal("tqsdk"), login, wiring.exchange_clock(), timing=timing, environment=os.environ)


# Roles

OnFailure = Callable[[BaseException], None]


def instances_of(settings: Settings, names: Sequence[str]) -> list[str]:
    """Instance ids for role names and instance ids. Raises ConfigError."""
    roles = {role.name: role for role in roles_of(settings.profile)}
    chosen: list[str] = []
    for name in names:
        if name in roles:
            chosen.extend(roles[name].instances())
        elif any(name in role.instances() for role in roles.values()):
            chosen.append(name)
        else:
            raise ConfigError("no such role or instance", name=name[:64], profile=settings.profile)
    return list(dict.fromkeys(chosen))


def make_service(wiring: Wiring, instance: str, on_failure: OnFailure) -> Service:
    """One role instance, ready to start; ``on_failure`` is told when it can no longer work."""
    role, _, number = instance.rpartition("-")
    return _MAKERS[role](wiring, instance, int(number), on_failure)


def opening_commands(wiring: Wiring) -> list[Command]:
    """What every start of the exchange says first: its contracts and accounts. Saying it again changes nothing."""
    on = house_day(wiring)
    catalog = load_catalog()
    listings: list[Command] = [
        ListInstrument(
            instrument=catalog.instrument(contract.symbol, on=on, listing_price=contract.reference), reference=contract.reference
        )
        for contract in wiring.settings.exchange.contracts
    ]
    accounts = [
        OpenAccount(account=account.account, deposit=account.deposit, currency=account.currency)
        for account in wiring.settings.exchange.accounts
    ]
    return [*listings, *accounts]


def house_day(wiring: Wiring) -> date:
    """The calendar day, in China, on which the house opens."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=wiring.house_now_ns() // 1_000_000_000, hours=8)).date()


def _gateway(wiring: Wiring, instance: str, number: int, on_failure: OnFailure) -> Service:
    del number
    exchange = wiring.settings.exchange
    return TradingGateway(
        bus=wiring.bus(),
        commands=wiring.journal("commands"),
        events=wiring.journal("events"),
        calendar=load_calendar(),
        # The exchange itself is moved by the ticks it is told, not by those on the bus.
        clock=ManualClock(wiring.house_now_ns()) if exchange.time == "ticks" else wiring.exchange_clock(),
        instance=instance,
        settings=exchange.gateway,
        opening=opening_commands(wiring),
        on_failure=on_failure,
    )


def _order_management(wiring: Wiring, instance: str, number: int, on_failure: OnFailure) -> Service:
    del number, on_failure
    orders = wiring.settings.orders
    bus = wiring.bus()
    # Loaded while there is time: a standby that takes over has none.
    calendar = load_calendar()
    return OrderManagementService(
        instance=instance,
        bus=bus,
        journal=wiring.journal("orders"),
        lease=wiring.lease(wire.ORDER_MANAGEMENT),
        broker=wiring.broker(),
        rules=load_rules(orders.risk),
        clock=wiring.clock,
        timing=orders.lease,
        default_account=orders.default_account,
        snapshot_facts=orders.snapshot_facts,
        make_algos=lambda leader: AlgoDesk(
            leader, bus, wiring.exchange_clock(), calendar=calendar, default_account=orders.default_account
        ),
    )


def _market_data(wiring: Wiring, instance: str, number: int, on_failure: OnFailure) -> Service:
    del on_failure
    market = wiring.settings.market
    bus = wiring.bus()
    symbols = market.symbols or tuple(contract.symbol for contract in wiring.settings.exchange.contracts)
    feed: TickFeed
    # One recording holds every symbol in the order of time: the first instance plays it, the others have nothing to do.
    replays = market.source == "replay"
    if replays and number == 1:
        from tradepit.runtime.replayed_feed import ReplayedFeed  # noqa: PLC0415 - polars is heavy

        feed = ReplayedFeed(Path(market.file), load_catalog(), wiring.clock, speed=market.speed)
    else:
        replicas = next(role.replicas for role in roles_of(wiring.settings.profile) if role.name == wire.MARKET_DATA)
        chosen = () if replays else symbols[number - 1 :: replicas]
        clock = wiring.clock if replays else wiring.exchange_clock()
        feed = GeneratedFeed(
            chosen, ExchangeDesk(bus).listed, load_calendar(), clock, seed=market.seed, cadence_ms=market.cadence_ms
        )
    return MarketDataService(bus, wiring.clock, feed, MarketDataSettings(), instance, new_id("R"))


def _risk_monitor(wiring: Wiring, instance: str, number: int, on_failure: OnFailure) -> Service:
    del number, on_failure
    return RiskMonitor(wiring.bus(), wiring.clock, load_catalog(), RiskMonitorSettings(), instance)


def _position_tracker(wiring: Wiring, instance: str, number: int, on_failure: OnFailure) -> Service:
    del number, on_failure
    return PositionTracker(wiring.bus(), wiring.clock, load_catalog(), instance)


def _execution_algo(wiring: Wiring, instance: str, number: int, on_failure: OnFailure) -> Service:
    del number, on_failure
    from tradepit.services.execution_algo import ExecutionAlgo  # noqa: PLC0415 - only its own process needs it

    bus = wiring.bus()
    return ExecutionAlgo(
        bus=bus,
        clock=wiring.exchange_clock(),
        instance=instance,
        orders=wiring.client(bus),
        lease_for=lambda algo_id: wiring.lease(f"algo-{algo_id}"),
    )


def _market_recorder(wiring: Wiring, instance: str, number: int, on_failure: OnFailure) -> Service:
    del number, on_failure
    from tradepit.services.market_recorder import MarketRecorder, RecorderSettings  # noqa: PLC0415 - polars is heavy

    settings = RecorderSettings(directory=wiring.settings.folder / "recordings" / instance)
    return MarketRecorder(wiring.bus(), wiring.clock, settings, instance)


def _monitor_api(wiring: Wiring, instance: str, number: int, on_failure: OnFailure) -> Service:
    del number, on_failure
    from tradepit.web.monitor_api import MonitorApi  # noqa: PLC0415 - a web server is heavy

    monitor = wiring.settings.monitor
    return MonitorApi(wiring.bus(), wiring.clock, host=monitor.host, port=monitor.port, instance=instance)


def _diff_front(wiring: Wiring, instance: str, number: int, on_failure: OnFailure) -> Service:
    del number, on_failure
    from tradepit.web.diff.front import DiffFront, FrontSettings  # noqa: PLC0415 - a web server and GraphQL are heavy

    diff, exchange, bus = wiring.settings.diff, wiring.settings.exchange, wiring.bus()
    settings = FrontSettings(
        host=diff.host,
        port=diff.port,
        users=diff.users,
        open_with=diff.open_with,
        history=Path(diff.history) if diff.history else wiring.settings.folder / "recordings",
        intents=wiring.settings.folder / "intents" / f"{instance}-{new_id('')[-8:]}.jsonl",
        freeze=exchange.gateway.venue.ledger.freeze_price,
    )
    return DiffFront(bus, wiring.clock, wiring.exchange_clock(), load_catalog(), wiring.client(bus), settings, instance)


def _trading_agents(wiring: Wiring, instance: str, number: int, on_failure: OnFailure) -> Service:
    del number, on_failure
    from tradepit.services.trading_agents import TradingAgents, TradingAgentsSettings  # noqa: PLC0415 - only its own process needs it

    agents, bus = wiring.settings.agents, wiring.bus()
    run = new_id("")[-8:]
    settings = TradingAgentsSettings(
        agents=agents.rows,
        orders_per_second=agents.orders_per_s,
        seed=agents.seed,
        intents=wiring.settings.folder / "intents" / f"{instance}-{run}.jsonl",
    )
    return TradingAgents(bus, wiring.clock, load_catalog(), wiring.client(bus), settings, instance, run)


_MAKERS: dict[str, Callable[[Wiring, str, int, OnFailure], Service]] = {
    wire.TRADING_GATEWAY: _gateway,
    wire.ORDER_MANAGEMENT: _order_management,
    wire.MARKET_DATA: _market_data,
    wire.RISK_MONITOR: _risk_monitor,
    wire.POSITION_TRACKER: _position_tracker,
    wire.EXECUTION_ALGO: _execution_algo,
    wire.MARKET_RECORDER: _market_recorder,
    wire.MONITOR_API: _monitor_api,
    wire.TRADING_AGENTS: _trading_agents,
    wire.DIFF_FRONT: _diff_front,
}
