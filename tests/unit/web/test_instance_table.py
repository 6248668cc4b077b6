"""The instance table: what heartbeats make of it, whatever they hold."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradepit.web.instance_table import FORGET_AFTER_S, MAX_INSTANCES, InstanceTable, leader_of
from tradepit.wire.registry import STALE_AFTER_S, ServiceInstance, heartbeat_topic
from tradepit.wire.simulator_codec import encode

Beat = Callable[..., ServiceInstance]
OMS = "order-management"


def hear(table: InstanceTable, told: ServiceInstance, at_s: float = 0.0) -> None:
    table.hear(heartbeat_topic(told.service_name), encode(told), int(at_s * 1e9))


def test_an_instance_is_shown_as_it_tells(beat: Beat) -> None:
    table = InstanceTable()
    hear(table, beat("trading-gateway", epoch=3, queue=1, journal_durability="fsync"), at_s=1.0)
    (view,) = table.instances(int(1.25e9))
    assert (view.instance_id, view.status, view.ready, view.stale) == ("trading-gateway-1", "ACTIVE", True, False)
    assert (view.age_seconds, view.epoch) == (0.25, 3)
    assert view.metadata["queue"] == 1
    assert view.metadata["journal_durability"] == "fsync"


def test_who_falls_silent_is_stale_then_heard_again_then_forgotten(beat: Beat) -> None:
    table = InstanceTable()
    hear(table, beat("market-data"))
    edge_ns = int(STALE_AFTER_S * 1e9)
    assert not table.instances(edge_ns)[0].stale
    (silent,) = table.instances(edge_ns + 1)
    assert (silent.stale, silent.status, silent.ready) == (True, "UNHEALTHY", False)
    assert silent.reason.startswith("no heartbeat for 5")
    hear(table, beat("market-data"), at_s=60)
    assert table.instances(int(60e9))[0].status == "ACTIVE"
    assert table.instances(int((61 + FORGET_AFTER_S) * 1e9)) == []


def test_who_said_goodbye_is_stopped_and_not_stale(beat: Beat) -> None:
    table = InstanceTable()
    hear(table, beat("market-data", status="STOPPED"))
    (view,) = table.instances(int(600e9))
    assert (view.status, view.stale, view.ready) == ("STOPPED", False, False)


def test_the_newest_epoch_leads_even_while_the_killed_leader_still_seems_alive(beat: Beat) -> None:
    table = InstanceTable()
    hear(table, beat(OMS, 1, standing="ACTIVE", epoch=4))
    hear(table, beat(OMS, 2, standing="STANDBY", epoch=4))
    leader = leader_of(table.instances(0))
    assert leader is not None
    assert (leader.instance_id, leader.epoch) == (f"{OMS}-1", 4)
    hear(table, beat(OMS, 2, standing="ACTIVE", epoch=5), at_s=0.5)
    views = table.instances(int(0.5e9))
    leader = leader_of(views)
    assert leader is not None
    assert leader.instance_id == f"{OMS}-2"
    former = views[0]
    assert (former.status, former.reason, former.ready) == ("UNHEALTHY", "superseded by epoch 5", False)


def test_nobody_leads_while_they_elect_or_once_the_leader_is_stale(beat: Beat) -> None:
    table = InstanceTable()
    hear(table, beat(OMS, 1, standing="ELECTING", epoch=4))
    hear(table, beat(OMS, 2, standing="STANDBY", epoch=4))
    assert leader_of(table.instances(0)) is None
    hear(table, beat(OMS, 1, standing="ACTIVE", epoch=5))
    assert leader_of(table.instances(0)) is not None
    assert leader_of(table.instances(int(6e9))) is None


def test_epochs_that_begin_anew_do_not_hide_the_new_leader(beat: Beat) -> None:
    table = InstanceTable()
    hear(table, beat(OMS, 1, standing="ACTIVE", epoch=90))
    hear(table, beat(OMS, 2, standing="ACTIVE", epoch=1), at_s=30)
    leader = leader_of(table.instances(int(30e9)))
    assert leader is not None
    assert leader.instance_id == f"{OMS}-2"


def _spoilt(beat: Beat, **changes: object) -> bytes:
    return encode(msgspec.to_builtins(beat("market-data")) | changes)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"serviceName": "a b"}, "ID_NOT_VALID"),
        ({"serviceName": "other"}, "INVALID_REQUEST"),
        ({"instanceId": "x" * 65}, "ID_NOT_VALID"),
        ({"instanceId": 7}, "INVALID_REQUEST"),
        ({"status": "FINE"}, "INVALID_REQUEST"),
        ({"lastHeartbeat": "yesterday"}, "INVALID_REQUEST"),
        ({"lastHeartbeat": "2025-01-06T10:00:00"}, "INVALID_REQUEST"),
        ({"metadata": {"deep": {"er": 1}}}, "INVALID_REQUEST"),
        ({"metadata": {"text": "x" * 70_000}}, "PAYLOAD_TOO_LARGE"),
    ],
)
def test_a_bad_heartbeat_is_counted_with_its_reason(beat: Beat, changes: dict[str, Any], error: str) -> None:
    table = InstanceTable()
    table.hear("internal.heartbeat.market-data", _spoilt(beat, **changes), 0)
    assert (table.heartbeats, table.bad, table.instances(0)) == (0, 1, [])
    assert table.last_bad[0].error == error


def test_a_figure_beyond_64_bits_is_refused(beat: Beat) -> None:
    table = InstanceTable()
    payload = encode(beat("market-data", big=1)).replace(b'"big":1', b'"big":' + b"9" * 40)
    table.hear("internal.heartbeat.market-data", payload, 0)
    assert table.bad == 1
    assert encode(table.instances(0)) == b"[]"


def test_the_number_of_instances_is_bounded_and_the_silent_give_way(beat: Beat) -> None:
    table = InstanceTable()
    for number in range(MAX_INSTANCES + 5):
        hear(table, beat("market-data", number))
    assert (len(table.instances(0)), table.bad) == (MAX_INSTANCES, 5)
    hear(table, beat("risk-monitor"), at_s=10)
    assert table.bad == 5
    assert "risk-monitor-1" in {view.instance_id for view in table.instances(int(10e9))}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "serviceName": st.just("market-data") | JSON,
        "instanceId": st.just("market-data-1") | JSON,
        "version": st.text(max_size=8) | JSON,
        "status": st.sampled_from(["ACTIVE", "STANDBY"]) | JSON,
        "lastHeartbeat": st.just("2025-01-06T10:00:00+08:00") | JSON,
        "stickyActiveStatus": st.just("ACTIVE") | JSON,
        "metadata": st.dictionaries(st.text(max_size=8), st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)) | JSON,
    },
)


def _encoded(tree: object) -> bytes:
    try:
        return msgspec.json.encode(tree)
    except OverflowError:
        return b"{}"


@given(payload=st.binary(max_size=64) | JSON.map(msgspec.json.encode) | FIELDS.map(_encoded))
def test_whatever_comes_is_either_shown_or_counted(payload: bytes) -> None:
    table = InstanceTable()
    table.hear("internal.heartbeat.market-data", payload, 0)
    assert table.heartbeats + table.bad == 1
    shown = table.instances(int(1e9))
    assert len(shown) == table.heartbeats
    assert msgspec.json.decode(encode(shown)) is not None
