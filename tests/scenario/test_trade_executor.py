"""Bots seen from outside on a real NATS server: intents in JSON and protobuf go in, one explained outcome for each comes out."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from nats.js import JetStreamContext
from tests.house_under_test import HouseUnderTest, settings_of
from tests.patience import PATIENCE_S

from tradepit.trading.model.terms import Side
from tradepit.wire import platform as wire
from tradepit.wire.platform import Encoding
from tradepit.wire.platform_codec import encode

ROLES = ("trading-gateway", "order-management", "trade-executor")
_ANY = wire.OrderIntent(
    intent_id="i", bot_id="b1", account_id="A1", symbol="IF2501", side=Side.BUY, quantity=1, limit_price=Decimal(4490),
    type=wire.IntentType.LIMIT,
)  # fmt: skip


class Bots:
    """Sends intents and hears everything that is told on the platform's topics."""

    def __init__(self, house: HouseUnderTest) -> None:
        self.house, self.js = house, house.client.jetstream()
        self.events: dict[str, list[tuple[str, dict[str, Any]]]] = defaultdict(list)
        self.explained: dict[str, str] = {}
        self.alerts: list[dict[str, Any]] = []
        self.dead: list[tuple[str, bytes]] = []
        self.heard = asyncio.Event()

    async def listen(self) -> "Bots":
        async def event(message: Any) -> None:
            told = json.loads(message.data, parse_float=Decimal)
            kind = next(name for name in ("ack", "fill", "rejection", "cancel") if name in told)
            self.events[told[kind]["intent_id"]].append((kind, told[kind]))
            if "x-detail" in (message.headers or {}):
                self.explained[told[kind]["intent_id"]] = message.headers["x-detail"]
            self.heard.set()

        async def alert(message: Any) -> None:
            self.alerts.append(json.loads(message.data))
            self.heard.set()

        async def dead(message: Any) -> None:
            self.dead.append((next(value for name, value in message.headers.items() if name.endswith("reason")), message.data))
            self.heard.set()

        client = self.house.client
        await client.subscribe("orders.event.account.>", cb=event)
        await client.subscribe("risk.alerts.account.*", cb=alert)
        await client.subscribe("orders.dead_intents", cb=dead)
        return self

    async def send(self, encoding: Encoding = Encoding.JSON, **changes: Any) -> str:
        intent = msgspec.structs.replace(_ANY, **changes)
        body, topic = encode(intent, encoding), wire.intent_topic(intent.account_id, intent.bot_id)
        await self.raw(topic, body, {wire.CONTENT_TYPE: encoding.value})
        return intent.intent_id

    async def raw(self, topic: str, body: bytes, headers: dict[str, str] | None = None) -> None:
        js: JetStreamContext = self.js
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    await js.publish(topic, body, headers=headers, timeout=2)
                except Exception:  # noqa: BLE001 - a server that is busy is asked again: an intent told twice is one
                    await asyncio.sleep(0.05)
                else:
                    return

    async def until(self, *names: str, kinds: tuple[str, ...] = ("ack", "rejection")) -> None:
        def missing() -> list[str]:
            return [name for name in names if not any(kind in kinds for kind, _ in self.events[name])]

        await self.wait(lambda: not missing(), lambda: f"{kinds} of {missing()}")

    async def wait(self, done: Callable[[], bool], what: Callable[[], object]) -> None:
        """Wait for what must come, as long as there is news; ``what`` says what is missing."""
        while not done():
            self.heard.clear()
            try:
                await asyncio.wait_for(self.heard.wait(), PATIENCE_S)
            except TimeoutError:
                raise AssertionError(f"waited in vain for {what()}") from None

    def kinds(self, name: str) -> list[str]:
        return [kind for kind, _ in self.events[name]]


async def test_every_intent_has_one_explained_outcome_whoever_is_killed(tmp_path: Path) -> None:
    settings = settings_of("A1", "B1", profile="pit")
    async with HouseUnderTest(tmp_path, settings, only=ROLES) as house:
        await house.ready()
        bots = await Bots(house).listen()

        # A trade between two bots, one writing JSON, one protobuf.
        await bots.send(Encoding.PROTOBUF, intent_id="offer", bot_id="b2", account_id="B1", side=Side.SELL, sequence=1)
        await bots.send(intent_id="lift", sequence=1)
        await bots.until("offer", "lift", kinds=("fill",))
        for name, side in (("offer", "b2"), ("lift", "b1")):
            assert bots.kinds(name) == ["ack", "fill"], side
            [_, (_, fill)] = bots.events[name]
            assert (fill["filled_quantity"], fill.get("remaining_quantity", 0), fill["fill_price"]) == (1, 0, Decimal(4490))

        for account, bot, lots in (("B1", "b2", -1), ("A1", "b1", 1)):
            [held] = (await house.rpc("rpc.trade-executor.bots", {"account": account}))["bots"]
            assert (held["bot_id"], held["positions"]) == (bot, [{"symbol": "IF2501", "lots": lots}])
            assert held["fees"] > 0

        # Told twice, told under the same number, too old, wrong, not to be read: each has its answer, and one only.
        for _ in range(2):
            await bots.send(intent_id="resting", limit_price=Decimal(4300), sequence=2)
        await bots.send(intent_id="renamed", limit_price=Decimal(4300), sequence=2)
        await bots.send(intent_id="late", expires_at_ns=1, sequence=3)
        await bots.send(intent_id="off-tick", limit_price=Decimal("4300.07"), sequence=4)
        await bots.send(intent_id="stop", type=wire.IntentType.STOP, sequence=4)
        await bots.send(intent_id="huge", quantity=10_000, sequence=5)
        await bots.send(intent_id="lift", quantity=2, sequence=6)
        await bots.raw("orders.intent.account.A1.b1", b'{"intent_id": "torn"')
        await bots.until("resting", "renamed", "late", "off-tick", "stop", "huge")
        reasons = {name: told[-1][1].get("reason") for name, told in bots.events.items() if told[-1][0] == "rejection"}
        assert reasons == {
            "renamed": "DUPLICATE", "late": "STALE_INTENT", "off-tick": "PRICE_WRONG_TICK", "stop": "INVALID_REQUEST",
            "huge": "VOLUME_NOT_VALID",
        }  # fmt: skip
        assert all(told[-1][1]["rejected_at"] for told in bots.events.values() if told[-1][0] == "rejection")
        assert bots.explained["stop"] == "INVALID_REQUEST: stop orders are not taken (type=STOP)"
        assert set(bots.explained) == {"renamed", "off-tick", "stop"}
        await bots.wait(lambda: len(bots.dead) >= 2 and len(bots.alerts) >= 2, lambda: (bots.dead, bots.alerts))
        assert sorted(reason for reason, _ in bots.dead) == ["DUPLICATE_ID", "INVALID_REQUEST"]
        assert {alert["context"]["code"] for alert in bots.alerts} == {"STALE_INTENT", "VOLUME_NOT_VALID"}

        # Kill -9 of the leader, then of the executor, while intents come; every fifth is told twice.
        names = []
        for number in range(60):
            if number == 20:
                assert house.kill(await house.leader())
            if number == 40:
                assert house.kill("trade-executor-1")
            encoding = Encoding.PROTOBUF if number % 2 else Encoding.JSON
            for _ in range(1 + (number % 5 == 0)):
                name = await bots.send(
                    encoding, intent_id=f"n{number}", quantity=1 + number % 3, limit_price=Decimal(4300), sequence=10 + number
                )
            names.append(name)
            await asyncio.sleep(0.01)
        await house.ready()
        await bots.until(*names)

        # A halt cancels what rests, and the bot hears by whom.
        halt = {"scope": "bot:b1", "state": "HALTED", "who": "risk", "reason": "enough", "wait_ms": 10_000}
        halted = await house.orders("set_state", halt, timeout_s=PATIENCE_S)
        assert halted["checklist"]["still_working"] == []
        acked = [name for name in names if bots.kinds(name)[0] == "ack"]
        await bots.until("resting", *acked, kinds=("cancel", "rejection"))
        assert bots.kinds("resting") == ["ack", "cancel"]
        # What the leader that was killed had journaled and not sent: the exchange never got it.
        unsent = [name for name in acked if bots.kinds(name)[-1] == "rejection"]
        assert all(bots.events[name][-1][1]["reason"] == "NOT_SENT" for name in unsent)
        assert {bots.events[name][-1][1]["initiated_by"] for name in acked if name not in unsent} == {"risk"}
        await bots.send(intent_id="after", sequence=100)
        await bots.until("after")
        [(_, after)] = bots.events["after"]
        assert (after["reason"], after["category"]) == ("TRADING_HALTED", "INSTRUMENT_HALTED")

        await house.settled()
        for name in names:
            expected = (["ack", "rejection"],) if name in unsent else (["ack", "cancel"], ["rejection"])
            assert bots.kinds(name) in expected, (name, bots.events[name])
        assert len(unsent) < 10
        assert len(acked) > len(names) / 2
        proof = await house.prove()
        assert proof.clean, proof.findings


async def test_many_accounts_at_once_keep_their_order_over_kills(tmp_path: Path) -> None:
    accounts, per_account = [f"M{number}" for number in range(1, 13)], 60
    settings = settings_of(*accounts, profile="pit")
    async with HouseUnderTest(tmp_path, settings, only=ROLES) as house:
        await house.ready()
        bots = await Bots(house).listen()
        acked: dict[str, list[str]] = defaultdict(list)

        async def order_of(message: Any) -> None:
            told = json.loads(message.data)
            if "ack" in told:
                acked[told["account_id"]].append(told["ack"]["intent_id"])

        await house.client.subscribe("orders.event.account.>", cb=order_of)
        sent: dict[str, list[str]] = defaultdict(list)
        for number in range(1, per_account + 1):
            for account in accounts:
                # Two bots of one account, each with numbers of its own.
                bot = f"b{number % 2}"
                name = await bots.send(
                    intent_id=f"{account}-{number}", account_id=account, bot_id=bot, limit_price=Decimal(4300), sequence=number
                )
                sent[account].append(name)
            if number == per_account // 3:
                assert house.kill("trade-executor-1")
                house.house.revive()
            if number == 2 * per_account // 3:
                assert house.kill(await house.leader())
        await house.ready()
        await bots.until(*(name for names in sent.values() for name in names))
        await bots.wait(lambda: sum(map(len, acked.values())) >= per_account * len(accounts), lambda: acked)
        # Nothing refused, nothing overtaken, nothing twice: the bots' own numbers would tell.
        assert acked == sent
        assert all(bots.kinds(name) == ["ack"] for names in sent.values() for name in names)
        await house.settled()
        proof = await house.prove()
        assert proof.clean, proof.findings
