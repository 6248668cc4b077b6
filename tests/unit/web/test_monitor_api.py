"""The monitor as a service: health, start, stop, and that it takes no work from anybody."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tradepit.ports.bus import Message
from tradepit.trading.model.errors import Unavailable
from tradepit.web.monitor_api import MonitorApi
from tradepit.wire.registry import ServiceInstance
from tradepit.wire.simulator import ALGO_ORDERS

if TYPE_CHECKING:
    from tests.unit.web.conftest import Answer, Live

Beat = Callable[..., ServiceInstance]


async def test_its_figures_tell_where_it_answers(live: "Live", beat: Beat) -> None:
    await live.beat(beat("trading-gateway"))
    health = live.monitor.health()
    assert (live.monitor.name, live.monitor.instance, health.status, health.ready) == (
        "monitor-api",
        "monitor-api-1",
        "ACTIVE",
        True,
    )
    assert health.figures["url"] == f"http://127.0.0.1:{health.figures['port']}" == live.monitor.url
    assert health.figures["heartbeats"] == 1


async def test_silence_after_heartbeats_is_unhealthy_since_it_should_hear_its_own(live: "Live", beat: Beat) -> None:
    assert live.monitor.health().status == "ACTIVE"
    await live.beat(beat("monitor-api"))
    live.pass_s(7)
    health = live.monitor.health()
    assert (health.status, health.reason) == ("UNHEALTHY", "no heartbeat heard for 7 s")
    await live.beat(beat("monitor-api"))
    assert live.monitor.health().status == "ACTIVE"


async def test_starting_and_stopping_twice_is_harmless_and_it_can_start_again(
    live: "Live", beat: Beat, fetch: Callable[[str], "Answer"]
) -> None:
    url = live.monitor.url
    await live.monitor.start()
    assert live.monitor.url == url
    await live.monitor.stop()
    await live.monitor.stop()
    assert live.monitor.health().reason == "not started"
    with pytest.raises(OSError, match="refused"):
        await asyncio.to_thread(fetch, url)
    await live.monitor.start()
    await live.beat(beat("trading-gateway"))
    assert len((await live.get("/api/instances")).json) == 1


async def test_a_taken_port_stops_the_start(live: "Live") -> None:
    port = int(live.monitor.health().figures["port"])
    second = MonitorApi(live.bus, live.clock, port=port, instance="monitor-api-2")
    with pytest.raises(Unavailable):
        await second.start()
    assert second.health().status == "STANDBY"
    await second.stop()


async def test_it_watches_the_algorithms_without_taking_their_work(live: "Live") -> None:
    worked: list[bytes] = []

    async def work(message: Message) -> None:
        worked.append(message.payload)

    await live.bus.subscribe(ALGO_ORDERS, work)
    for number in range(5):
        await live.bus.publish("orders.algo.twap", str(number).encode())
    await live.settle()
    assert worked == [b"0", b"1", b"2", b"3", b"4"]
    assert live.monitor.health().figures["events"] == 5
