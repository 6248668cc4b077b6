"""The simulated broker: what each kind of answer, and no answer, means."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal

import pytest

from tradepit.backends.broker.simulated import SimulatedBroker
from tradepit.backends.bus.memory import MemoryBus, MemoryHub
from tradepit.ports.bus import Message
from tradepit.trading.model.account import Account
from tradepit.trading.model.errors import OrderNotFound, OutcomeUnknown, StaleEpoch, TradepitError, Unavailable, VenueRefused
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
