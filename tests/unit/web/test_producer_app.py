"""The producer's door over real HTTP: messages are kept by the bus, or refused with a code; nothing is queued and then lost."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import closing, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest

from tradepit.backends.bus.memory import MemoryBus, MemoryHub
from tradepit.ports.bus import Channel, Message
from tradepit.runtime.clock import SystemClock
from tradepit.services.powerscreen_settings import PowerScreenSettings
from tradepit.trading.model.errors import ConfigError
from tradepit.web.powerscreen_producer import PowerScreenProducer
from tradepit.wire import platform
from tradepit.wire.powerscreen import DEAD_LETTERS, snapshots_channel

TICKS = Channel(name="ticks", subject="market.tick.*")
CHANNELS = (snapshots_channel(), DEAD_LETTERS.channel, *platform.CHANNELS, TICKS)
INTENTS = "orders.intent.account.A1.b1"


class Door:
    """A producer on a memory bus, and what was published on the platform's intents."""

    def __init__(self, bus: MemoryBus, default_topic: str = "") -> None:
        settings = PowerScreenSettings(port=0, default_topic=default_topic)
        self.producer = PowerScreenProducer(bus, SystemClock(), CHANNELS, settings, "powerscreen-producer-1")
        self.heard: asyncio.Queue[Message] = asyncio.Queue()

    async def post(self, body: Any, *, content_type: str = "application/json", path: str = "/api/v1/messages") -> tuple[int, Any]:
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await asyncio.to_thread(self._ask, path, payload, {"Content-Type": content_type})

    async def ask(self, path: str, **headers: str) -> tuple[int, Any]:
        return await asyncio.to_thread(self._ask, path, None, headers)

    def _ask(self, path: str, payload: bytes | None, headers: dict[str, str]) -> tuple[int, Any]:
        place = urlsplit(str(self.producer.health().figures["url"])).netloc
        with closing(HTTPConnection(place, timeout=60)) as line:
            # What is too large is refused before all of it was sent: the answer is there all the same.
            with suppress(BrokenPipeError, ConnectionResetError):
                line.request("GET" if payload is None else "POST", path, payload, headers)
            reply = line.getresponse()
            return reply.status, json.loads(reply.read())


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    bus = MemoryBus(MemoryHub(), channels=CHANNELS)
    await bus.connect()
    made = Door(bus, default_topic="ssi_ps")
    await bus.subscribe(platform.ORDER_INTENTS, made.heard.put, group="executor")
    await made.producer.start()
    yield made
    await made.producer.stop()
    await bus.close()


async def test_a_message_is_published_with_its_key_and_headers(door: Door) -> None:
    body = {"topic": INTENTS, "key": "A1", "value": '{"intent_id":"i1"}', "headers": {"source": "curl"}}
    assert await door.post(body) == (202, {"status": "queued"})
    async with asyncio.timeout(60):
        message = await door.heard.get()
    assert (message.subject, message.payload) == (INTENTS, b'{"intent_id":"i1"}')
    assert dict(message.headers) == {"source": "curl", "x-key": "A1"}
    assert await door.post({"value": "to the default topic"}) == (202, {"status": "queued"})
    assert door.producer.health().figures["queued"] == 2


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"topic": INTENTS}, 400, "INVALID_REQUEST"),
        ({"topic": INTENTS, "value": ""}, 400, "INVALID_REQUEST"),
        ({"topic": INTENTS, "value": 7}, 400, "INVALID_REQUEST"),
        ({"topic": "orders.nowhere", "value": "x"}, 400, "INVALID_REQUEST"),
        ({"topic": "orders.intent.account.*.*", "value": "x"}, 400, "INVALID_REQUEST"),
        ({"topic": "orders.intent.account.A1", "value": "x"}, 400, "INVALID_REQUEST"),
        ({"topic": "market.tick.IF2501", "value": "x"}, 400, "INVALID_REQUEST"),
        ({"topic": "$JS.API.STREAM.DELETE.X", "value": "x"}, 400, "INVALID_REQUEST"),
        ({"topic": INTENTS, "value": "x", "headers": {"Nats-Msg-Id": "1"}}, 400, "INVALID_REQUEST"),
        ({"topic": INTENTS, "value": "x", "headers": {"X-Key": "1"}}, 400, "INVALID_REQUEST"),
        ({"topic": INTENTS, "value": "x", "headers": {"a": "1\r\nb: 2"}}, 400, "INVALID_REQUEST"),
        ({"topic": INTENTS, "value": "x", "headers": {"a:b": "1"}}, 400, "INVALID_REQUEST"),
        ({"topic": INTENTS, "value": "x", "key": "ключ"}, 400, "INVALID_REQUEST"),
        ([], 400, "INVALID_REQUEST"),
        (b"{", 400, "INVALID_REQUEST"),
        (b"\xff", 400, "INVALID_REQUEST"),
        (b"[" * 60_000, 400, "INVALID_REQUEST"),
        ({"value": "x" * 2_000_000}, 413, "PAYLOAD_TOO_LARGE"),
    ],
)
async def test_what_cannot_be_published_is_refused_with_a_code(door: Door, body: Any, status: int, code: str) -> None:
    found, reply = await door.post(body)
    assert (found, reply["error"]) == (status, code)
    assert door.producer.health().figures["queued"] == 0


async def test_pages_of_other_origins_get_nowhere(door: Door) -> None:
    status, reply = await door.post({"topic": INTENTS, "value": "x"}, content_type="text/plain")
    assert (status, reply["error"]) == (400, "INVALID_REQUEST")
    status, reply = await door.ask("/healthz", Host="evil.example")
    assert (status, reply["error"]) == (403, "HOST_NOT_ALLOWED")
    assert await door.ask("/healthz") == (200, {"status": "ok"})
    assert (await door.post({}, path="/api/v1/else"))[1]["error"] == "NOT_FOUND"


async def test_a_bus_that_is_away_is_told_of(door: Door) -> None:
    closed = MemoryBus(MemoryHub(), channels=CHANNELS)
    alone = Door(closed)
    await alone.producer.start()
    status, reply = await alone.post({"topic": INTENTS, "value": "x"})
    assert (status, reply["error"]) == (503, "SERVICE_UNAVAILABLE")
    assert (await alone.post({"value": "x"}))[0] == 400
    await alone.producer.stop()
    assert alone.producer.health().status == "UNHEALTHY"


def test_the_door_stays_on_loopback(tmp_path: Path) -> None:
    bus = MemoryBus(MemoryHub(), channels=CHANNELS)
    with pytest.raises(ConfigError, match="loopback"):
        PowerScreenProducer(bus, SystemClock(), CHANNELS, PowerScreenSettings(host="0.0.0.0"), "p-1")


async def test_a_recording_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    bus = MemoryBus(MemoryHub(), channels=CHANNELS)
    settings = msgspec.structs.replace(PowerScreenSettings(port=0), files=(str(tmp_path / "none.txt"),))
    with pytest.raises(ConfigError, match="no such file"):
        await PowerScreenProducer(bus, SystemClock(), CHANNELS, settings, "p-1").start()
