"""Every route of the monitor, asked over HTTP."""

import asyncio
import http.client
import json
import random
import string
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tradepit.wire.registry import ServiceInstance

if TYPE_CHECKING:
    from tests.unit.web.conftest import Live

Beat = Callable[..., ServiceInstance]


async def populate(live: "Live", beat: Beat) -> None:
    await live.beat(
        beat("trading-gateway", epoch=3, queue=0),
        beat("order-management", 1, standing="ACTIVE", epoch=3),
        beat("order-management", 2, standing="STANDBY", epoch=3),
        beat("market-recorder", status="UNHEALTHY", reason="disk full"),
    )


@pytest.mark.parametrize("path", ["/health", "/healthz"])
async def test_the_monitor_lives(live: "Live", path: str) -> None:
    answer = await live.get(path)
    assert (answer.status, answer.json["status"], answer.json["serviceName"]) == (200, "ok", "monitor-api")
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize("path", ["/ready", "/readyz"])
async def test_readiness_is_the_status_code(live: "Live", beat: Beat, path: str) -> None:
    answer = await live.get(path)
    assert (answer.status, answer.json["ready"], len(answer.json["reasons"])) == (503, False, 2)
    await populate(live, beat)
    answer = await live.get(path)
    assert (answer.status, answer.json) == (200, {"ready": True, "reasons": []})
    live.pass_s(6)
    assert (await live.get(path)).status == 503


async def test_instances_are_camel_case(live: "Live", beat: Beat) -> None:
    await populate(live, beat)
    instances = (await live.get("/api/instances")).json
    assert [each["instanceId"] for each in instances] == [
        "market-recorder-1",
        "order-management-1",
        "order-management-2",
        "trading-gateway-1",
    ]
    assert set(instances[1]) == {
        "serviceName",
        "instanceId",
        "version",
        "status",
        "lastHeartbeat",
        "stickyActiveGroup",
        "stickyActiveStatus",
        "metadata",
        "ageSeconds",
        "stale",
        "ready",
        "reason",
        "epoch",
    }
    assert (instances[1]["stickyActiveStatus"], instances[1]["metadata"]["epoch"]) == ("ACTIVE", 3)
    of_service = (await live.get("/api/instances/order-management")).json
    assert of_service == instances[1:3]
    assert (await live.get("/api/instances/order-management/order-management-2")).json == instances[2]


async def test_instances_by_status(live: "Live", beat: Beat) -> None:
    await populate(live, beat)
    assert [each["instanceId"] for each in (await live.get("/api/instances/status/STANDBY")).json] == ["order-management-2"]
    assert [each["instanceId"] for each in (await live.get("/api/instances/status/unhealthy")).json] == ["market-recorder-1"]
    assert (await live.get("/api/instances/status/stale")).json == []
    live.pass_s(6)
    assert len((await live.get("/api/instances/status/stale")).json) == 4


async def test_services_tell_leader_and_epoch(live: "Live", beat: Beat) -> None:
    await populate(live, beat)
    orders = next(each for each in (await live.get("/api/services")).json if each["serviceName"] == "order-management")
    assert (orders["leader"], orders["epoch"], orders["singleActive"]) == ("order-management-1", 3, True)
    await live.beat(beat("order-management", 2, standing="ACTIVE", epoch=4))
    orders = next(each for each in (await live.get("/api/services")).json if each["serviceName"] == "order-management")
    assert (orders["leader"], orders["epoch"], orders["health"]) == ("order-management-2", 4, "degraded")


async def test_summary_status_and_details_agree(live: "Live", beat: Beat) -> None:
    await populate(live, beat)
    await live.bus.publish("internal.heartbeat.x", b"\xff")
    await live.settle()
    summary = (await live.get("/api/instances/health/summary")).json
    assert (summary["health"], summary["total"], summary["healthy"], summary["unhealthy"]) == ("degraded", 4, 3, 1)
    status = (await live.get("/status")).json
    assert (status["summary"], status["leaders"]) == (summary, {"order-management": "order-management-1"})
    assert (status["heartbeats"], status["badHeartbeats"]) == (4, 1)
    details = (await live.get("/health/detailed")).json
    assert (details["health"], details["ready"]) == ("degraded", True)
    assert details["lastBadHeartbeats"][0]["error"] == "INVALID_REQUEST"
    assert details["services"][0]["reasons"] == ["market-recorder-1: disk full"]


async def test_events_are_counted_by_topic(live: "Live") -> None:
    for topic in ("orders.new", "orders.filled", "orders.cancelled", "trades.executed", "orders.algo.twap", "orders.new"):
        await live.bus.publish(topic, b"{}")
    await live.settle()
    page = (await live.get("/metrics/events")).json
    assert page["events"] == 6
    assert {topic["topic"]: topic["events"] for topic in page["topics"]} == {
        "orders.algo.twap": 1,
        "orders.cancelled": 1,
        "orders.filled": 1,
        "orders.new": 2,
        "trades.executed": 1,
    }


async def test_prometheus_text(live: "Live", beat: Beat) -> None:
    await populate(live, beat)
    answer = await live.get("/metrics")
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert b'tradepit_leader{instance="order-management-1",service="order-management"} 1.0' in answer.body


@pytest.mark.parametrize(
    ("path", "status", "error"),
    [
        ("/", 404, "NOT_FOUND"),
        ("/api/instances/nobody", 404, "NOT_FOUND"),
        ("/api/instances/trading-gateway/nobody", 404, "NOT_FOUND"),
        ("/api/instances/a/b/c", 404, "NOT_FOUND"),
        ("/api/instances/status/fine", 400, "INVALID_REQUEST"),
        ("/api/instances/a%20b", 400, "ID_NOT_VALID"),
        ("/api/instances/..%2f..%2fetc", 404, "NOT_FOUND"),
        ("/api/instances/" + "x" * 65, 400, "ID_NOT_VALID"),
        ("/api/instances/%ff%fe/x", 400, "ID_NOT_VALID"),
    ],
)
async def test_refusals_carry_a_code(live: "Live", beat: Beat, path: str, status: int, error: str) -> None:
    await populate(live, beat)
    answer = await live.get(path)
    assert (answer.status, answer.json["error"]) == (status, error)
    assert answer.json["message"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_nothing_can_be_changed(live: "Live", method: str) -> None:
    answer = await live.get("/api/instances", method=method)
    assert (answer.status, answer.json["error"]) == (405, "METHOD_NOT_ALLOWED")


async def test_the_schema_describes_every_route(live: "Live") -> None:
    schema = (await live.get("/schema")).json
    assert schema["openapi"].startswith("3.")
    assert {"/readyz", "/api/instances/{service}/{instance}", "/metrics/events", "/health/detailed"} <= set(schema["paths"])
    assert "stickyActiveStatus" in schema["components"]["schemas"]["InstanceView"]["properties"]


def _bombard(port: int, rounds: int) -> dict[int, int]:
    chance = random.Random(5)
    characters = string.ascii_letters + string.digits + "%/?&=#.-_~!$'()*+,;:@[]{}|\\^`\"<>"
    heads = ("/", "/api/instances/", "/api/instances/status/", "/metrics", "/api/", "/schema", "")
    seen: dict[int, int] = {}
    for _ in range(rounds):
        path = chance.choice(heads) + "".join(chance.choice(characters) for _ in range(chance.randrange(40)))
        link = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        link.putrequest(chance.choice(("GET", "POST", "HEAD", "X")), path.replace(" ", "") or "*", skip_accept_encoding=True)
        link.endheaders()
        reply = link.getresponse()
        body = reply.read()
        if reply.status >= 400 and body.startswith(b"{"):
            assert json.loads(body)["error"]
        seen[reply.status] = seen.get(reply.status, 0) + 1
        link.close()
    return seen


async def test_random_requests_never_crash_it(live: "Live") -> None:
    seen = await asyncio.to_thread(_bombard, int(live.monitor.health().figures["port"]), 500)
    assert sum(seen.values()) == 500
    assert set(seen) <= {200, 400, 404, 405}
    assert (await live.get("/healthz")).status == 200
