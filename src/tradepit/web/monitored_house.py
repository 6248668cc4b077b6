"""The house as the monitor knows it: instances, services, leaders, readiness and counts, asked at an instant."""

from collections import Counter
from collections.abc import Sequence

from tradepit import __version__
from tradepit.ports.clock import Clock
from tradepit.web.event_counts import EventCounts, TopicCount
from tradepit.web.instance_table import InstanceTable, leader_of
from tradepit.web.instance_view import HealthSummary, InstanceView, Liveness, Readiness, ServiceView
from tradepit.wire.simulator import MONITOR_API, ORDER_MANAGEMENT, TRADING_GATEWAY
from tradepit.wire.simulator_codec import to_iso


class MonitoredHouse:
    """Answers every question of the HTTP door. Cheap: the table is folded as heartbeats come, questions only look."""

    def __init__(self, clock: Clock, instance: str) -> None:
        self._clock = clock
        self.instance = instance
        self.table = InstanceTable()
        self.events = EventCounts()
        self._started_ns, self._started_mono_ns = clock.now_ns(), clock.monotonic_ns()

    @property
    def started_at(self) -> str:
        """When the monitor started to listen, ISO-8601."""
        return to_iso(self._started_ns)

    @property
    def uptime_s(self) -> float:
        """Seconds since then."""
        return (self._clock.monotonic_ns() - self._started_mono_ns) / 1e9

    @property
    def silent_s(self) -> float:
        """Seconds since the last heartbeat of anybody, or since the start."""
        heard_ns = self.table.last_heard_ns or self._started_mono_ns
        return (self._clock.monotonic_ns() - heard_ns) / 1e9

    def liveness(self) -> Liveness:
        """The monitor itself."""
        return Liveness(status="ok", service_name=MONITOR_API, instance_id=self.instance, version=__version__)

    def instances(self) -> list[InstanceView]:
        """All instances, by service and instance."""
        return self.table.instances(self._clock.monotonic_ns())

    def topics(self) -> list[TopicCount]:
        """Event counts by topic."""
        return self.events.topics(self._clock.monotonic_ns())

    def services(self) -> list[ServiceView]:
        """All services, by name."""
        return services_of(self.instances())

    def readiness(self) -> Readiness:
        """Whether an order can be taken now."""
        return readiness_of(self.instances())

    def summary(self) -> HealthSummary:
        """Instances counted."""
        instances = self.instances()
        unhealthy = sum(each.status == "UNHEALTHY" for each in instances)
        health = "degraded" if unhealthy else "healthy"
        return HealthSummary(
            health=health if readiness_of(instances).ready else "unhealthy",
            total=len(instances),
            healthy=sum(each.status in ("ACTIVE", "STANDBY") for each in instances),
            unhealthy=unhealthy,
            stale=sum(each.stale for each in instances),
            statuses=_statuses(instances),
        )


def readiness_of(instances: Sequence[InstanceView]) -> Readiness:
    """Orders need the exchange and one active order manager; the first is asked for readiness, the second for a leader."""
    reasons = []
    gateways = [each for each in instances if each.service_name == TRADING_GATEWAY]
    if not any(each.ready for each in gateways):
        why = next((each.reason for each in gateways if each.reason), "not ready" if gateways else "no instance was heard of")
        reasons.append(f"{TRADING_GATEWAY}: {why}")
    leader = leader_of([each for each in instances if each.service_name == ORDER_MANAGEMENT])
    if leader is None:
        reasons.append(f"{ORDER_MANAGEMENT}: no instance is active")
    elif not leader.ready:
        reasons.append(f"{ORDER_MANAGEMENT}: {leader.reason or 'the active instance is not ready'}")
    return Readiness(ready=not reasons, reasons=reasons)


def services_of(instances: Sequence[InstanceView]) -> list[ServiceView]:
    """Services of the instances, by name."""
    by_name: dict[str, list[InstanceView]] = {}
    for each in instances:
        by_name.setdefault(each.service_name, []).append(each)
    return [_service(name, members) for name, members in sorted(by_name.items())]


def _service(name: str, members: Sequence[InstanceView]) -> ServiceView:
    single_active = any(each.sticky_active_group for each in members)
    leader = leader_of(members) if single_active else None
    ready = (leader is not None and leader.ready) if single_active else any(each.ready for each in members)
    unwell = [each for each in members if each.status == "UNHEALTHY"]
    epoch = max((each.epoch for each in members if not each.stale), default=0)
    return ServiceView(
        service_name=name,
        instances=len(members),
        stale=sum(each.stale for each in members),
        statuses=_statuses(members),
        single_active=single_active,
        leader=leader.instance_id if leader is not None else None,
        epoch=leader.epoch if leader is not None else epoch or None,
        ready=ready,
        health=("degraded" if unwell else "healthy") if ready else "unhealthy",
        reasons=[f"{each.instance_id}: {each.reason}" for each in members if each.reason],
    )


def _statuses(instances: Sequence[InstanceView]) -> dict[str, int]:
    return dict(sorted(Counter(each.status for each in instances).items()))
