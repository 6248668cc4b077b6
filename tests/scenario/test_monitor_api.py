"""The monitor shows a house of real processes over HTTP: readiness, the leader, its loss, its successor, and a dead exchange."""

import json
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.house_under_test import in_calm_office
from tests.patience import PATIENCE_S
from tests.servers.ports import free_port

from tradepit.cli.demo_settings import demo_settings
from tradepit.cli.house import House
from tradepit.wire import simulator as wire

_LEFT_OUT = frozenset(
    {wire.MARKET_DATA, wire.RISK_MONITOR, wire.POSITION_TRACKER, wire.EXECUTION_ALGO, wire.MARKET_RECORDER, wire.TRADING_AGENTS}
)


class Monitor:
    """The monitor's door, from outside."""

    def __init__(self, port: int) -> None:
        self._root = f"http://127.0.0.1:{port}"

    def get(self, path: str) -> tuple[int, bytes]:
        """Status and body; 0 while nobody answers."""
        try:
            with urllib.request.urlopen(self._root + path, timeout=30) as reply:
                return reply.status, reply.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()
        except OSError:
            return 0, b""

    def json(self, path: str) -> Any:
        return json.loads(self.get(path)[1])

    def orders(self) -> dict[str, Any]:
        """How the monitor sees order management."""
        return next((each for each in self.json("/api/services") if each["serviceName"] == wire.ORDER_MANAGEMENT), {})

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait for what must come."""
        deadline = time.monotonic() + PATIENCE_S
        while not holds():
            assert time.monotonic() < deadline, self.get("/health/detailed")
            time.sleep(0.1)

    def samples(self) -> dict[tuple[str, frozenset[str]], float]:
        """The Prometheus page by name and label values."""
        text = self.get("/metrics")[1].decode()
        return {
            (sample.name, frozenset(sample.labels.values())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def house(tmp_path: Path, port: int) -> Iterator[House]:
    """The exchange, three order managers and the monitor, each in a process of its own, on a real NATS server."""
    made = House(in_calm_office(demo_settings(seed=1, monitor_port=port)), tmp_path, without=_LEFT_OUT)
    try:
        made.start()
        yield made
    finally:
        made.stop()


def test_the_monitor_shows_the_house_and_what_befalls_it(house: House, port: int) -> None:
    monitor = Monitor(port)
    monitor.until(lambda: monitor.get("/readyz")[0] == 200)
    monitor.until(lambda: monitor.orders()["statuses"] == {"ACTIVE": 1, "STANDBY": 2})
    first = monitor.orders()
    assert (first["instances"], first["health"]) == (3, "healthy")
    assert {each["instanceId"] for each in monitor.json("/api/instances")} >= {"trading-gateway-1", "monitor-api-1"}

    _order(house)
    monitor.until(lambda: "orders.new" in {topic["topic"] for topic in monitor.json("/metrics/events")["topics"]})
    monitor.until(lambda: monitor.samples()["tradepit_commands", frozenset({"trading-gateway", "trading-gateway-1"})] > 0)

    house.send(house.process_of(first["leader"]), signal.SIGKILL)
    monitor.until(lambda: monitor.orders()["leader"] not in (None, first["leader"]))
    second = monitor.orders()
    assert second["epoch"] > first["epoch"]
    monitor.until(lambda: monitor.get("/readyz")[0] == 200)
    monitor.until(lambda: [each["instanceId"] for each in monitor.json("/api/instances/status/stale")] == [first["leader"]])
    samples = monitor.samples()
    assert samples["tradepit_leader", frozenset({wire.ORDER_MANAGEMENT, second["leader"]})] == 1
    assert samples["tradepit_stale_instances", frozenset({wire.ORDER_MANAGEMENT})] == 1
    assert monitor.json("/api/instances/health/summary")["health"] == "degraded"

    house.send(house.process_of("trading-gateway-1"), signal.SIGKILL)
    monitor.until(lambda: monitor.get("/readyz")[0] == 503)
    assert monitor.json("/readyz")["reasons"][0].startswith("trading-gateway: ")
    assert monitor.get("/healthz")[0] == 200

    assert set(house.revive()) == {house.process_of(first["leader"]), house.process_of("trading-gateway-1")}
    monitor.until(lambda: monitor.get("/readyz")[0] == 200 and monitor.orders()["stale"] == 0)
    assert house.stop()[house.process_of("monitor-api-1")] == 0


def _order(house: House) -> None:
    order = [
        sys.executable,
        "-m",
        "tradepit",
        "order",
        "buy",
        "IF2501",
        "4400",
        "1",
        "--json",
        "--config",
        str(house.settings_path),
    ]
    done = subprocess.run(order, capture_output=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
