"""The services of a house, role by role, made of what the wiring gives."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec

from tradepit.compose.broker_connect import ROLES as BROKER_CONNECT_ROLES
from tradepit.compose.broker_connect import make_tq_service, parts_of
from tradepit.compose.contracts import platform_channels_of
from tradepit.compose.wiring import Wiring, extra
from tradepit.config import Settings
from tradepit.ports.bus import Channel
from tradepit.profiles.catalogue import SIMULATED, roles_of
from tradepit.profiles.tq_company import in_starting_order
from tradepit.runtime.clock import ManualClock
from tradepit.runtime.exchange_desk import ExchangeDesk
from tradepit.runtime.generated_feed import GeneratedFeed
from tradepit.runtime.ids import new_id
from tradepit.runtime.order_client import OrderClient
from tradepit.runtime.service import Service
from tradepit.runtime.tick_feed import TickFeed
from tradepit.services.bot_orders import MOST_TOGETHER
from tradepit.services.dead_letters import DeadLetters
from tradepit.services.market_data import MarketDataService, MarketDataSettings
from tradepit.services.order_algos import AlgoDesk
from tradepit.services.order_management import OrderManagementService
from tradepit.services.position_tracker import PositionTracker
from tradepit.services.queue_worker import QueueWorker
from tradepit.services.risk_monitor import RiskMonitor, RiskMonitorSettings
from tradepit.services.trading_gateway import TradingGateway
from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.calendar.trading_calendar import load_calendar
from tradepit.trading.matching.commands import Command, ListInstrument, OpenAccount
from tradepit.trading.model.errors import ConfigError
from tradepit.trading.risk.rules import load_rules
from tradepit.wire import data_api, platform, powerscreen, record_tables
from tradepit.wire import simulator as wire
from tradepit.wire.queues import QueueRoute

OnFailure = Callable[[BaseException], None]
_INTENTS_IN_HAND, _ACCOUNTS_AT_ONCE, _PATIENCE_S = 2_000, 64, 1.0


def instances_of(settings: Settings, names: Sequence[str]) -> list[str]:
    """Instance ids for role names and instance ids. Raises ConfigError."""
    roles = {role.name: role for role in roles_of(settings.profile, settings.broker)}
    chosen: list[str] = []
    for name in names:
        if name in roles:
            chosen.extend(roles[name].instances())
        elif any(name in role.instances() for role in roles.values()):
            chosen.append(name)
        else:
            raise ConfigError("no such role or instance", name=name[:64], profile=settings.profile)
    chosen = list(dict.fromkeys(chosen))
    return in_starting_order(chosen) if settings.profile in ("tq", "tq_flat") else chosen


def make_service(wiring: Wiring, instance: str, on_failure: OnFailure) -> Service:
    """One role instance, ready to start; ``on_failure`` is told when it can no longer work."""
    role, _, number = instance.rpartition("-")
    if role in BROKER_CONNECT_ROLES:
        return make_tq_service(parts_of(wiring), role, instance, on_failure)
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
    if wiring.settings.broker != SIMULATED:
        from tradepit.compose.broker_gateway import make_broker_gateway  # noqa: PLC0415 - only a house with a real broker needs it

        return make_broker_gateway(wiring, instance, on_failure)
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
        halts=wiring.halts(),
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


def _market_cache(wiring: Wiring, instance: str, number: int, on_failure: OnFailure) -> Service:
    del number
    from tradepit.services.hot_refill import RecordedTicks  # noqa: PLC0415 - only its own process needs it
    from tradepit.services.market_cache import MarketCache  # noqa: PLC0415 - likewise

    _check_series_shared(wiring)
    past = RecordedTicks(wiring.market_records()) if wiring.settings.store else None
    return MarketCache(
        wiring.bus(),
        wiring.series(),
        wiring.cache(),
        wiring.clock,
        wiring.exchange_clock() if wiring.settings.exchange.time == "clock" else None,
        wiring.settings.market_cache,
        instance,
        on_failure,
        past,
    )


def _data_api(wiring: Wiring, instance: str, number: int, on_failure: OnFailure) -> Service:
    del number, on_failure
    from tradepit.compose.data_api import make_data_api  # noqa: PLC0415 - a web server is heavy

    _check_series_shared(wiring)
    return make_data_api(wiring, instance)


def _check_series_shared(wiring: Wiring) -> None:
    """Without Redis the hot window is in one process's memory: who writes it and who reads it must live there together."""
    on_redis = wiring.settings.cache.startswith(("redis:", "rediss:"))
    here = {instance.rpartition("-")[0] for instance in wiring.instances}
    if not on_redis and here and not {data_api.MARKET_CACHE, data_api.DATA_API} <= here:
        raise ConfigError(
            f"without Redis the hot window is in memory: run {data_api.MARKET_CACHE} and {data_api.DATA_API} in one process",
            cache=wiring.settings.cache,
        )


def _risk_api(wiring: Wiring, instance: str, number: int, on_failure: OnFailure) -> Service:
    del number, on_failure
    from tradepit.runtime.risk_client import RiskClient  # noqa: PLC0415 - only its own process needs it
    from tradepit.web.risk_api import RiskApi  # noqa: PLC0415 - a web server is heavy

    door = wiring.settings.risk_api
    client = RiskClient(wiring.bus(), wiring.halts(), wiring.clock)
    return RiskApi(client, host=door.host, port=door.port, instance=instance)


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


def _bot_runner(wiring: Wiring, instance: str, number: int, on_failure: OnFailure) -> Service:
    del number, on_failure
    from tradepit.compose.bots import make_bot_runner  # noqa: PLC0415 - a web server is heavy

    return make_bot_runner(wiring, instance, wiring.settings.bots.rows)


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


def _powerscreen_producer(wiring: Wiring, instance: str, number: int, on_failure: OnFailure) -> Service:
    del number
    with extra("protobuf"):
        from tradepit.web.powerscreen_producer import PowerScreenProducer  # noqa: PLC0415 - an extra, and a web server is heavy

    settings = wiring.settings
    return PowerScreenProducer(
        wiring.platform_bus(),
        wiring.clock,
        platform_channels_of(settings),
        settings.powerscreen,
        instance,
        on_failure=on_failure,
    )


def _powerscreen_consumer(wiring: Wiring, instance: str, number: int, on_failure: OnFailure) -> Service:
    del number, on_failure
    with extra("protobuf"):
        from tradepit.services.snapshot_projection import SnapshotProjection  # noqa: PLC0415 - an extra

    told, bus = wiring.settings.powerscreen, wiring.platform_bus()
    return QueueWorker(
        powerscreen.CONSUMER,
        instance,
        bus=bus,
        route=powerscreen.snapshots_route(told.topic, told.group),
        dead_letters=DeadLetters(bus, powerscreen.DEAD_LETTERS),
        work=SnapshotProjection(wiring.timeline(), told),
        clock=wiring.clock,
    )


def _trade_executor(wiring: Wiring, instance: str, number: int, on_failure: OnFailure) -> Service:
    del number, on_failure
    from tradepit.services.group_worker import GroupWorker  # noqa: PLC0415 - only its own process needs it
    from tradepit.services.order_events import OrderEvents  # noqa: PLC0415 - likewise
    from tradepit.services.trade_executor import TradeExecutor, account_of  # noqa: PLC0415 - likewise

    house, bus, retry = wiring.bus(), wiring.platform_bus(), wiring.settings.orders.retry
    # Many orders in one request take their time: asking again before that would make it longer.
    patient = msgspec.structs.replace(retry, attempt_timeout_s=max(_PATIENCE_S, retry.attempt_timeout_s))
    events = OrderEvents(wiring.journal("orders"), bus, wiring.clock)
    return GroupWorker(
        platform.TRADE_EXECUTOR,
        instance,
        bus=bus,
        route=_route(platform.ORDER_INTENTS, platform.TRADE_EXECUTOR),
        dead_letters=DeadLetters(bus, _route(platform.DEAD_INTENTS, platform.DEAD_INTENTS.subject)),
        work=TradeExecutor(house, wiring.clock, OrderClient(house, wiring.clock, policy=patient), events, instance),
        clock=wiring.clock,
        hands=_INTENTS_IN_HAND,
        lane_of=account_of,
        lanes=_ACCOUNTS_AT_ONCE,
        most=MOST_TOGETHER,
    )


def _market_records(wiring: Wiring, instance: str, number: int, on_failure: OnFailure) -> Service:
    del number
    from tradepit.services.market_records import MarketRecordsWriter  # noqa: PLC0415 - only its own process needs it
    from tradepit.services.record_gaps import RecordingFetch  # noqa: PLC0415 - likewise

    bus, settings = wiring.bus(), wiring.settings
    fetch = RecordingFetch(bus, settings.folder / "recordings")
    return MarketRecordsWriter(
        wiring.market_records(), bus, wiring.clock, settings.records, instance, fetch, on_failure=on_failure
    )


def _order_records(wiring: Wiring, instance: str, number: int, on_failure: OnFailure) -> Service:
    del number
    from tradepit.compose.records import make_order_records  # noqa: PLC0415 - only its own process needs it

    return make_order_records(wiring, instance, on_failure)


def _alert_relay(wiring: Wiring, instance: str, number: int, on_failure: OnFailure) -> Service:
    del number, on_failure
    from tradepit.services.alert_relay import AlertRelay  # noqa: PLC0415 - only its own process needs it

    return AlertRelay(wiring.bus(), wiring.platform_bus(), wiring.clock, instance)


def _route(channel: Channel, queue: str) -> QueueRoute:
    """A channel that lives under the house's own names, as a worker at a queue wants it told."""
    return QueueRoute(channel=channel, exchange="", exchange_type="direct", queue=queue, bindings=(), routing_key="")


_MAKERS: dict[str, Callable[[Wiring, str, int, OnFailure], Service]] = {
    wire.TRADING_GATEWAY: _gateway,
    wire.ORDER_MANAGEMENT: _order_management,
    wire.MARKET_DATA: _market_data,
    wire.RISK_MONITOR: _risk_monitor,
    wire.POSITION_TRACKER: _position_tracker,
    wire.EXECUTION_ALGO: _execution_algo,
    wire.MARKET_RECORDER: _market_recorder,
    wire.MONITOR_API: _monitor_api,
    wire.RISK_API: _risk_api,
    wire.TRADING_AGENTS: _trading_agents,
    wire.DIFF_FRONT: _diff_front,
    data_api.MARKET_CACHE: _market_cache,
    data_api.DATA_API: _data_api,
    platform.TRADE_EXECUTOR: _trade_executor,
    record_tables.MARKET_RECORDS: _market_records,
    record_tables.ORDER_RECORDS: _order_records,
    platform.ALERT_RELAY: _alert_relay,
    powerscreen.PRODUCER: _powerscreen_producer,
    powerscreen.CONSUMER: _powerscreen_consumer,
    wire.BOT_RUNNER: _bot_runner,
}
