"""PowerScreen end to end: the two roles as processes, a recording and posted poison on real NATS, snapshots in a Valkey that is killed."""

import asyncio
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import redis
from tests.patience import PATIENCE_S
from tests.servers.ports import free_port
from tests.servers.valkey import ValkeyServer

from tradepit.backends.bus.nats import NatsBus
from tradepit.ports.bus import Message
from tradepit.runtime.nats_server import NatsServer
from tradepit.wire.powerscreen import DEAD_LETTERS, snapshots_channel
from tradepit.wire.powerscreen_codec import from_json, to_protobuf
from tradepit.wire.powerscreen_frames import HoseStockParser

FRAMES = Path(__file__).parents[1] / "wire" / "golden" / "powerscreen_frames.txt"
SNAPSHOTS = 600
FIRST_MS = 1_764_644_400_171


def until(holds: Callable[[], bool]) -> None:
    """Wait for what must come."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@contextmanager
def role(name: str, folder: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """``tradepit run NAME`` in a process, ended in order unless it was killed."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("TRADEPIT_", "PRODUCER_", "CONSUMER_"))}
    log = (folder / f"{name}.log").open("ab")
    process = subprocess.Popen(
        [sys.executable, "-m", "tradepit", "run", name], cwd=folder, env=clean | environment, stdout=log, stderr=log
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(PATIENCE_S)
        log.close()


def record(path: Path) -> list[str]:
    """A recording of one future, a snapshot every 100 ms, with trades and nonsense between."""
    lines = FRAMES.read_text("utf-8").splitlines()
    rest = lines[1].partition("|")[2]
    frames = [f"{FIRST_MS + 100 * number}|{rest}" for number in range(SNAPSHOTS)]
    path.write_text("\n".join([*frames[:100], *lines[3:], "nonsense", *frames[100:]]), "utf-8")
    return frames


def post(port: int, body: dict[str, object]) -> int:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/v1/messages", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as reply:
        return int(reply.status)


async def again(url: str, frames: list[str]) -> None:
    """Publish snapshots that are there already, without an id that would tell the bus so."""
    bus = NatsBus(url, name="again", channels=(snapshots_channel(),))
    await bus.connect()
    for stock in map(HoseStockParser().parse, frames):
        assert stock is not None
        await bus.publish("ssi_ps", to_protobuf(stock.snapshot))
    await bus.close()


async def letters(url: str) -> list[tuple[bytes, str]]:
    """Every dead letter so far: what it is and its code."""
    bus = NatsBus(url, name="reader", channels=(DEAD_LETTERS.channel,))
    await bus.connect()
    found: list[tuple[bytes, str]] = []

    async def keep(message: Message) -> None:
        found.append((message.payload, message.headers["x-reason"]))

    last = await bus.last(DEAD_LETTERS.channel)
    assert last is not None
    await bus.subscribe(DEAD_LETTERS.channel, keep, group="reader")
    deadline = time.monotonic() + PATIENCE_S
    while len(found) < last.sequence:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    await bus.close()
    return found


async def test_a_recording_reaches_redis_once_whoever_dies(tmp_path: Path) -> None:
    frames, port = record(tmp_path / "day.txt"), free_port()
    with ExitStack() as stack:
        nats, valkey = stack.enter_context(NatsServer(tmp_path / "nats")), stack.enter_context(ValkeyServer())
        client = stack.enter_context(redis.Redis.from_url(valkey.url))
        produce = {
            "PRODUCER_KAFKA_BROKERS": nats.url,
            "PRODUCER_ADDR": f"127.0.0.1:{port}",
            "PRODUCER_DATA_FILE": str(tmp_path / "day.txt"),
            "PRODUCER_DEFAULT_TOPIC": "ssi_ps",
        }
        consume = {"CONSUMER_KAFKA_BROKERS": nats.url, "CONSUMER_REDIS_ADDR": valkey.url}
        key, stream = "ssi_ps:41I1FC000", "ssi_ps_stream:41I1FC000"
        with role("powerscreen-producer", tmp_path, produce):
            with role("powerscreen-consumer", tmp_path, consume) as doomed:
                until(lambda: int(client.zcard(key)) > 0)
                doomed.kill()
                doomed.wait()
            before = int(client.zcard(key))
            with role("powerscreen-consumer", tmp_path, consume):
                until(lambda: int(client.zcard(key)) > before or before == SNAPSHOTS)
                valkey.kill()
                valkey.start()
                until(lambda: int(client.zcard(key)) == SNAPSHOTS)
                await again(nats.url, frames[:3])
                assert post(port, {"value": "poison"}) == 202
                assert post(port, {"value": "{}", "topic": "orders.intent.account.A1.b1"}) == 202
                # The whole recording again, as after a crash of the producer.
                with role("powerscreen-producer-1", tmp_path, produce | {"PRODUCER_ADDR": ":0"}):
                    bus = NatsBus(nats.url, name="watch", channels=(snapshots_channel(), DEAD_LETTERS.channel))
                    await bus.connect()
                    deadline = time.monotonic() + PATIENCE_S
                    while (last := await bus.last(DEAD_LETTERS.channel)) is None or last.sequence < 3:
                        assert time.monotonic() < deadline
                        await asyncio.sleep(0.05)
                    await bus.close()
        rows = client.zrange(key, 0, -1, withscores=True)
        told = client.xrange(stream)
        found = await letters(nats.url)
    parse = HoseStockParser().parse
    expected = [stock.snapshot for stock in map(parse, frames) if stock is not None]
    assert [from_json(line) for line, _ in rows] == expected
    assert [score for _, score in rows] == [FIRST_MS + 100 * number for number in range(SNAPSHOTS)]
    # What a dead consumer had in hand comes again later; the stream tells of it then.
    assert sorted(fields[b"payload"] for _, fields in told) == sorted(line for line, _ in rows)
    assert {tuple(fields) for _, fields in told} == {(b"code", b"board", b"timestamp", b"payload")}
    assert sorted(found) == [(b"nonsense", "INVALID_REQUEST"), (b"nonsense", "INVALID_REQUEST"), (b"poison", "INVALID_REQUEST")]
