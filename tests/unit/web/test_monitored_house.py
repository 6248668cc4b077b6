"""Readiness, services and the summary, from instances."""

from collections.abc import Callable

import pytest

from tradepit.runtime.clock import ManualClock
from tradepit.web.monitored_house import MonitoredHouse
from tradepit.wire.registry import ServiceInstance, heartbeat_topic
from tradepit.wire.simulator import ORDER_MANAGEMENT, TRADING_GATEWAY
from tradepit.wire.simulator_codec import encode

Beat = Callable[..., ServiceInstance]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def house(clock: ManualClock) -> MonitoredHouse:
    return MonitoredHouse(clock, "monitor-api-1")


def hear(house: MonitoredHouse, clock: ManualClock, *told: ServiceInstance) -> None:
    for each in told:
        house.table.hear(heartbeat_topic(each.service_name), encode(each), clock.monotonic_ns())


def test_an_empty_house_is_not_ready_and_says_why(house: MonitoredHouse) -> None:
    assert house.readiness().reasons == [
        "trading-gateway: no instance was heard of",
        "order-management: no instance is active",
    ]
    assert house.summary().health == "unhealthy"


def test_a_gateway_and_an_active_order_manager_make_it_ready(house: MonitoredHouse, clock: ManualClock, beat: Beat) -> None:
    hear(house, clock, beat(TRADING_GATEWAY), beat(ORDER_MANAGEMENT, 1, standing="STANDBY", epoch=1))
    assert house.readiness().reasons == ["order-management: no instance is active"]
    hear(house, clock, beat(ORDER_MANAGEMENT, 2, standing="ACTIVE", epoch=1))
    assert house.readiness().ready
    assert house.summary().health == "healthy"
    assert [(each.service_name, each.leader, each.epoch, each.ready) for each in house.services()] == [
        (ORDER_MANAGEMENT, f"{ORDER_MANAGEMENT}-2", 1, True),
        (TRADING_GATEWAY, None, None, True),
    ]


def test_readiness_goes_with_the_heartbeats(house: MonitoredHouse, clock: ManualClock, beat: Beat) -> None:
    hear(house, clock, beat(TRADING_GATEWAY), beat(ORDER_MANAGEMENT, standing="ACTIVE", epoch=1))
    clock.advance_to(6_000_000_000)
    hear(house, clock, beat(TRADING_GATEWAY))
    assert house.readiness().reasons == ["order-management: no instance is active"]
    assert house.services()[0].stale == 1
    clock.advance_to(20_000_000_000)
    assert house.readiness().reasons[0] == "trading-gateway: no heartbeat for 14.0 s"
    assert house.silent_s == 14.0


def test_an_unready_gateway_tells_its_own_reason(house: MonitoredHouse, clock: ManualClock, beat: Beat) -> None:
    leader = beat(ORDER_MANAGEMENT, standing="ACTIVE", epoch=1)
    hear(house, clock, leader, beat(TRADING_GATEWAY, ready=False, reason="reports cannot be published"))
    assert house.readiness().reasons == ["trading-gateway: reports cannot be published"]
    hear(house, clock, leader, beat(TRADING_GATEWAY, status="UNHEALTHY"))
    assert house.readiness().reasons == ["trading-gateway: not ready"]


def test_a_lame_side_role_degrades_but_does_not_stop_orders(house: MonitoredHouse, clock: ManualClock, beat: Beat) -> None:
    hear(house, clock, beat(TRADING_GATEWAY), beat(ORDER_MANAGEMENT, standing="ACTIVE", epoch=1))
    hear(house, clock, beat("market-recorder", status="UNHEALTHY", reason="disk full"))
    summary = house.summary()
    assert (summary.health, summary.total, summary.healthy, summary.unhealthy) == ("degraded", 3, 2, 1)
    assert house.readiness().ready
    recorder = house.services()[0]
    assert (recorder.service_name, recorder.health, recorder.reasons) == (
        "market-recorder",
        "unhealthy",
        ["market-recorder-1: disk full"],
    )
