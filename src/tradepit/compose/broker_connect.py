"""The broker connect's services, made of parts that compose plugs in: rows of role and work over the same few services."""

from collections.abc import Callable
from weakref import WeakKeyDictionary

import msgspec

from tradepit.compose.contracts import contract_of
from tradepit.compose.wiring import Wiring
from tradepit.ports.broker import Broker
from tradepit.ports.bus import Bus
from tradepit.ports.cache import Cache
from tradepit.ports.clock import Clock
from tradepit.ports.journal import Journal
from tradepit.ports.store import Store
from tradepit.profiles import tq as profile_tq
from tradepit.profiles import tq_flat as profile_flat
from tradepit.runtime.halt_box import HaltBox
from tradepit.runtime.service import Service
from tradepit.runtime.shared_broker import SharedBroker
from tradepit.services.account_look import AccountLook
from tradepit.services.broker_watch import BrokerWatch, Look
from tradepit.services.cancel_intake import CancelIntake
from tradepit.services.dead_letters import DeadLetters
from tradepit.services.group_worker import GroupWorker
from tradepit.services.key_projections import AccountProjection, PositionProjection
from tradepit.services.order_intake import OrderIntake
from tradepit.services.order_monitor import OrderMonitor
from tradepit.services.order_projection import OrderProjection
from tradepit.services.position_look import PositionLook
from tradepit.services.queue_worker import QueueWorker, Work
from tradepit.services.tq_settings import TqServiceSettings
from tradepit.trading.model.errors import ConfigError
from tradepit.trading.risk.freshness import Freshness
from tradepit.trading.risk.rule import Rule
from tradepit.trading.risk.trading_state import TradingState
from tradepit.trading.risk.upstream import ReviewedUpstream
from tradepit.wire import tq, tq_flat
from tradepit.wire.queues import QueueRoute
from tradepit.wire.tq import TqContract

_CANCELS_AT_ONCE = 16
# A transaction costs the same for one order as for these.
_ROWS_AT_ONCE = 100
ROLES = frozenset(role.name for role in (*profile_tq.ROLES, *profile_flat.ROLES))
OnFailure = Callable[[BaseException], None]


class TqParts(msgspec.Struct, frozen=True, kw_only=True):
    """What the services are made of. Brokers, journals and rows are asked for by the name of the instance that will use them.

    A maker of brokers may hand out shares of one (``runtime/shared_broker.py``): then one login serves the whole process.
    """

    bus: Bus
    contract: TqContract
    cache: Cache
    clock: Clock
    settings: TqServiceSettings
    make_broker: Callable[[str], Broker]
    make_journal: Callable[[str], Journal]
    make_rows: Callable[[str], Store]
    rules: tuple[Rule, ...] = (TradingState(), ReviewedUpstream())
    halts: HaltBox | None = None


_PARTS: WeakKeyDictionary[Wiring, TqParts] = WeakKeyDictionary()


def parts_of(wiring: Wiring) -> TqParts:
    """What the settings of profile ``tq`` or ``tq_flat`` ask for; the services of one process share one login. Raises ConfigError."""
    parts = _PARTS.get(wiring)
    if parts is None:
        parts = _PARTS[wiring] = _make_parts(wiring)
    return parts


def _make_parts(wiring: Wiring) -> TqParts:
    settings, contract = wiring.settings, contract_of(wiring.settings)
    if settings.tq.service is None:
        raise ConfigError("tq.service: name the portfolio whose orders are served")
    broker = SharedBroker(wiring.broker(), epoch=wiring.clock.now_ns() // 1_000_000_000)
    return TqParts(
        bus=wiring.bus(),
        contract=contract,
        cache=wiring.cache(),
        clock=wiring.clock,
        settings=settings.tq.service,
        make_broker=lambda _: broker.share(),
        make_journal=wiring.journal,
        make_rows=lambda _: wiring.store(),
        halts=wiring.halts(),
    )


def make_tq_service(parts: TqParts, role: str, instance: str, on_failure: OnFailure) -> Service:
    """One role instance, ready to start. Raises KeyError for a role that is not the broker connect's."""
    return _MAKERS[role](parts, role, instance, on_failure)


def _worker(parts: TqParts, role: str, instance: str, route: QueueRoute, work: Work, *, hands: int = 1) -> Service:
    letters = DeadLetters(parts.bus, parts.contract.dead_letters)
    return QueueWorker(
        role, instance, bus=parts.bus, route=route, dead_letters=letters, work=work, clock=parts.clock, hands=hands
    )


def _intake(parts: TqParts, role: str, instance: str, on_failure: OnFailure, *, cancels: bool) -> Service:
    max_age_ms = int(parts.settings.max_age_s * 1000)
    fresh = (Freshness(max_age_ms=max_age_ms),) if max_age_ms else ()
    work = OrderIntake(
        bus=parts.bus,
        updates=parts.contract.order_updates.channel.subject,
        broker=parts.make_broker(instance),
        journal=parts.make_journal(instance),
        rules=(*parts.rules, *fresh),
        clock=parts.clock,
        settings=parts.settings,
        instance=instance,
        cancels=cancels,
        on_failure=on_failure,
        halts=parts.halts,
    )
    return _worker(parts, role, instance, parts.contract.submit, work)


def _submitter(parts: TqParts, role: str, instance: str, on_failure: OnFailure) -> Service:
    return _intake(parts, role, instance, on_failure, cancels=False)


def _executor(parts: TqParts, role: str, instance: str, on_failure: OnFailure) -> Service:
    return _intake(parts, role, instance, on_failure, cancels=True)


def _canceller(parts: TqParts, role: str, instance: str, on_failure: OnFailure) -> Service:
    work = CancelIntake(
        bus=parts.bus,
        submissions=parts.contract.submit.channel.subject,
        broker=parts.make_broker(instance),
        clock=parts.clock,
        settings=parts.settings,
        on_failure=on_failure,
    )
    # A cancel that waits for its order must not hold up the others.
    return _worker(parts, role, instance, parts.contract.cancel, work, hands=_CANCELS_AT_ONCE)


def _order_monitor(parts: TqParts, role: str, instance: str, on_failure: OnFailure) -> Service:
    del on_failure
    return OrderMonitor(
        role,
        instance,
        broker=parts.make_broker(instance),
        bus=parts.bus,
        updates=parts.contract.order_updates.channel.subject,
        clock=parts.clock,
        settings=parts.settings,
    )


def _watch(parts: TqParts, role: str, instance: str, broker: Broker, look: Look) -> Service:
    return BrokerWatch(role, instance, broker=broker, clock=parts.clock, look=look, look_s=parts.settings.look_s)


def _position_monitor(parts: TqParts, role: str, instance: str, on_failure: OnFailure) -> Service:
    del on_failure
    broker, updates = parts.make_broker(instance), parts.contract.position_updates.channel.subject
    look = PositionLook(
        broker=broker, bus=parts.bus, updates=updates, cache=parts.cache, clock=parts.clock, settings=parts.settings
    )
    return _watch(parts, role, instance, broker, look)


def _account_monitor(parts: TqParts, role: str, instance: str, on_failure: OnFailure) -> Service:
    del on_failure
    broker, updates = parts.make_broker(instance), parts.contract.account_updates.channel.subject
    look = AccountLook(
        broker=broker, bus=parts.bus, updates=updates, cache=parts.cache, clock=parts.clock, settings=parts.settings
    )
    return _watch(parts, role, instance, broker, look)


def _order_handler(parts: TqParts, role: str, instance: str, on_failure: OnFailure) -> Service:
    del on_failure
    letters = DeadLetters(parts.bus, parts.contract.dead_letters)
    return GroupWorker(
        role,
        instance,
        bus=parts.bus,
        route=parts.contract.order_updates,
        dead_letters=letters,
        work=OrderProjection(parts.make_rows(instance)),
        clock=parts.clock,
        hands=_ROWS_AT_ONCE,
    )


def _position_handler(parts: TqParts, role: str, instance: str, on_failure: OnFailure) -> Service:
    del on_failure
    work = PositionProjection(parts.cache, ttl_s=parts.settings.key_ttl_s)
    return _worker(parts, role, instance, parts.contract.position_updates, work)


def _account_handler(parts: TqParts, role: str, instance: str, on_failure: OnFailure) -> Service:
    del on_failure
    work = AccountProjection(parts.cache, ttl_s=parts.settings.key_ttl_s)
    return _worker(parts, role, instance, parts.contract.account_updates, work)


_MAKERS: dict[str, Callable[[TqParts, str, str, OnFailure], Service]] = {
    tq.ORDER_SUBMITTER: _submitter,
    tq.ORDER_CANCELLER: _canceller,
    tq_flat.ORDER_EXECUTOR: _executor,
    tq.ORDER_MONITOR: _order_monitor,
    tq.POSITION_MONITOR: _position_monitor,
    tq.ACCOUNT_MONITOR: _account_monitor,
    tq.ORDER_HANDLER: _order_handler,
    tq.POSITION_HANDLER: _position_handler,
    tq.ACCOUNT_HANDLER: _account_handler,
}
