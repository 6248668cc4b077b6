"""Orders as intents: what is published, what each outcome means, and what is told when nobody waits any more."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from tests.bot_house import BotHouse
from tests.patience import PATIENCE_S
from tests.waiting import settle

from tradepit.backends.bus.memory import MemoryBus, MemoryHub
from tradepit.bots.live.intent_taker import IntentRefused, IntentTaker
from tradepit.ports.bus import Message
from tradepit.trading.model.errors import BadRequest, OutcomeUnknown
from tradepit.wire import platform as wire
from tradepit.wire.platform_codec import encode, read_intent

_ID = "buyer-8ee3b9ee-7"


class Executor:
    """Answers intents as it is told, on a bus of the platform's topics."""

    def __init__(self) -> None:
        self.bus = MemoryBus(MemoryHub(), channels=wire.CHANNELS)
        self.seen: list[wire.OrderIntent] = []
        self.answers: list[wire.Happened] = []

    async def start(self) -> None:
        await self.bus.connect()
        await self.bus.subscribe(wire.ORDER_INTENTS, self._take, group="executor")

    async def _take(self, message: Message) -> None:
        self.seen.append(read_intent(message.payload, topic=message.subject, headers=message.headers))
        if self.answers:
            await self.tell(self.answers.pop(0))

    async def tell(self, happened: wire.Happened) -> None:
        event = wire.OrderEvent(event=happened, bot_id="buyer", account_id="A1")
        await self.bus.publish(wire.event_topic("A1", "buyer"), encode(event))


@pytest.fixture
async def executor() -> AsyncIterator[Executor]:
    made = Executor()
    await made.start()
    yield made
    await made.bus.close()


@pytest.fixture
async def taker(house: BotHouse, executor: Executor) -> IntentTaker:
    return IntentTaker(executor.bus, house.desk, house.clock, timeout_s=PATIENCE_S, resend_s=10)


def order(taker: IntentTaker, **more: Any) -> Any:
    told = {"side": "BUY", "symbol": "IF2501", "price": Decimal("4500.2"), "volume": 2, "account": "A1"}
    return taker.submit(**{**told, "client_order_id": _ID, "reference": "buyer", "timestamp_ns": 10**18, **more})


async def test_an_order_is_published_as_an_intent_that_goes_stale(executor: Executor, taker: IntentTaker) -> None:
    executor.answers = [wire.OrderIntentAck(intent_id=_ID)]
    await taker.start(lambda *told: None)
    assert (await order(taker, offset="CLOSE", order_type="FAK"))["client_order_id"] == _ID
    (intent,) = executor.seen
    assert (intent.intent_id, intent.bot_id, intent.account_id) == (_ID, "buyer", "A1")
    assert (intent.limit_price, intent.quantity, intent.time_in_force) == (Decimal("4500.2"), 2, "IOC")
    assert intent.annotations == {"offset": "CLOSE"}
    assert intent.expires_at_ns == 10**18 + 8 * 10**9


async def test_a_market_order_has_no_price(executor: Executor, taker: IntentTaker) -> None:
    executor.answers = [wire.ExecutionFill(intent_id=_ID, filled_quantity=2, fill_price=Decimal(4500))]
    await taker.start(lambda *told: None)
    await order(taker, price=None, order_type="MARKET")
    assert executor.seen[0].type is wire.IntentType.MARKET
    assert executor.seen[0].limit_price is None


async def test_a_refusal_has_its_code(executor: Executor, taker: IntentTaker) -> None:
    executor.answers = [wire.OrderRejection(intent_id=_ID, reason="LOSS_CAP")]
    await taker.start(lambda *told: None)
    with pytest.raises(IntentRefused) as refused:
        await order(taker)
    assert refused.value.reason_code == "LOSS_CAP"


async def test_without_an_answer_the_outcome_is_unknown_and_it_may_be_asked_again(executor: Executor, taker: IntentTaker) -> None:
    await taker.start(lambda *told: None)
    taker._timeout_s = 0.01
    with pytest.raises(OutcomeUnknown):
        await order(taker)
    taker._timeout_s = PATIENCE_S
    again = asyncio.create_task(order(taker))
    await settle()
    await executor.tell(wire.OrderIntentAck(intent_id=_ID))
    await again
    # The bus keeps what has one id once: the executor, when it comes to it, sees one intent.
    assert [intent.intent_id for intent in executor.seen] == [_ID]


async def test_a_refusal_that_comes_after_the_acknowledgement_is_told(executor: Executor, taker: IntentTaker) -> None:
    told: list[tuple[str, ...]] = []
    executor.answers = [wire.OrderIntentAck(intent_id=_ID)]
    await taker.start(lambda *what: told.append(what))
    await order(taker)
    await executor.tell(wire.OrderRejection(intent_id=_ID, reason="NOT_SENT"))
    await settle()
    assert told == [("A1", _ID, "NOT_SENT")]
    await taker.stop()
    await executor.tell(wire.OrderRejection(intent_id=_ID, reason="NOT_SENT"))
    await settle()
    assert len(told) == 1


async def test_what_is_no_event_is_counted_and_passed_over(executor: Executor, taker: IntentTaker) -> None:
    await taker.start(lambda *told: None)
    await executor.bus.publish(wire.event_topic("A1", "buyer"), b"{")
    executor.answers = [wire.OrderIntentAck(intent_id=_ID)]
    await order(taker)
    assert taker.unreadable == 1


async def test_an_order_type_that_intents_do_not_know_is_refused(executor: Executor, taker: IntentTaker) -> None:
    with pytest.raises(BadRequest):
        await order(taker, price=None, order_type="ATO")
    assert executor.seen == []


async def test_cancels_and_questions_go_to_order_management(house: BotHouse, taker: IntentTaker) -> None:
    house.desk.fills = False
    await house.desk.submit(side="BUY", symbol="IF2501", price=Decimal(4500), volume=1, account="A1", client_order_id="o-1")
    assert await taker.cancel(account="A1", client_order_id="o-1") == {"success": True}
    rows = (await taker.call("orders", {"account": "A1"}))["orders"]
    assert isinstance(rows, list)
    assert [row["status"] for row in rows] == ["CANCELLED"]
