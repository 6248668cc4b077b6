"""The service registry's contract: how an instance describes itself, and under which key and topic."""

import msgspec

HEARTBEAT_INTERVAL_S = 1.0
STALE_AFTER_S = 5.0
REGISTRY_TTL_S = 30.0


class ServiceInstance(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One running instance of a service, as its heartbeat tells it. ``status``: ACTIVE, STANDBY, UNHEALTHY, STOPPED.

    ``sticky_active_*`` are filled by single-active services; ``metadata`` carries the instance's own figures
    (epoch, latencies, counts); ``last_heartbeat`` is ISO-8601.
    """

    service_name: str
    instance_id: str
    version: str
    status: str
    last_heartbeat: str
    sticky_active_group: str = ""
    sticky_active_status: str = ""
    metadata: dict[str, str | int | float | bool] = {}


def heartbeat_topic(service: str) -> str:
    """Where instances of ``service`` publish their heartbeats."""
    return f"internal.heartbeat.{service}"


def registry_key(service: str, instance: str) -> str:
    """The registry's key of an instance."""
    return f"service-instances__{service}__{instance}"
