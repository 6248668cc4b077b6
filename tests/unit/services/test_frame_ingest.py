"""Recordings onto the topic and into the cache: everything once, in order, bad lines told of, outages waited for."""

import asyncio
import random
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.patience import PATIENCE_S

from tradepit.backends.bus.memory import MemoryBus, MemoryHub
from tradepit.backends.cache.memory_timeline import MemoryTimeline, MemoryTimelineStore
from tradepit.ports.bus import Message
from tradepit.runtime.clock import SystemClock
from tradepit.services.dead_letters import DeadLetters
from tradepit.services.frame_ingest import FrameIngest
from tradepit.services.powerscreen_settings import PowerScreenSettings
from tradepit.services.queue_worker import QueueWorker
from tradepit.services.snapshot_projection import SnapshotProjection
from tradepit.trading.model.errors import BadRequest, Unavailable
from tradepit.wire import proto_messages
from tradepit.wire.powerscreen import CONSUMER, DEAD_LETTERS, snapshots_channel, snapshots_route
from tradepit.wire.powerscreen_codec import KIND, from_protobuf

FRAMES = Path(__file__).parents[2] / "wire" / "golden" / "powerscreen_frames.txt"
CHANNELS = (snapshots_channel(), DEAD_LETTERS.channel)


class FlakyBus(MemoryBus):
    """Fails at the first publication, and in the middle of what comes after it."""

    def __init__(self, hub: MemoryHub) -> None:
        super().__init__(hub, channels=CHANNELS)
        self.sent: list[tuple[str, bytes, str, dict[str, str]]] = []
        self._tries = 0

    async def publish(
        self, subject: str, payload: bytes, *, message_id: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        self._tries += 1
        if self._tries in (1, 4, 6):
            raise Unavailable("the bus is away")
        self.sent.append((subject, payload, message_id, dict(headers or {})))
        await super().publish(subject, payload, message_id=message_id, headers=headers)


async def publish(path: Path) -> tuple[FlakyBus, FrameIngest]:
    bus = FlakyBus(MemoryHub())
    await bus.connect()
    ingest = FrameIngest(bus, "ssi_ps", DeadLetters(bus, DEAD_LETTERS), SystemClock())
    await ingest.run([path])
    return bus, ingest


async def test_a_recording_is_published_with_its_refusals_told(tmp_path: Path) -> None:
    path = tmp_path / "day.txt"
    future, share = FRAMES.read_text("utf-8").splitlines()[1:3]
    path.write_text("\n".join((future, "nonsense", share, share[:100], "1764644400180|MAIN|L#VCB|1")), "utf-8")
    bus, ingest = await publish(path)
    assert ingest.figures() == {"files": 1, "published": 2, "passed_over": 1, "refused": 2, "ingest_done": True}
    assert ingest.waiting == ""
    told = {
        message_id: (from_protobuf(payload).code, headers) for subject, payload, message_id, headers in bus.sent if message_id
    }
    assert sorted(code for code, _ in told.values()) == ["41I1FC000", "VCB"]
    assert all(headers == {"x-key": code, "content-type": "application/x-protobuf"} for code, headers in told.values())
    letters = [
        (payload, headers["x-reason"], headers["x-queue"]) for subject, payload, _, headers in bus.sent if subject != "ssi_ps"
    ]
    assert letters == [(b"nonsense", "INVALID_REQUEST", "day.txt"), (share[:100].encode(), "INVALID_REQUEST", "day.txt")]


async def test_a_second_run_publishes_the_same_messages(tmp_path: Path) -> None:
    first, _ = await publish(FRAMES)
    second, _ = await publish(FRAMES)
    assert {each[1:3] for each in first.sent} == {each[1:3] for each in second.sent}


async def work() -> tuple[SnapshotProjection, MemoryTimelineStore]:
    store = MemoryTimelineStore()
    projection = SnapshotProjection(MemoryTimeline(store), PowerScreenSettings())
    await projection.open()
    return projection, store


async def test_a_snapshot_becomes_a_line_by_time_and_an_entry_of_the_stream() -> None:
    bus, _ = await publish(FRAMES)
    projection, store = await work()
    for _ in range(2):
        for _, payload, message_id, _ in bus.sent:
            if message_id:
                await projection.do(Message(subject="ssi_ps", payload=payload))
    assert projection.figures()["kept"] == 2
    assert set(store.lines) == {"ssi_ps:41I1FC000", "ssi_ps:VCB"}
    ((line, at_ms),) = store.lines["ssi_ps:VCB"].items()
    assert at_ms == 1_764_645_300_500
    assert store.told["ssi_ps_stream:VCB"] == [{"code": b"VCB", "board": b"MAIN", "timestamp": b"1764645300500", "payload": line}]


async def test_a_thousand_bad_messages_are_buried_with_their_reasons_and_the_good_ones_go_on() -> None:
    chance, hub = random.Random(7), MemoryHub()
    sent, bus = (await publish(FRAMES))[0].sent, MemoryBus(hub, channels=CHANNELS)
    good = [payload for _, payload, message_id, _ in sent if message_id]
    bad = [chance.randbytes(chance.randrange(60)) for _ in range(998)] + [good[0] + b"\xff", b"\0" * 70_000]
    await bus.connect()
    letters: list[tuple[bytes, str]] = []
    heard = asyncio.Event()

    async def keep(message: Message) -> None:
        letters.append((message.payload, message.headers["x-reason"]))
        if len(letters) == len(bad):
            heard.set()

    await bus.subscribe(DEAD_LETTERS.channel, keep, group="reader")
    store, route = MemoryTimelineStore(), snapshots_route("ssi_ps", "g")
    work = SnapshotProjection(MemoryTimeline(store), PowerScreenSettings())
    dead = DeadLetters(bus, DEAD_LETTERS)
    worker = QueueWorker(CONSUMER, "c-1", bus=bus, route=route, dead_letters=dead, work=work, clock=SystemClock())
    await worker.start()
    for payload in (*bad[:500], good[0], *bad[500:999], good[1], bad[999]):
        await bus.publish("ssi_ps", payload)
    async with asyncio.timeout(PATIENCE_S):
        await heard.wait()
    await worker.stop()
    assert [payload for payload, _ in letters] == bad
    assert {code for _, code in letters} <= {"INVALID_REQUEST", "ID_NOT_VALID", "PRICE_NOT_VALID", "PAYLOAD_TOO_LARGE"}
    assert worker.health().figures | {"done": 1002, "buried": 1000, "tried_again": 0} == worker.health().figures
    assert set(store.lines) == {"ssi_ps:41I1FC000", "ssi_ps:VCB"}
    await bus.close()


async def test_a_snapshot_without_its_own_time_has_the_servers_or_is_refused() -> None:
    projection, store = await work()
    told = {"code": "VCB", "board": "MAIN", "server_timestamp": 5_000_000_000}
    await projection.do(Message(subject="ssi_ps", payload=proto_messages.encode(KIND, told)))
    assert list(store.lines["ssi_ps:VCB"].values()) == [5000]
    with pytest.raises(BadRequest, match="no time"):
        await projection.do(Message(subject="ssi_ps", payload=proto_messages.encode(KIND, {"code": "VCB"})))
    with pytest.raises(BadRequest):
        await projection.do(Message(subject="ssi_ps", payload=b"nonsense"))
