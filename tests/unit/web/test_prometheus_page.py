"""The page Prometheus scrapes, read back with Prometheus's own parser."""

from collections.abc import Callable

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tradepit.ports.bus import Message
from tradepit.runtime.clock import ManualClock
from tradepit.web.monitored_house import MonitoredHouse
from tradepit.web.prometheus_page import PrometheusPage
from tradepit.wire.registry import ServiceInstance, heartbeat_topic
from tradepit.wire.simulator_codec import encode

Beat = Callable[..., ServiceInstance]
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture
def house() -> MonitoredHouse:
    return MonitoredHouse(ManualClock(), "monitor-api-1")


def samples_of(house: MonitoredHouse) -> Samples:
    found: Samples = {}
    for family in text_string_to_metric_families(PrometheusPage(house).render().decode()):
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in found
            found[key] = sample.value
    return found


def hear(house: MonitoredHouse, *told: ServiceInstance, at_ns: int = 0) -> None:
    for each in told:
        house.table.hear(heartbeat_topic(each.service_name), encode(each), at_ns)


def of(service: str, number: int = 1) -> tuple[tuple[str, str], ...]:
    return (("instance", f"{service}-{number}"), ("service", service))


def test_figures_leaders_and_epochs_are_gauges(house: MonitoredHouse, beat: Beat) -> None:
    hear(house, beat("trading-gateway", queue=4, apply_p99_us=12.5, journal_durability="fsync"))
    hear(house, beat("order-management", 1, standing="STANDBY", epoch=7), beat("order-management", 2, standing="ACTIVE", epoch=7))
    samples = samples_of(house)
    assert samples["tradepit_queue", of("trading-gateway")] == 4
    assert samples["tradepit_apply_p99_us", of("trading-gateway")] == 12.5
    assert samples["tradepit_epoch", of("order-management", 1)] == 7
    assert samples["tradepit_leader", of("order-management", 2)] == 1
    assert ("tradepit_leader", of("order-management", 1)) not in samples
    assert samples["tradepit_service_epoch", (("service", "order-management"),)] == 7
    assert samples["tradepit_house_ready", ()] == 1
    assert not any(name == "tradepit_journal_durability" for name, _ in samples)


def test_a_silent_instance_is_down_and_its_old_figures_are_gone(beat: Beat) -> None:
    clock = ManualClock()
    house = MonitoredHouse(clock, "monitor-api-1")
    hear(house, beat("trading-gateway", queue=4))
    clock.advance_to(9_000_000_000)
    samples = samples_of(house)
    assert samples["tradepit_instance_up", of("trading-gateway")] == 0
    assert samples["tradepit_stale_instances", (("service", "trading-gateway"),)] == 1
    assert samples["tradepit_heartbeat_age_seconds", of("trading-gateway")] == 9
    assert ("tradepit_queue", of("trading-gateway")) not in samples


def test_events_are_counters_by_topic(house: MonitoredHouse) -> None:
    for sequence in (1, 2, 5):
        house.events.count("orders.new", Message(subject="orders.new", payload=b"ab", sequence=sequence), now_ns=0, mono_ns=0)
    house.table.hear("internal.heartbeat.x", b"junk", 0)
    samples = samples_of(house)
    topic = (("topic", "orders.new"),)
    assert samples["tradepit_events_total", topic] == 3
    assert samples["tradepit_event_bytes_total", topic] == 6
    assert samples["tradepit_events_missed_total", topic] == 2
    assert samples["tradepit_event_sequence", topic] == 5
    assert samples["tradepit_bad_heartbeats_total", ()] == 1


@pytest.mark.parametrize("figure", ["ready", "leader", "events_total", "events", "house_ready", "a-b", "a b", "", "é", "x" * 65])
def test_a_figure_cannot_pass_for_one_of_the_page_itself(house: MonitoredHouse, beat: Beat, figure: str) -> None:
    before = set(samples_of(house))
    hear(house, beat("market-data", **{figure: 1}))
    added = {name for name, _ in set(samples_of(house)) - before}
    assert added == {
        "tradepit_instance_up",
        "tradepit_instance_ready",
        "tradepit_heartbeat_age_seconds",
        "tradepit_instance_info",
        "tradepit_stale_instances",
    }


def test_a_label_with_every_nasty_character_is_escaped(house: MonitoredHouse, beat: Beat) -> None:
    message = Message(subject='orders.algo."\\\n', payload=b"", sequence=1)
    house.events.count("orders.algo", message, now_ns=0, mono_ns=0)
    assert samples_of(house)["tradepit_events_total", (("topic", 'orders.algo."\\\n'),)] == 1


def test_the_executors_figures_have_the_documents_names(house: MonitoredHouse, beat: Beat) -> None:
    figures = {
        "orders_submitted_total": 7, "fills_total": 5, "executor_broker_errors_total": 4, "broker_latency_ms": 1.5, "broker_latency_ms_p99": 9.0,
        "orders_rejected_total__SELF_TRADE": 2, "orders_rejected_total__LOSS_CAP": 1, "orders_rejected_total__bad word": 3,
    }  # fmt: skip
    hear(house, beat("trade-executor", **figures))
    samples = samples_of(house)
    executor = of("trade-executor")
    assert samples["orders_submitted_total", executor] == 7
    assert samples["fills_total", executor] == 5
    assert samples["executor_broker_errors_total", executor] == 4
    assert samples["broker_latency_ms", executor] == 1.5
    assert samples["tradepit_broker_latency_ms_p99", executor] == 9
    rejected = {dict(labels)["reason"]: value for (name, labels), value in samples.items() if name == "orders_rejected_total"}
    assert rejected == {"SELF_TRADE": 2, "LOSS_CAP": 1}


def test_the_reviews_figures_have_the_documents_names(house: MonitoredHouse, beat: Beat) -> None:
    figures = {
        "risk_decisions_total__approved": 7, "risk_decisions_total__refused": 3, "risk_breaches_total__order_size": 2,
        "risk_breaches_total__daily_loss": 1, "risk_throttles_total": 4,
    }  # fmt: skip
    hear(house, beat("order-management", **figures))
    samples = samples_of(house)
    found: dict[str, dict[str, float]] = {name: {} for name in ("risk_decisions_total", "risk_breaches_total")}
    for (name, labels), value in samples.items():
        if name in found:
            told = dict(labels)
            found[name][told.get("decision") or told["rule"]] = value
    assert found == {
        "risk_decisions_total": {"approved": 7, "refused": 3}, "risk_breaches_total": {"order_size": 2, "daily_loss": 1},
    }  # fmt: skip
    assert samples["risk_throttles_total", of("order-management")] == 4
