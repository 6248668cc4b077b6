"""The executor between a bus, an order management in memory and its journal: one outcome for each intent, wherever it stops."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace
from tests.order_path import Office, an_intent
from tests.unit.services.test_order_rpc import Front
from tests.waiting import settle, until

from tradepit.backends.bus.memory import MemoryBus, MemoryHub
from tradepit.backends.journal.memory import MemoryJournal
from tradepit.ports.bus import Channel, Message
from tradepit.runtime.order_client import OrderClient, RetryPolicy
from tradepit.services.order_events import OrderEvents
from tradepit.services.trade_executor import TradeExecutor
from tradepit.trading.model.errors import BadRequest, ConfigError, DuplicateId, OutcomeUnknown
from tradepit.trading.model.terms import Side
from tradepit.trading.risk.rules import load_rules
from tradepit.wire import platform as wire
from tradepit.wire.platform_codec import encode
from tradepit.wire.simulator import MARKET_TICK, rpc_subject

INTENT = wire.OrderIntent(
    intent_id="i1", bot_id="b1", account_id="A1", symbol="IF2501", side=Side.BUY, quantity=2, limit_price=Decimal(3900),
    type=wire.IntentType.LIMIT, sequence=1,
)  # fmt: skip
CHANNELS = (*wire.CHANNELS, wire.DEAD_INTENTS, MARKET_TICK)


class Room:
    """A bus, an order management that answers on it, and executors that come and go."""

    def __init__(self, front: Front) -> None:
        self.front, self.office = front, front.office
        self.bus = MemoryBus(MemoryHub(), channels=CHANNELS)
        self.heard: list[tuple[str, dict[str, Any]]] = []

    async def open(self) -> "Room":
        await self.bus.connect()
        await self.bus.serve(rpc_subject("order-management", "*"), self.front.doors.answer)
        for channel in (wire.ORDER_EVENTS, wire.RISK_ALERTS):
            await self.bus.subscribe(channel, self._hear)
        return self

    async def _hear(self, message: Message) -> None:
        self.heard.append((message.subject, json.loads(message.payload)))

    async def executor(self) -> TradeExecutor:
        client = OrderClient(self.bus, self.office.clock, policy=RetryPolicy(deadline_s=0.5), seed=1)
        events = OrderEvents(MemoryJournal(self.office.store), self.bus, self.office.clock)
        made = TradeExecutor(self.bus, self.office.clock, client, events, "trade-executor-1")
        await made.open()
        return made

    def kinds(self) -> list[str]:
        return [
            f"{name} {told[name]['intent_id']}" for _, told in self.heard for name in ("ack", "fill", "rejection") if name in told
        ]


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    office = Office(load_rules({"session_phase": False, "margin": False}))
    front = Front(office, await office.leader())
    yield await Room(front).open()
    await front.acting.stop()


def message(**changes: Any) -> Message:
    intent = replace(INTENT, **changes)
    return Message(subject=wire.intent_topic(intent.account_id, intent.bot_id), payload=encode(intent))


async def test_what_is_told_twice_or_under_one_number_is_one_order(room: Room) -> None:
    executor = await room.executor()
    for _ in range(3):
        await executor.do(message())
    await settle()
    await executor.do(message(intent_id="i2"))
    await settle()
    assert room.kinds() == ["ack i1", "rejection i2"]
    assert room.heard[-1][1]["rejection"]["reason"] == "DUPLICATE"
    assert Counter(room.office.venue.arrivals.values()) == {1: 1}
    with pytest.raises(DuplicateId):
        await executor.do(message(quantity=9))
    with pytest.raises(BadRequest):
        await executor.do(Message(subject="orders.intent.account.A1.b1", payload=b"{"))
    assert executor.figures()["repeated"] == 1
    await executor.close()


async def test_no_event_is_lost_or_told_twice_over_restarts(room: Room) -> None:
    executor = await room.executor()
    await executor.do(message())
    await settle()
    await executor.close()
    # Meanwhile things happen: a fill, a refusal, an order.
    room.office.venue.fill(("A1", "i1"), 1)
    for number, lots in ((2, 600), (3, 1)):
        intent = an_intent(number, lots=lots, bot="b1", sequence=number)
        with_refusal = room.front.acting.submit(intent)
        await asyncio.gather(with_refusal, return_exceptions=True)
    await settle()
    for _ in range(3):
        executor = await room.executor()
        await executor.do(message(intent_id="i9", limit_price=Decimal("3900.01"), sequence=9))
        await settle()
        await executor.close()
    assert sorted(room.kinds()) == ["ack c3", "ack i1", "fill i1", "rejection c2", "rejection i9"]
    ids = [told["correlation_id"] for _, told in room.heard]
    assert len(set(ids)) == len(ids)


async def test_protobuf_where_it_is_not_installed_is_buried(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise ConfigError("install tradepit[protobuf]")

    executor = await room.executor()
    body = encode(INTENT, wire.Encoding.PROTOBUF)
    monkeypatch.setattr("tradepit.wire.platform_codec._protobuf", missing)
    with pytest.raises(BadRequest):
        await executor.do(Message(subject="orders.intent.account.A1.b1", payload=body))
    await executor.close()


async def test_while_nobody_leads_nothing_is_acknowledged(room: Room) -> None:
    executor = await room.executor()
    room.front.active = False
    with pytest.raises(OutcomeUnknown):
        await executor.do(message())
    room.front.active = True
    await executor.do(message())
    await settle()
    assert room.kinds() == ["ack i1"]
    assert executor.problem() == ""
    await executor.close()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"type": wire.IntentType.STOP}, "INVALID_REQUEST"),
        ({"time_in_force": "SOMETIMES"}, "INVALID_REQUEST"),
        ({"annotations": {"offset": "SIDEWAYS"}}, "INVALID_REQUEST"),
        ({"sequence": 2**63}, "INVALID_REQUEST"),
        ({"symbol": "XX2501"}, "INSTRUMENT_NOT_FOUND"),
        ({"account_id": "nobody"}, "ACCOUNT_NOT_FOUND"),
        ({"annotations": {"offset": "close"}}, "OVER_CLOSE_POSITION"),
        ({"expires_at_ns": 1}, "STALE_INTENT"),
    ],
)
async def test_every_refusal_is_told_with_its_reason(changes: dict[str, Any], reason: str, room: Room) -> None:
    executor = await room.executor()
    for _ in range(2):
        await executor.do(message(**changes))
    await settle()
    told = [told["rejection"] for _, told in room.heard if "rejection" in told]
    assert [each["reason"] for each in told] == [reason]
    assert executor.figures()[f"orders_rejected_total__{reason}"]
    await executor.close()


async def test_an_exchange_that_does_not_answer_holds_up_nobody(room: Room) -> None:
    executor = await room.executor()
    for account in ("A1", "A2"):
        await room.front.acting.admit(account)
    room.office.broker.hold["submit"] = asyncio.Event()
    await executor.do_together([message(intent_id=f"i{number}", sequence=number) for number in range(1, 6)])
    await executor.do(message(account_id="A2", intent_id="j1"))
    await until(lambda: len(room.kinds()) == 6)
    assert room.kinds() == ["ack i1", "ack i2", "ack i3", "ack i4", "ack i5", "ack j1"]
    assert not room.office.venue.orders
    room.office.broker.hold["submit"].set()
    await until(lambda: len(room.office.venue.orders) == 6)
    await executor.close()


async def test_one_that_is_at_fault_is_found_among_others(room: Room) -> None:
    executor = await room.executor()
    await executor.do(message())
    several = [message(intent_id="i1", quantity=9), message(intent_id="i2", sequence=2), message(intent_id="i3", sequence=3)]
    with pytest.raises(DuplicateId):
        await executor.do_together(several)
    # Which one, the worker finds out one by one; the others are what they are.
    for each in several[1:]:
        await executor.do(each)
    await settle()
    assert room.kinds() == ["ack i1", "ack i2", "ack i3"]
    assert sorted(room.office.venue.arrivals.values()) == [1, 1, 1]
    await executor.close()


async def test_bots_are_told_by_account(room: Room) -> None:
    executor = await room.executor()
    await executor.do(message())
    await executor.do(message(intent_id="i2", bot_id="b2", side=Side.SELL, limit_price=Decimal(3910)))
    room.office.venue.fill(("A1", "i1"), 2)
    room.office.venue.fill(("A1", "i2"), 1)
    await settle()
    told = json.loads(await room.bus.request("rpc.trade-executor.bots", b'{"account":"A1"}', timeout_s=60))
    assert [(each["bot_id"], each["positions"][0]["lots"], each["unrealized"]) for each in told["bots"]] == [
        ("b1", 2, None), ("b2", -1, None),
    ]  # fmt: skip
    [one] = json.loads(await room.bus.request("rpc.trade-executor.bots", b'{"account":"A1","bot":"b2"}', timeout_s=60))["bots"]
    assert one["bot_id"] == "b2"
    bad = json.loads(await room.bus.request("rpc.trade-executor.bots", b'{"account":"a b"}', timeout_s=60))
    assert bad["error"] == "ID_NOT_VALID"
    await executor.close()


def test_the_channels_are_the_documents() -> None:
    assert {channel.subject for channel in CHANNELS if isinstance(channel, Channel)} >= {
        "orders.intent.account.*.*", "orders.event.account.*.*", "risk.alerts.account.*", "bot.commands.*",
    }  # fmt: skip
