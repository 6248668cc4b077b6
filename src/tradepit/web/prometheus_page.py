"""The page Prometheus scrapes: the figures of heartbeats, leaders, epochs, stale instances and event counts."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from tradepit.web.event_counts import TopicCount
from tradepit.web.instance_view import InstanceView, ServiceView
from tradepit.web.monitored_house import MonitoredHouse, readiness_of, services_of

CONTENT_TYPE = "text/plain; version=0.0.4"
MAX_FIGURES = 2_000
_FIGURE = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]{0,63}", re.ASCII)
_INSTANCE = ("service", "instance")
# What the bot platform's document (sections 7.1 and 7.2) calls by name; the value of their own label follows two underscores.
_LABELS = {"orders_rejected_total": "reason", "risk_decisions_total": "decision", "risk_breaches_total": "rule"}
_PLATFORM = re.compile(
    rf"orders_submitted_total|fills_total|executor_broker_errors_total|broker_latency_ms|risk_throttles_total|({'|'.join(_LABELS)})__[A-Za-z][A-Za-z0-9_]{{0,40}}",
    re.ASCII,
)
_BY_LABEL = "__"
# Told already under a name of their own.
_TOLD = ("ready",)


class PrometheusPage:
    """Renders the page from the house as it is at the scrape; it keeps no state and touches no global registry."""

    def __init__(self, house: MonitoredHouse) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_HouseCollector(house))

    def render(self) -> bytes:
        """The page in Prometheus's text format."""
        return generate_latest(self._registry)


class _HouseCollector(Collector):
    def __init__(self, house: MonitoredHouse) -> None:
        self._house = house

    def collect(self) -> Iterable[Metric]:
        instances = self._house.instances()
        own = [*_of_instances(instances), *_of_services(services_of(instances)), *_of_topics(self._house.topics())]
        yield from own
        taken = {metric.name for metric in own}
        ready = GaugeMetricFamily("tradepit_house_ready", "1 when the house can take an order now.")
        ready.add_metric((), float(readiness_of(instances).ready))
        heard = CounterMetricFamily("tradepit_heartbeats", "Heartbeats heard.")
        heard.add_metric((), self._house.table.heartbeats)
        bad = CounterMetricFamily("tradepit_bad_heartbeats", "Heartbeats that could not be used.")
        bad.add_metric((), self._house.table.bad)
        yield from (ready, heard, bad)
        yield from _figures(instances, taken | {metric.name for metric in (ready, heard, bad)})


def _of_instances(instances: Sequence[InstanceView]) -> Iterator[Metric]:
    up = GaugeMetricFamily(
        "tradepit_instance_up", "1 while the instance's heartbeats come, 0 when it is stale.", labels=_INSTANCE
    )
    ready = GaugeMetricFamily("tradepit_instance_ready", "1 when the instance can do its work now.", labels=_INSTANCE)
    age = GaugeMetricFamily("tradepit_heartbeat_age_seconds", "Seconds since the instance was heard.", labels=_INSTANCE)
    info = GaugeMetricFamily(
        "tradepit_instance_info", "The instance's version and status.", labels=(*_INSTANCE, "version", "status")
    )
    for each in instances:
        names = (each.service_name, each.instance_id)
        up.add_metric(names, float(not each.stale))
        ready.add_metric(names, float(each.ready))
        age.add_metric(names, each.age_seconds)
        info.add_metric((*names, each.version, each.status), 1.0)
    return iter((up, ready, age, info))


def _of_services(services: Sequence[ServiceView]) -> Iterator[Metric]:
    stale = GaugeMetricFamily("tradepit_stale_instances", "Instances that fell silent.", labels=("service",))
    leader = GaugeMetricFamily("tradepit_leader", "1 for the instance that leads a single-active service.", labels=_INSTANCE)
    has_leader = GaugeMetricFamily("tradepit_has_leader", "1 while a single-active service has a leader.", labels=("service",))
    epoch = GaugeMetricFamily("tradepit_service_epoch", "The newest epoch of a fenced service.", labels=("service",))
    for service in services:
        names = (service.service_name,)
        stale.add_metric(names, service.stale)
        if service.single_active:
            has_leader.add_metric(names, float(service.leader is not None))
        if service.leader is not None:
            leader.add_metric((service.service_name, service.leader), 1.0)
        if service.epoch is not None:
            epoch.add_metric(names, float(service.epoch))
    return iter((stale, leader, has_leader, epoch))


def _of_topics(topics: Sequence[TopicCount]) -> Iterator[Metric]:
    events = CounterMetricFamily(
        "tradepit_events", "Events seen on a durable topic since the monitor started.", labels=("topic",)
    )
    size = CounterMetricFamily("tradepit_event_bytes", "Their bytes.", labels=("topic",))
    missed = CounterMetricFamily("tradepit_events_missed", "Numbers skipped in the topic's stream.", labels=("topic",))
    sequence = GaugeMetricFamily("tradepit_event_sequence", "The number of the last event in its stream.", labels=("topic",))
    for topic in topics:
        names = (topic.topic,)
        events.add_metric(names, topic.events)
        size.add_metric(names, topic.bytes)
        missed.add_metric(names, topic.missed)
        sequence.add_metric(names, topic.last_sequence)
    return iter((events, size, missed, sequence))


def _figures(instances: Sequence[InstanceView], taken: set[str]) -> Iterable[Metric]:
    """Numeric figures of live instances; those of a silent one are left out, so that no old figure passes for a new one."""
    families: dict[str, GaugeMetricFamily] = {}
    platforms: dict[str, Any] = {}
    for each in instances:
        for figure, value in {} if each.stale else each.metadata.items():
            name = f"tradepit_{figure}"
            if isinstance(value, str) or figure in _TOLD:
                continue
            if _PLATFORM.fullmatch(figure):
                _add_platforms(platforms, each, figure, value)
                continue
            if name.removesuffix("_total") in taken or not _FIGURE.fullmatch(figure):
                continue
            if name not in families:
                if len(families) >= MAX_FIGURES:
                    continue
                families[name] = GaugeMetricFamily(name, f"Figure {figure} of the instance's last heartbeat.", labels=_INSTANCE)
            families[name].add_metric((each.service_name, each.instance_id), float(value))
    return (*platforms.values(), *families.values())


def _add_platforms(families: dict[str, Any], each: InstanceView, figure: str, value: float) -> None:
    """A figure under the name that the bot platform's document gives it, its reason, decision or rule as a label."""
    name, _, own = figure.partition(_BY_LABEL)
    labels = (*_INSTANCE, _LABELS[name]) if name in _LABELS else _INSTANCE
    kind = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
    family = families.get(name)
    if family is None:
        family = families[name] = kind(name, f"{name} of the trade executor or of order management.", labels=labels)
    family.add_metric((each.service_name, each.instance_id, *((own,) if name in _LABELS else ())), float(value))
