"""The simulated broker: what each kind of answer, and no answer, means."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tradepit.backends.broker.simulated import SimulatedBroker
from tradepit.backends.bus.memory import MemoryBus, MemoryHub
from tradepit.ports.bus import Message
from tradepit.trading.model.account import Account
from tradepit.trading.model.errors import (
    OrderNotFound,
    OutcomeUnknown,
    PayloadTooLarge,
    StaleEpoch,
    TradepitError,
    Unavailable,
    VenueRefused,
)
from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.terms import Exchange, Offset, OrderStatus, OrderType, Side
from tradepit.trading.risk import review
from tradepit.wire import gateway as wire

INTENT = OrderIntent(
    client_order_id="c1",
    account="A",
    symbol="IF2501",
    exchange=Exchange.CFFEX,
    side=Side.BUY,
    offset=Offset.OPEN,
    order_type=OrderType.LIMIT,
    price_ticks=1,
    volume_lots=1,
)
APPROVED = review.Approved(INTENT, review._SEAL)
OPEN = Order(intent=INTENT, status=OrderStatus.OPEN, order_id="1", left_lots=1)

Answering = Callable[[str, object], Awaitable[list[dict[str, object]]]]


@pytest.fixture
async def bus() -> AsyncIterator[MemoryBus]:
    bus = MemoryBus(MemoryHub())
    await bus.connect()
    yield bus
    await bus.close()


async def answering(bus: MemoryBus, method: str, answer: object) -> list[dict[str, object]]:
    heard: list[dict[str, object]] = []

    async def respond(message: Message) -> bytes:
        heard.append(json.loads(message.payload))
        return answer if isinstance(answer, bytes) else wire.encode(answer)

    await bus.serve(f"rpc.trading-gateway.{method}", respond)
    return heard


async def test_an_order_carries_session_and_epoch(bus: MemoryBus) -> None:
    heard = await answering(bus, "send_order", wire.OrderReply(order=OPEN))
    assert await SimulatedBroker(bus, "oms").submit(APPROVED, epoch=7) == OPEN
    assert (heard[0]["session"], heard[0]["epoch"]) == ("oms", 7)


async def test_a_refused_order_is_a_rejected_order(bus: MemoryBus) -> None:
    await answering(bus, "send_order", {"error": "ORDER_FREQ_LIMIT", "message": "too many", "details": {}, "success": False})
    refused = await SimulatedBroker(bus, "oms").submit(APPROVED, epoch=1)
    assert (refused.status, refused.reason, refused.message) == (OrderStatus.REJECTED, "ORDER_FREQ_LIMIT", "too many")


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("STALE_EPOCH", StaleEpoch),
        ("SERVICE_UNAVAILABLE", Unavailable),
        ("OUTCOME_UNKNOWN", OutcomeUnknown),
        ("INTERNAL_ERROR", OutcomeUnknown),
        ("ORDER_NOT_FOUND", OrderNotFound),
        ("NOT_TRADING_PERIOD", VenueRefused),
    ],
)
async def test_an_error_of_a_cancel_is_raised_by_its_code(bus: MemoryBus, code: str, error: type[TradepitError]) -> None:
    await answering(bus, "cancel_order", {"error": code, "message": "no"})
    with pytest.raises(error) as caught:
        await SimulatedBroker(bus, "oms").cancel("A", "c1", epoch=1)
    assert type(caught.value) is error


@pytest.mark.parametrize("answer", [b"", b"\xff", b"[]", b"{}", b'{"order":3}'])
async def test_an_answer_that_cannot_be_read_leaves_the_outcome_unknown(bus: MemoryBus, answer: bytes) -> None:
    await answering(bus, "send_order", answer)
    with pytest.raises(OutcomeUnknown):
        await SimulatedBroker(bus, "oms").submit(APPROVED, epoch=1)


async def test_nobody_there_is_certainly_not_done(bus: MemoryBus) -> None:
    with pytest.raises(Unavailable):
        await SimulatedBroker(bus, "oms").submit(APPROVED, epoch=1)


async def test_queries_never_leave_anything_unknown(bus: MemoryBus) -> None:
    broker = SimulatedBroker(bus, "oms")
    await answering(bus, "query_order", {"error": "INTERNAL_ERROR", "message": "no"})
    await answering(bus, "account", wire.AccountReply(account=Account(account="A", pre_balance=Decimal(5))))
    await answering(bus, "positions", wire.PositionsReply())
    with pytest.raises(Unavailable):
        await broker.query("A", "c1")
    assert (await broker.account("A")).balance == 5
    assert await broker.positions("A") == []


def approved(name: str) -> review.Approved:
    return review.Approved(msgspec.structs.replace(INTENT, client_order_id=name), review._SEAL)


async def test_orders_of_one_turn_leave_in_one_message_and_each_gets_its_own_answer(bus: MemoryBus) -> None:
    refused = wire.OrderReply(error="ORDER_FREQ_LIMIT", message="too many")
    heard = await answering(bus, "send_orders", wire.OrderBatchReply(replies=[wire.OrderReply(order=OPEN), refused]))
    broker = SimulatedBroker(bus, "oms")
    first, second = await asyncio.gather(*(broker.submit(approved(name), epoch=7) for name in ("c1", "c2")))
    sent: Any = heard[0]["orders"]
    assert [order["intent"]["client_order_id"] for order in sent] == ["c1", "c2"]
    assert first == OPEN
    assert (second.client_order_id, second.status, second.reason) == ("c2", OrderStatus.REJECTED, "ORDER_FREQ_LIMIT")


@pytest.mark.parametrize(
    "answer",
    [wire.OrderBatchReply(replies=[wire.OrderReply(order=OPEN)]), b"}", {"error": "INTERNAL_ERROR", "message": "no"}],
    ids=["too few", "not JSON", "failed"],
)
async def test_a_batch_that_is_not_answered_order_by_order_leaves_all_unknown(bus: MemoryBus, answer: object) -> None:
    await answering(bus, "send_orders", answer)
    broker = SimulatedBroker(bus, "oms")
    outcomes = await asyncio.gather(*(broker.submit(approved(name), epoch=7) for name in ("c1", "c2")), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [OutcomeUnknown, OutcomeUnknown]


async def test_a_sender_of_a_batch_that_goes_away_leaves_the_others_their_answers(bus: MemoryBus) -> None:
    heard = await answering(bus, "send_orders", wire.OrderBatchReply(replies=[wire.OrderReply(order=OPEN)] * 2))
    broker = SimulatedBroker(bus, "oms")
    first, second = (asyncio.ensure_future(broker.submit(approved(name), epoch=7)) for name in ("c1", "c2"))
    first.cancel()
    assert await second == OPEN
    assert (first.cancelled(), len(heard)) == (True, 1)


async def test_a_broker_that_is_closed_leaves_unknown_what_is_on_its_way(bus: MemoryBus) -> None:
    asked, ends = asyncio.Event(), asyncio.Event()

    async def slow(message: Message) -> bytes:
        asked.set()
        await ends.wait()
        return b""

    await bus.serve("rpc.trading-gateway.send_order", slow)
    broker = SimulatedBroker(bus, "oms")
    answer = asyncio.ensure_future(broker.submit(APPROVED, epoch=7))
    await asked.wait()
    await broker.close()
    with pytest.raises(OutcomeUnknown):
        await answer
    ends.set()


@pytest.mark.parametrize("together", [True, False])
async def test_an_order_whose_message_the_bus_refuses_is_rejected(
    bus: MemoryBus, monkeypatch: pytest.MonkeyPatch, together: bool
) -> None:
    async def too_large(subject: str, payload: bytes, *, timeout_s: float) -> bytes:
        raise PayloadTooLarge

    monkeypatch.setattr(bus, "request", too_large)
    order = await SimulatedBroker(bus, "oms", together=together).submit(APPROVED, epoch=7)
    assert (order.status, order.reason) == (OrderStatus.REJECTED, PayloadTooLarge.code)


async def test_a_full_batch_leaves_and_the_next_one_begins(bus: MemoryBus) -> None:
    sizes: list[int] = []

    async def respond(message: Message) -> bytes:
        orders = json.loads(message.payload)["orders"]
        sizes.append(len(orders))
        return wire.encode(wire.OrderBatchReply(replies=[wire.OrderReply(order=OPEN)] * len(orders)))

    await bus.serve("rpc.trading-gateway.send_orders", respond)
    broker, count = SimulatedBroker(bus, "oms"), wire.MAX_BATCH_ORDERS + 2
    await asyncio.gather(*(broker.submit(approved(f"c{number}"), epoch=7) for number in range(count)))
    assert sizes == [wire.MAX_BATCH_ORDERS, 2]


async def test_orders_that_come_one_by_one_wait_for_nobody(bus: MemoryBus) -> None:
    heard = await answering(bus, "send_order", wire.OrderReply(order=OPEN))
    broker = SimulatedBroker(bus, "oms", together=False)
    await asyncio.gather(*(broker.submit(approved(name), epoch=7) for name in ("c1", "c2")))
    assert len(heard) == 2
