"""The bot platform seen from outside on a real Kafka: plain clients of Kafka send intents and hear what became of each."""

import asyncio
import json
import os
import re
import sys
import threading
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import nats
import pytest
import redis
from confluent_kafka import Consumer, Producer
from tests.house_under_test import STANDBYS, HouseUnderTest, settings_of
from tests.patience import PATIENCE_S
from tests.servers.kafka import KafkaServer
from tests.servers.postgres import PostgresServer
from tests.servers.valkey import ValkeyServer

from tradepit.config import Settings
from tradepit.trading.model.terms import Side
from tradepit.wire import platform as wire
from tradepit.wire.platform import Encoding
from tradepit.wire.platform_codec import encode

_HOW_TO = (Path(__file__).parents[2] / "docs" / "how-to" / "run-the-platform-on-kafka.md").read_text(encoding="utf-8")
_ANY = wire.OrderIntent(
    intent_id="i", bot_id="b1", account_id="A1", symbol="IF2501", side=Side.BUY, quantity=1, limit_price=Decimal(4490),
    type=wire.IntentType.LIMIT,
)  # fmt: skip
_BOT = '''
from tradepit.bots import BotBase

class Gatherer(BotBase):
    """Buys lot after lot until it holds three."""

    def on_start(self):
        pass

    def on_tick(self, market):
        if market.symbol == "IF2501" and market.quoted and market.position + sum(order.left for order in market.orders) < 3:
            yield {"symbol": "IF2501", "side": "buy", "qty": 1, "price": market.round(market.ask, 5)}
'''


class Outside:
    """A program that knows Kafka and the document's topics, and nothing of the house."""

    def __init__(self, server: KafkaServer) -> None:
        self._loop = asyncio.get_running_loop()
        quick = {"bootstrap.servers": server.address, "reconnect.backoff.max.ms": 500, "log_level": 2}
        self._producer = Producer({**quick, "enable.idempotence": True})
        self._consumer = Consumer(
            {**quick, "group.id": "outside", "auto.offset.reset": "earliest", "topic.metadata.refresh.interval.ms": 500}
        )
        self._consumer.subscribe([r"^orders\..*", r"^risk\.alerts\..*"])
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._listen)
        self.events: dict[str, list[tuple[str, dict[str, Any]]]] = defaultdict(list)
        self.topics: dict[str, str] = {}
        self.intents: list[dict[str, Any]] = []
        self.alerts: list[dict[str, Any]] = []
        self.dead: list[tuple[str, bytes]] = []
        self.heard = asyncio.Event()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()
        self._consumer.close()
        self._producer.flush(10)

    def send(self, encoding: Encoding = Encoding.JSON, **changes: Any) -> str:
        intent = msgspec.structs.replace(_ANY, **changes)
        self.raw(wire.intent_topic(intent.account_id, intent.bot_id), encode(intent, encoding), encoding.value, intent.account_id)
        return intent.intent_id

    def raw(self, topic: str, body: bytes, kind: str = "", key: str = "") -> None:
        self._producer.produce(topic, body, key=key or None, headers=[(wire.CONTENT_TYPE, kind)] if kind else None)
        self._producer.poll(0)

    def flush(self) -> None:
        self._producer.poll(0)

    async def until(self, *names: str, kinds: tuple[str, ...] = ("ack", "rejection")) -> None:
        await self.wait(lambda: all(any(kind in kinds for kind, _ in self.events[name]) for name in names))

    async def wait(self, done: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not done():
                self._producer.poll(0)
                self.heard.clear()
                await self.heard.wait()

    def kinds(self, name: str) -> list[str]:
        return [kind for kind, _ in self.events[name]]

    def _listen(self) -> None:
        while not self._ended.is_set():
            record = self._consumer.poll(0.1)
            if record is not None and record.error() is None:
                headers = {name: value for name, value in dict(record.headers() or []).items() if isinstance(value, bytes)}
                self._loop.call_soon_threadsafe(self._take, record.topic() or "", record.value() or b"", headers)

    def _take(self, topic: str, body: bytes, headers: dict[str, bytes]) -> None:
        if topic == "orders.dead_intents":
            self.dead.append((headers["x-reason"].decode(), body))
        elif topic.startswith("risk.alerts."):
            self.alerts.append(json.loads(body))
        elif topic.startswith("orders.event."):
            told = json.loads(body, parse_float=Decimal)
            kind = next(name for name in ("ack", "fill", "rejection", "cancel") if name in told)
            self.events[told[kind]["intent_id"]].append((kind, told[kind]))
            self.topics[told[kind]["intent_id"]] = topic
        elif topic.endswith(".first"):
            self.intents.append(json.loads(body))
        self.heard.set()


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    with KafkaServer(tmp_path_factory.mktemp("kafka")) as server:
        yield server


@asynccontextmanager
async def outside_of(server: KafkaServer) -> AsyncIterator[Outside]:
    outside = Outside(server)
    outside.start()
    try:
        yield outside
    finally:
        await asyncio.to_thread(outside.stop)


def on_kafka(server: KafkaServer) -> Settings:
    return msgspec.structs.replace(settings_of("A1", "B1", profile="platform"), platform_bus=server.url)


async def test_every_intent_has_one_outcome_though_kafka_is_killed(tmp_path: Path, kafka: KafkaServer) -> None:
    roles = ("trading-gateway", "order-management", "trade-executor")
    async with HouseUnderTest(tmp_path, on_kafka(kafka), only=roles, later=STANDBYS) as house, outside_of(kafka) as outside:
        await house.ready()
        outside.send(Encoding.PROTOBUF, intent_id="offer", bot_id="b2", account_id="B1", side=Side.SELL, sequence=1)
        outside.send(intent_id="lift", sequence=1)
        await outside.until("offer", "lift", kinds=("fill",))
        for name, topic in (("offer", "orders.event.account.B1.b2"), ("lift", "orders.event.account.A1.b1")):
            assert (outside.kinds(name), outside.topics[name]) == (["ack", "fill"], topic)
            [_, (_, fill)] = outside.events[name]
            assert (fill["filled_quantity"], fill["fill_price"]) == (1, Decimal(4490))

        # Told twice, told under the same number, too old, wrong, not to be read: each has its answer, and one only.
        for _ in range(2):
            outside.send(intent_id="resting", limit_price=Decimal(4300), sequence=2)
        outside.send(intent_id="renamed", limit_price=Decimal(4300), sequence=2)
        outside.send(intent_id="late", expires_at_ns=1, sequence=3)
        outside.send(intent_id="huge", quantity=10_000, sequence=5)
        outside.send(intent_id="lift", quantity=2, sequence=6)
        outside.raw("orders.intent.account.A1.b1", b'{"intent_id": "torn"')
        await outside.until("resting", "renamed", "late", "huge")
        reasons = {name: told[-1][1]["reason"] for name, told in outside.events.items() if told[-1][0] == "rejection"}
        assert reasons == {"renamed": "DUPLICATE", "late": "STALE_INTENT", "huge": "VOLUME_NOT_VALID"}
        await outside.wait(lambda: len(outside.dead) >= 2 and len(outside.alerts) >= 2)
        assert sorted(reason for reason, _ in outside.dead) == ["DUPLICATE_ID", "INVALID_REQUEST"]
        assert {alert["context"]["code"] for alert in outside.alerts} == {"STALE_INTENT", "VOLUME_NOT_VALID"}

        # Kill -9 of Kafka while intents come, then of the executor; every fifth intent is told twice.
        names = []
        for number in range(60):
            if number == 20:
                restarting = asyncio.create_task(_restart(kafka))
            if number == 40:
                assert house.kill("trade-executor-1")
            encoding = Encoding.PROTOBUF if number % 2 else Encoding.JSON
            for _ in range(1 + (number % 5 == 0)):
                name = outside.send(
                    encoding, intent_id=f"n{number}", quantity=1 + number % 3, limit_price=Decimal(4300), sequence=10 + number
                )
            names.append(name)
            await asyncio.sleep(0.02)
        await restarting
        await house.ready()
        await outside.until(*names)

        # A halt cancels what rests, and the bot hears of it.
        halt = {"scope": "bot:b1", "state": "HALTED", "who": "risk", "reason": "enough", "wait_ms": 10_000}
        halted = await house.orders("set_state", halt, timeout_s=PATIENCE_S)
        assert halted["checklist"]["still_working"] == []
        acked = [name for name in names if outside.kinds(name)[0] == "ack"]
        await outside.until("resting", *acked, kinds=("cancel",))
        await house.settled()
        for name in names:
            assert outside.kinds(name) in (["ack", "cancel"], ["rejection"]), (name, outside.events[name])
        assert len(acked) > len(names) / 2
        proof = await house.prove()
        assert proof.clean, proof.findings


async def test_the_how_to_starts_a_platform_on_which_bots_trade_over_kafka(tmp_path: Path, kafka: KafkaServer) -> None:
    (tmp_path / "bots").mkdir()
    (tmp_path / "bots" / "first.py").write_text(_BOT)
    with ValkeyServer() as valkey, redis.Redis.from_url(valkey.url) as cache, PostgresServer() as postgres:
        text = re.findall(r"```yaml\n(.*?)```", _HOW_TO, re.DOTALL)[0]
        text = text.replace("kafka://127.0.0.1:9092", kafka.url).replace("redis://127.0.0.1:6379/0", valkey.url)
        store = await postgres.create_database()
        text = re.sub(r"^store: .*$", f"store: {store}", text, flags=re.MULTILINE)
        (tmp_path / "platform.yaml").write_text(text)
        told = json.loads((await _tradepit(tmp_path, "doctor", "--json", "--config", "platform.yaml"))[1])
        seen = {finding["check"]: (finding["outcome"], finding["seen"]) for finding in told["findings"]}
        assert {seen["platform bus"][0], seen["cache"][0], seen["store"][0]} <= {"ok", "warn"}, seen
        assert kafka.address in seen["platform bus"][1]
        async with outside_of(kafka) as outside, _running(tmp_path):
            outside.raw("orders.intent.account.A1.mine", re.findall(r"echo '(.*?)'", _HOW_TO)[0].encode())

            def filled(bot: str) -> int:
                own = [told for name, told in outside.events.items() if outside.topics[name].endswith(f".A1.{bot}")]
                return sum(fill["filled_quantity"] for told in own for kind, fill in told if kind == "fill")

            await outside.wait(lambda: filled("first") == 3 and filled("mine") == 1)
            sent = {intent["intent_id"]: intent["sequence"] for intent in outside.intents}
            assert sorted(sent.values()) == list(range(1, len(sent) + 1))
            await _raise_alert(tmp_path)
            await outside.wait(lambda: any(alert["alert_id"] == "of-a-monitor" for alert in outside.alerts))
            stop = wire.BotCommandEnvelope(command_id="c1", bot_id="first", payload=wire.StopCommand(timeout_ns=20_000_000_000))
            outside.raw("bot.commands.first", encode(stop, Encoding.PROTOBUF))
            async with asyncio.timeout(PATIENCE_S):
                while _phase(cache) != "stopped" or await _rows(store) != {"first": 3, "mine": 1}:
                    outside.flush()
                    await asyncio.sleep(0.1)
        assert await _rows(store) == {"first": 3, "mine": 1}
        code, verdict = await _tradepit(tmp_path, "verify", "platform")
        assert code == 0, verdict


async def _raise_alert(folder: Path) -> None:
    """As a risk monitor does, on the house's own bus, whose address is in the note of the running house."""
    url = re.findall(r"^bus: (nats://\S+)$", (folder / ".tradepit" / "running.yaml").read_text(), re.MULTILINE)[0]
    told = {
        "alert_id": "of-a-monitor", "account": "A1", "rule": "loss", "scope": "account", "severity": "WARNING", "limit": 100,
        "value": 90, "trading_day": 20250106, "datetime": "2025-01-06T10:00:00Z", "instance": "risk-monitor-1",
    }  # fmt: skip
    async with await nats.connect(url) as client:
        await client.publish("risk.alerts.A1", json.dumps(told).encode())


async def _rows(store: str) -> dict[str, int]:
    """What each bot's executions in PostgreSQL come to."""
    connection = await asyncpg.connect(store.replace("+asyncpg", ""))
    try:
        found = await connection.fetch(
            "SELECT o.bot, sum(e.fill_qty) AS lots FROM orders o JOIN executions e ON e.order_id = o.id GROUP BY o.bot"
        )
    finally:
        await connection.close()
    return {row["bot"]: int(row["lots"]) for row in found}


def _phase(cache: redis.Redis) -> str:
    told = cache.get("bots.first.heartbeat")
    return str(json.loads(told)["phase"]) if isinstance(told, bytes) else ""


async def _tradepit(folder: Path, *words: str) -> tuple[int, bytes]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tradepit", *words, cwd=folder, stdout=asyncio.subprocess.PIPE
    )
    told, _ = await process.communicate()
    return process.returncode or 0, told


@asynccontextmanager
async def _running(folder: Path) -> AsyncIterator[None]:
    """``tradepit run --config platform.yaml``, ended in order: nothing of it is left."""
    ports = {f"TRADEPIT_{name}__PORT": "0" for name in ("MONITOR", "BOTS", "POWERSCREEN", "DATA_API", "RISK_API")}
    with (folder / "run.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tradepit", "run", "--config", "platform.yaml", cwd=folder, env=os.environ | ports, stderr=log
        )
        try:
            yield
        finally:
            process.terminate()
            code = await asyncio.wait_for(process.wait(), PATIENCE_S)
    assert code == 0, (folder / "run.log").read_text()
    assert not (folder / ".tradepit" / "running.yaml").exists()


async def _restart(server: KafkaServer) -> None:
    await asyncio.to_thread(server.kill)
    await asyncio.to_thread(server.start)
