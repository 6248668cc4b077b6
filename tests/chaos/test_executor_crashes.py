"""The trade executor and the leader killed again and again at random instants: one outcome for each intent, in each account's order."""

import asyncio
import json
from collections import defaultdict
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from msgspec.structs import replace
from tests.order_path import Office
from tests.patience import PATIENCE_S
from tests.unit.services.test_order_rpc import Front
from tests.unit.services.test_trade_executor import CHANNELS, INTENT

from tradepit.backends.bus.memory import MemoryBus, MemoryHub
from tradepit.backends.journal.memory import MemoryJournal
from tradepit.ports.bus import Message
from tradepit.runtime.clock import SystemClock
from tradepit.runtime.order_client import OrderClient, RetryPolicy
from tradepit.services.dead_letters import DeadLetters
from tradepit.services.group_worker import GroupWorker
from tradepit.services.order_events import OrderEvents
from tradepit.services.trade_executor import TradeExecutor, account_of
from tradepit.trading.risk.rules import load_rules
from tradepit.wire import platform as wire
from tradepit.wire.platform_codec import encode
from tradepit.wire.queues import QueueRoute
from tradepit.wire.simulator import rpc_subject

ACCOUNTS = ("A1", "A2", "A3")
RULES = load_rules(
    dict.fromkeys(("session_phase", "margin", "rate", "working_cap", "position_limit", "unknown_order", "freshness"), False)
)


class World:
    """A house in one process whose parts die without a word: what was in their hands comes again, what they knew is gone."""

    def __init__(self, seed: int) -> None:
        self.chance, self.hub, self.clock = Random(seed), MemoryHub(), SystemClock()
        self.office = Office(RULES)
        self.office.broker.accounts = set(ACCOUNTS)
        self.bus = MemoryBus(self.hub, channels=CHANNELS)
        self.sent: dict[str, list[str]] = defaultdict(list)
        self.acked: dict[str, list[str]] = defaultdict(list)
        self.refused: dict[str, str] = {}
        self.dead: list[Message] = []
        self.deaths = 0

    async def open(self) -> None:
        await self.bus.connect()
        await self.bus.subscribe(wire.ORDER_EVENTS, self._hear)
        await self.bus.subscribe(wire.DEAD_INTENTS, self._bury, group="look")
        self.front = Front(self.office, await self.office.leader())
        await self.bus.serve(rpc_subject("order-management", "*"), self._answer)
        await self.begin()

    async def close(self) -> None:
        await self.kill()
        await self.bus.close()
        await self.front.acting.stop()
        self._end_writer()

    async def _answer(self, message: Message) -> bytes:
        return await self.front.doors.answer(message)

    async def _hear(self, message: Message) -> None:
        told = json.loads(message.payload)
        if "ack" in told:
            self.acked[told["account_id"]].append(told["ack"]["intent_id"])
        elif "rejection" in told:
            self.refused[told["rejection"]["intent_id"]] = told["rejection"]["reason"]

    async def _bury(self, message: Message) -> None:
        self.dead.append(message)

    async def begin(self) -> None:
        """A new executor, which knows what the journal and the bus know."""
        self.member = MemoryBus(self.hub, channels=CHANNELS)
        await self.member.connect()
        client = OrderClient(self.member, self.clock, policy=RetryPolicy(deadline_s=0.5, attempt_timeout_s=0.1), seed=1)
        events = OrderEvents(MemoryJournal(self.office.store), self.member, self.clock)
        self.executor = TradeExecutor(self.member, self.clock, client, events, "trade-executor-1")
        self.worker = GroupWorker(
            wire.TRADE_EXECUTOR,
            "trade-executor-1",
            bus=self.member,
            route=route(wire.ORDER_INTENTS, wire.TRADE_EXECUTOR),
            dead_letters=DeadLetters(self.member, route(wire.DEAD_INTENTS, wire.DEAD_INTENTS.subject)),
            work=self.executor,
            clock=self.clock,
            hands=200,
            lane_of=account_of,
            lanes=2,
            most=8,
        )
        await self.worker.start()

    async def kill(self) -> None:
        """As SIGKILL does: nothing is finished, nothing more is sent or written."""
        self.deaths += 1
        await self.member.abandon()
        await self.executor._tasks.stop()
        await self.worker._rests.stop()

    async def depose(self) -> None:
        """The leader is gone in the middle of whatever it did; after a while another one leads."""
        self.deaths += 1
        self.front.active = False
        former = self.front.acting
        self._end_writer()
        await former.sending.stop()
        await former.stop()
        await asyncio.sleep(self.chance.choice((0.0, 0.02)))
        self.front.acting = await self.office.leader()
        self.front.active = True

    def _end_writer(self) -> None:
        writer = self.office.writer
        assert writer is not None
        assert writer._task is not None
        writer.fenced = True
        writer._task.cancel()

    async def send(self, number: int) -> None:
        account = self.chance.choice(ACCOUNTS)
        intent = replace(
            INTENT, intent_id=f"i{number}", account_id=account, bot_id=f"b{number % 2}", quantity=1, sequence=number,
            limit_price=Decimal(3900),
        )  # fmt: skip
        for _ in range(self.chance.choice((1, 1, 1, 2))):
            await self.bus.publish(wire.intent_topic(account, intent.bot_id), encode(intent))
        self.sent[account].append(intent.intent_id)


def route(channel: Any, queue: str) -> QueueRoute:
    return QueueRoute(channel=channel, exchange="", exchange_type="direct", queue=queue, bindings=(), routing_key="")


@pytest.mark.parametrize("seed", range(6))
async def test_every_intent_has_one_outcome_in_its_accounts_order(seed: int) -> None:
    world = World(seed)
    await world.open()
    total = 150
    for number in range(1, total + 1):
        await world.send(number)
        for _ in range(world.chance.choice((0, 0, 1, 5, 40))):
            await asyncio.sleep(0)
        if world.chance.random() < 0.08:
            await world.kill()
            await asyncio.sleep(world.chance.choice((0.0, 0.01)))
            await world.begin()
        elif world.chance.random() < 0.05:
            await world.depose()
    async with asyncio.timeout(PATIENCE_S):
        while sum(map(len, world.acked.values())) < total:  # noqa: ASYNC110 - bots have no event for it
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    assert world.deaths > 5
    assert world.acked == world.sent
    assert world.refused == {}
    assert world.dead == []
    # And at the exchange each order came once.
    assert set(world.office.venue.arrivals.values()) == {1}
    await world.close()
