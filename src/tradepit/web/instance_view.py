"""What the monitor's HTTP door shows of instances and services, in camelCase."""

import msgspec


class _Shown(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    pass


class InstanceView(_Shown, frozen=True, kw_only=True):
    """One instance as the monitor takes it.

    ``status``: ACTIVE, STANDBY, UNHEALTHY or STOPPED; a stale or superseded instance is UNHEALTHY whatever it said last.
    ``last_heartbeat`` is the instance's own ISO-8601 instant, ``age_seconds`` counts from when the monitor heard it.
    """

    service_name: str
    instance_id: str
    version: str
    status: str
    last_heartbeat: str
    sticky_active_group: str
    sticky_active_status: str
    metadata: dict[str, str | int | float | bool]
    age_seconds: float
    stale: bool
    ready: bool
    reason: str
    epoch: int


class ServiceView(_Shown, frozen=True, kw_only=True):
    """One service: how many instances in which status, and who leads it under which epoch when it is single-active."""

    service_name: str
    instances: int
    stale: int
    statuses: dict[str, int]
    single_active: bool
    leader: str | None
    epoch: int | None
    ready: bool
    health: str
    reasons: list[str]


class HealthSummary(_Shown, frozen=True, kw_only=True):
    """All instances counted. ``health``: healthy, degraded (one is stale or unhealthy) or unhealthy (no order can be taken)."""

    health: str
    total: int
    healthy: int
    unhealthy: int
    stale: int
    statuses: dict[str, int]


class Readiness(_Shown, frozen=True, kw_only=True):
    """Whether the house can take an order now, and if not, why."""

    ready: bool
    reasons: list[str]


class Liveness(_Shown, frozen=True, kw_only=True):
    """The monitor answers."""

    status: str
    service_name: str
    instance_id: str
    version: str
