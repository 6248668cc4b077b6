"""A monitor on a memory bus, answering on a real loopback port."""

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Mapping
from email.message import Message
from typing import Any

import pytest
from tests.patience import PATIENCE_S
from tests.waiting import settle

from tradepit.backends.bus.memory import MemoryBus, MemoryHub
from tradepit.runtime.clock import ManualClock
from tradepit.web.monitor_api import MonitorApi
from tradepit.wire.registry import ServiceInstance, heartbeat_topic
from tradepit.wire.simulator import CHANNELS
from tradepit.wire.simulator_codec import encode, to_iso

TEN = 1_736_128_800_000_000_000  # 2025-01-06 10:00 in China


def heartbeat(service: str, number: int = 1, *, standing: str = "", status: str = "", **figures: str | float) -> ServiceInstance:
    """What an instance would tell of itself."""
    metadata: dict[str, str | int | float | bool] = {"ready": True, "reason": "", **figures}
    return ServiceInstance(
        service_name=service,
        instance_id=f"{service}-{number}",
        version="0.1.0",
        status=status or ("STANDBY" if standing not in ("", "ACTIVE") else "ACTIVE"),
        last_heartbeat=to_iso(TEN),
        sticky_active_group="default" if standing else "",
        sticky_active_status=standing,
        metadata=metadata,
    )


class Answer:
    """A reply to an HTTP request."""

    def __init__(self, status: int, headers: Message, body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(url: str, *, method: str = "GET", headers: Mapping[str, str] | None = None) -> Answer:
    """One HTTP request; refusals are answers too. Blocking."""
    request = urllib.request.Request(url, method=method, headers=dict(headers or {}))
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as reply:
            return Answer(reply.status, reply.headers, reply.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.headers, error.read())


class Live:
    """A running monitor and the bus it listens to; its time moves only when told."""

    def __init__(self) -> None:
        self.bus = MemoryBus(MemoryHub(), channels=CHANNELS)
        self.clock = ManualClock(TEN)
        self.monitor = MonitorApi(self.bus, self.clock, port=0)

    async def get(self, path: str, *, method: str = "GET", headers: Mapping[str, str] | None = None) -> Answer:
        return await asyncio.to_thread(ask, self.monitor.url + path, method=method, headers=headers)

    async def beat(self, *told: ServiceInstance) -> None:
        for each in told:
            await self.bus.publish(heartbeat_topic(each.service_name), encode(each))
        await self.settle()

    async def settle(self) -> None:
        """Let what was published be heard."""
        await settle()

    def pass_s(self, seconds: float) -> None:
        self.clock.advance_to(self.clock.now_ns() + int(seconds * 1e9))


@pytest.fixture
async def live() -> AsyncIterator[Live]:
    made = Live()
    await made.bus.connect()
    await made.monitor.start()
    yield made
    await made.monitor.stop()
    await made.bus.close()


@pytest.fixture
def fetch() -> Callable[[str], Answer]:
    return ask


@pytest.fixture
def beat() -> Callable[..., ServiceInstance]:
    return heartbeat
