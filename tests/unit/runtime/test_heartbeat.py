"""Heartbeats tell how an instance fares, and nothing stops them but the end of the service."""

import asyncio
import json
from typing import Any

from tests.step_clock import StepClock
from tests.waiting import settle

from tradepit.backends.bus.memory import MemoryBus, MemoryHub
from tradepit.backends.cache.memory import MemoryCache, MemoryCacheStore
from tradepit.ports.bus import Message
from tradepit.runtime.heartbeat import Heartbeat, describe
from tradepit.runtime.service import Health
from tradepit.trading.model.errors import Unavailable
from tradepit.wire.simulator import HEARTBEAT


class Patient:
    """A service that only tells its health."""

    name, instance = "order-management", "order-management-1"

    def __init__(self) -> None:
        self.told = Health(status="STANDBY", figures={"standing": "ELECTING", "epoch": 3})
        self.failure: Exception | None = None

    async def start(self) -> None:
        """Nothing to do."""

    async def stop(self) -> None:
        """Nothing to do."""

    def health(self) -> Health:
        if self.failure is not None:
            raise self.failure
        return self.told


class Ward:
    def __init__(self) -> None:
        self.clock, self.bus, self.patient = StepClock(1_736_128_800_000_000_000), MemoryBus(MemoryHub()), Patient()
        self.cache = MemoryCache(MemoryCacheStore(), self.clock)
        self.heart = Heartbeat(self.patient, self.bus, self.cache, self.clock)
        self.heard: list[dict[str, Any]] = []

    async def open(self) -> None:
        await self.bus.connect()
        await self.cache.connect()
        await self.bus.subscribe(HEARTBEAT, self._hear)

    async def _hear(self, message: Message) -> None:
        self.heard.append(json.loads(message.payload))


async def test_an_instance_is_described_for_the_registry() -> None:
    ward = Ward()
    told = describe(ward.patient, ward.clock)
    assert (told.service_name, told.instance_id, told.status) == ("order-management", "order-management-1", "STANDBY")
    assert (told.sticky_active_group, told.sticky_active_status) == ("default", "ELECTING")
    assert told.last_heartbeat == "2025-01-06T10:00:00.000000+08:00"
    assert told.metadata == {"ready": True, "reason": "", "standing": "ELECTING", "epoch": 3}
    ward.patient.told = Health()
    assert describe(ward.patient, ward.clock).sticky_active_group == ""


async def test_it_beats_every_second_and_keeps_the_registry_alive() -> None:
    ward = Ward()
    await ward.open()
    beating = asyncio.ensure_future(ward.heart.run())
    await ward.clock.advance(60)
    assert 60 <= len(ward.heard) <= 62
    assert ward.heard[0]["serviceName"] == "order-management"
    assert list(await ward.cache.items("")) == ["service-instances__order-management__order-management-1"]
    beating.cancel()
    await asyncio.gather(beating, return_exceptions=True)
    await ward.clock.advance(31)
    assert await ward.cache.items("") == {}


async def test_failures_cost_beats_only() -> None:
    ward = Ward()
    await ward.open()
    beating = asyncio.ensure_future(ward.heart.run())
    await settle()
    for failure in (Unavailable(), ValueError("a bug in health")):
        ward.patient.failure = failure
        await ward.clock.advance(3)
    ward.patient.failure = None
    before = len(ward.heard)
    await ward.clock.advance(3)
    assert len(ward.heard) >= before + 2
    assert not beating.done()
    beating.cancel()
    await asyncio.gather(beating, return_exceptions=True)


async def test_who_stops_says_so_and_leaves_the_registry() -> None:
    ward = Ward()
    await ward.open()
    await ward.cache.put("service-instances__order-management__order-management-1", b"{}", ttl_s=30)
    await ward.heart.sign_off()
    await settle()
    assert [told["status"] for told in ward.heard] == ["STOPPED"]
    assert await ward.cache.items("") == {}


async def test_signing_off_where_nobody_listens_is_no_failure() -> None:
    ward = Ward()
    await ward.heart.sign_off()
    assert ward.heard == []
