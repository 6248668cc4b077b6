"""The registry's contract."""

from tradepit.wire.registry import HEARTBEAT_INTERVAL_S, REGISTRY_TTL_S, STALE_AFTER_S, ServiceInstance


def test_an_instance_is_missed_before_it_is_forgotten_and_not_for_one_lost_beat() -> None:
    assert 3 * HEARTBEAT_INTERVAL_S < STALE_AFTER_S < REGISTRY_TTL_S


def test_only_single_active_services_have_a_standing() -> None:
    told = ServiceInstance(service_name="s", instance_id="s-1", version="1", status="ACTIVE", last_heartbeat="")
    assert (told.sticky_active_group, told.sticky_active_status, told.metadata) == ("", "", {})
