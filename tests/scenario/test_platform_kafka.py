"""The bot platform seen from outside on a real Kafka: plain clients of Kafka send intents and hear what became of each."""

import asyncio
import json
import threading
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import Consumer, Producer
from tests.house_under_test import HouseUnderTest, settings_of
from tests.servers.kafka import KafkaServer

from tradepit.bots.live.settings import BotRow
from tradepit.config import BotsSettings, Settings
from tradepit.trading.model.terms import Side
from tradepit.wire import platform as wire
from tradepit.wire.platform import Encoding
from tradepit.wire.platform_codec import encode

PATIENCE_S = 60.0
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
        elif topic.endswith(".gatherer"):
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


def on_kafka(server: KafkaServer, bots: BotsSettings | None = None) -> Settings:
    return msgspec.structs.replace(
        settings_of("A1", "B1", profile="platform"), platform_bus=server.url, bots=bots or BotsSettings(port=0)
    )


async def test_every_intent_has_one_outcome_though_kafka_is_killed(tmp_path: Path, kafka: KafkaServer) -> None:
    roles = ("trading-gateway", "order-management", "trade-executor")
    async with HouseUnderTest(tmp_path, on_kafka(kafka), only=roles) as house, outside_of(kafka) as outside:
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
        halted = await house.orders("set_state", {"scope": "bot:b1", "state": "HALTED", "who": "risk", "reason": "enough"})
        assert halted["checklist"]["still_working"] == []
        acked = [name for name in names if outside.kinds(name)[0] == "ack"]
        await outside.until("resting", *acked, kinds=("cancel",))
        await house.settled()
        for name in names:
            assert outside.kinds(name) in (["ack", "cancel"], ["rejection"]), (name, outside.events[name])
        assert len(acked) > len(names) / 2
        proof = await house.prove()
        assert proof.clean, proof.findings


async def test_a_bot_trades_and_is_stopped_over_kafka(tmp_path: Path, kafka: KafkaServer) -> None:
    file = tmp_path / "gatherer.py"
    file.write_text(_BOT)
    bots = BotsSettings(rows=(BotRow(bot=str(file), bot_id="gatherer", account="A1"),), port=0)
    roles = ("trading-gateway", "order-management", "market-data", "trade-executor", "bot-runner")
    async with HouseUnderTest(tmp_path / "house", on_kafka(kafka, bots), only=roles) as house, outside_of(kafka) as outside:
        beats = await house.hear("internal.heartbeat.bot-runner")

        def filled() -> int:
            own = [told for name, told in outside.events.items() if outside.topics[name].endswith(".A1.gatherer")]
            return sum(fill["filled_quantity"] for told in own for kind, fill in told if kind == "fill")

        await outside.wait(lambda: filled() == 3)
        sent = {intent["intent_id"]: intent["sequence"] for intent in outside.intents}
        assert sorted(sent.values()) == list(range(1, len(sent) + 1))
        assert {name for name, told in outside.events.items() if told[0][0] == "ack"} >= set(sent) - _refused(outside)
        assert sum(row[3] for row in await house.venue_positions("A1")) == 3
        outside.raw("bot.commands.gatherer", b'{"type": "STOP", "timeout_ms": 20000}')

        async def stopped() -> bool:
            outside._producer.poll(0)
            return bool(beats) and json.loads(beats[-1].data)["metadata"].get("stopped") == 1

        await house.until(stopped, "the bot to be stopped")
        proof = await house.prove()
        assert proof.clean, proof.findings


def _refused(outside: Outside) -> set[str]:
    return {name for name, told in outside.events.items() if told[-1][0] == "rejection"}


async def _restart(server: KafkaServer) -> None:
    await asyncio.to_thread(server.kill)
    await asyncio.to_thread(server.start)
