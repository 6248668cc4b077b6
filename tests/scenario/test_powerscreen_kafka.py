"""PowerScreen on a real Kafka by the document's own environment: frames on ``ssi_ps`` in protobuf, snapshots in Redis, poison aside."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis
from confluent_kafka import Consumer
from tests.patience import PATIENCE_S
from tests.servers.kafka import KafkaServer
from tests.servers.ports import free_port
from tests.servers.valkey import ValkeyServer

from tradepit.wire.powerscreen_codec import from_json, from_protobuf
from tradepit.wire.powerscreen_frames import HoseStockParser

FRAMES = Path(__file__).parents[1] / "wire" / "golden" / "powerscreen_frames.txt"
SNAPSHOTS = 200
FIRST_MS = 1_764_644_400_171


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    with KafkaServer(tmp_path_factory.mktemp("kafka")) as server:
        yield server


def until(holds: Callable[[], bool]) -> None:
    """Wait for what must come."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@contextmanager
def role(name: str, folder: Path, environment: dict[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    """``tradepit run NAME`` in a process, ended in order unless it was killed."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("TRADEPIT_", "PRODUCER_", "CONSUMER_"))}
    with (folder / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tradepit", "run", name], cwd=folder, env=clean | environment, stdout=log, stderr=log
        )
        try:
            yield process
        finally:
            process.terminate()
            assert process.wait(PATIENCE_S) in (0, -9)


def post(port: int, body: dict[str, object]) -> int:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/v1/messages", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as reply:
        return int(reply.status)


def test_a_recording_reaches_redis_once_over_kafka(tmp_path: Path, kafka: KafkaServer) -> None:
    rest = FRAMES.read_text("utf-8").splitlines()[1].partition("|")[2]
    frames = [f"{FIRST_MS + 100 * number}|{rest}" for number in range(SNAPSHOTS)]
    (tmp_path / "day.txt").write_text("\n".join(frames), "utf-8")
    port = free_port()
    produce = {
        "PRODUCER_KAFKA_BROKERS": kafka.address,
        "PRODUCER_ADDR": f"127.0.0.1:{port}",
        "PRODUCER_DATA_FILE": str(tmp_path / "day.txt"),
        "PRODUCER_DEFAULT_TOPIC": "ssi_ps",
    }
    key, stream = "ssi_ps:41I1FC000", "ssi_ps_stream:41I1FC000"
    with ValkeyServer() as valkey, redis.Redis.from_url(valkey.url) as client:
        consume = {"CONSUMER_KAFKA_BROKERS": kafka.address, "CONSUMER_REDIS_ADDR": valkey.url}
        with role("powerscreen-producer", tmp_path, produce):
            with role("powerscreen-consumer", tmp_path, consume) as doomed:
                until(lambda: int(client.zcard(key)) > 0)
                doomed.kill()
            with role("powerscreen-consumer", tmp_path, consume):
                assert post(port, {"value": "poison", "key": "k1"}) == 202
                assert post(port, {"value": "{}", "topic": "orders.intent.account.A1.b1"}) == 202
                until(lambda: int(client.zcard(key)) == SNAPSHOTS)
                told = everything(kafka, "ssi_ps", SNAPSHOTS + 1)
                [(dead, headers)] = everything(kafka, "ssi_ps_dead_letters", 1)
        rows = client.zrange(key, 0, -1, withscores=True)
        streamed = client.xrange(stream)
    expected = [stock.snapshot for stock in map(HoseStockParser().parse, frames) if stock is not None]
    assert [from_protobuf(body) for body, _ in told if body != b"poison"] == expected
    assert [from_json(line) for line, _ in rows] == expected
    assert sorted(fields[b"payload"] for _, fields in streamed) == sorted(line for line, _ in rows)
    assert (dead, headers["x-reason"], headers["x-queue"]) == (b"poison", b"INVALID_REQUEST", b"ssi_ps_consumer")


def everything(server: KafkaServer, topic: str, count: int) -> list[tuple[bytes, dict[str, bytes]]]:
    """The first records of a topic, as a program outside reads them."""
    consumer = Consumer({"bootstrap.servers": server.address, "group.id": f"reads-{topic}", "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    found: list[tuple[bytes, dict[str, bytes]]] = []
    deadline = time.monotonic() + PATIENCE_S
    while len(found) < count:
        assert time.monotonic() < deadline
        record = consumer.poll(0.2)
        if record is not None and record.error() is None:
            headers = {name: value for name, value in dict(record.headers() or []).items() if isinstance(value, bytes)}
            found.append((record.value() or b"", headers))
    consumer.close()
    return found
