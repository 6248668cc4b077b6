"""The monitor's routes: what is asked of the house, read-only."""

import msgspec
from litestar import MediaType, Response, get
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from tradepit import __version__
from tradepit.trading.model.errors import BadRequest
from tradepit.trading.model.ids import check_id
from tradepit.web.event_counts import TopicCount
from tradepit.web.instance_table import STATUSES, BadHeartbeat
from tradepit.web.instance_view import HealthSummary, InstanceView, Liveness, Readiness, ServiceView
from tradepit.web.monitored_house import MonitoredHouse
from tradepit.web.prometheus_page import CONTENT_TYPE, PrometheusPage
from tradepit.wire.simulator import MONITOR_API

House = NamedDependency[MonitoredHouse]
Page = NamedDependency[PrometheusPage]
STALE = "STALE"


class MonitorStatus(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The monitor and, in one line each, the house. ``uptime_seconds`` and ``started_at`` are the monitor's."""

    service_name: str
    instance_id: str
    version: str
    started_at: str
    uptime_seconds: float
    ready: bool
    reasons: list[str]
    heartbeats: int
    bad_heartbeats: int
    events: int
    summary: HealthSummary
    leaders: dict[str, str | None]


class DetailedHealth(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Health service by service, and the last heartbeats that could not be used."""

    health: str
    ready: bool
    reasons: list[str]
    services: list[ServiceView]
    bad_heartbeats: int
    last_bad_heartbeats: list[BadHeartbeat]


class EventPage(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Events on durable topics since the monitor started to listen (ISO-8601)."""

    since: str
    events: int
    topics: list[TopicCount]


@get(["/health", "/healthz"], sync_to_thread=False, summary="The monitor lives")
def health(house: House) -> Liveness:
    """200 as long as the monitor answers."""
    return house.liveness()


@get(["/ready", "/readyz"], sync_to_thread=False, summary="The house can take an order now")
def ready(house: House) -> Response[Readiness]:
    """200 when the exchange is ready and one order manager is active, else 503 with the reasons."""
    readiness = house.readiness()
    return Response(readiness, status_code=200 if readiness.ready else 503)


@get("/status", sync_to_thread=False, summary="The monitor and the house in short")
def status(house: House) -> MonitorStatus:
    """Counts, readiness and the leader of each single-active service."""
    readiness = house.readiness()
    return MonitorStatus(
        service_name=MONITOR_API,
        instance_id=house.instance,
        version=__version__,
        started_at=house.started_at,
        uptime_seconds=round(house.uptime_s, 3),
        ready=readiness.ready,
        reasons=readiness.reasons,
        heartbeats=house.table.heartbeats,
        bad_heartbeats=house.table.bad,
        events=house.events.total,
        summary=house.summary(),
        leaders={service.service_name: service.leader for service in house.services() if service.single_active},
    )


@get("/health/detailed", sync_to_thread=False, summary="Health, service by service")
def health_detailed(house: House) -> DetailedHealth:
    """Always 200; the verdict is in ``health``."""
    readiness = house.readiness()
    return DetailedHealth(
        health=house.summary().health,
        ready=readiness.ready,
        reasons=readiness.reasons,
        services=house.services(),
        bad_heartbeats=house.table.bad,
        last_bad_heartbeats=list(house.table.last_bad),
    )


@get("/api/services", sync_to_thread=False, summary="Services with leader and epoch")
def services(house: House) -> list[ServiceView]:
    """Every service of which an instance was heard."""
    return house.services()


@get("/api/instances", sync_to_thread=False, summary="All instances")
def instances(house: House) -> list[InstanceView]:
    """Every instance heard, stale ones included."""
    return house.instances()


@get("/api/instances/health/summary", sync_to_thread=False, summary="Instances counted")
def health_summary(house: House) -> HealthSummary:
    """Counts by status, and the verdict."""
    return house.summary()


@get("/api/instances/status/{wanted:str}", sync_to_thread=False, summary="Instances in a status")
def instances_in_status(house: House, wanted: FromPath[str]) -> list[InstanceView]:
    """ACTIVE, STANDBY, UNHEALTHY, STOPPED or STALE, in any case."""
    wanted = wanted.upper()
    if wanted not in (*STATUSES, STALE):
        raise BadRequest("no such status", status=wanted[:64], known=", ".join((*STATUSES, STALE)))
    return [each for each in house.instances() if (each.stale if wanted == STALE else each.status == wanted)]


@get("/api/instances/{service:str}", sync_to_thread=False, summary="Instances of a service")
def instances_of_service(house: House, service: FromPath[str]) -> list[InstanceView]:
    """404 when no instance of the service was ever heard."""
    check_id(service, "service")
    found = [each for each in house.instances() if each.service_name == service]
    if not found:
        raise NotFoundException(f"no instance of {service} was heard")
    return found


@get("/api/instances/{service:str}/{instance:str}", sync_to_thread=False, summary="One instance")
def one_instance(house: House, service: FromPath[str], instance: FromPath[str]) -> InstanceView:
    """404 when it was never heard."""
    check_id(service, "service")
    check_id(instance, "instance")
    for each in house.instances():
        if (each.service_name, each.instance_id) == (service, instance):
            return each
    raise NotFoundException(f"{instance} of {service} was not heard")


@get("/metrics/events", sync_to_thread=False, summary="Events by durable topic")
def event_counts(house: House) -> EventPage:
    """Counts, rates and gaps since the monitor started."""
    return EventPage(since=house.started_at, events=house.events.total, topics=house.topics())


@get("/metrics", sync_to_thread=False, media_type=MediaType.TEXT, summary="Prometheus metrics")
def metrics(page: Page) -> Response[bytes]:
    """Prometheus's text format."""
    return Response(page.render(), media_type=CONTENT_TYPE)


ROUTES: tuple[HTTPRouteHandler, ...] = (
    health,
    ready,
    status,
    health_detailed,
    services,
    instances,
    health_summary,
    instances_in_status,
    instances_of_service,
    one_instance,
    event_counts,
    metrics,
)
