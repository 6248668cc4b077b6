"""A bot's orders on the queues of a broker connect: on record, refused, unknown; and what is answered when somebody asks."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from tests.step_clock import StepClock
from tests.tq_house import FakeRows
from tests.waiting import settle

from tradepit.backends.bus.memory import MemoryBus, MemoryHub
from tradepit.backends.cache.memory import MemoryCache, MemoryCacheStore
from tradepit.bots.engine import TqBrokerClient
from tradepit.bots.live.engine_taker import EngineRefused, EngineTaker
from tradepit.runtime.ids import IdSequence
from tradepit.trading.model.errors import BadRequest, OutcomeUnknown
from tradepit.trading.orders.order_record import OrderEvent, OrderUpdate
from tradepit.wire import tq
from tradepit.wire.tq_requests import Cancel, Submit, read_request

_ID = "trend-0a1b2c3d-1"


class Connect:
    """Queues, and rows that the test writes as the connect's services would."""

    def __init__(self) -> None:
        self.contract, self.clock, self.rows = tq.contract("7"), StepClock(10**18), FakeRows()
        self.bus = MemoryBus(MemoryHub(), channels=self.contract.channels)
        cache = MemoryCache(MemoryCacheStore(), self.clock)
        client = TqBrokerClient(
            self.bus, cache, self.rows, self.clock, contract=self.contract, portfolio_id="7", new_id=IdSequence("e")
        )
        self.taker = EngineTaker(client, self.clock, code_of=lambda symbol: f"CFFEX.{symbol}", timeout_s=2.0)

    async def published(self, route: str) -> object:
        message = await self.bus.last(getattr(self.contract, route).channel)
        assert message is not None
        return read_request(message.payload)

    async def keep(self, *, left: int = 2, finished: bool = False, kinds: tuple[str, ...] = (), reason: str = "") -> None:
        status = "FINISHED" if finished else "ALIVE"
        update = OrderUpdate(
            order_id=_ID, portfolio_id="7", symbol="CFFEX.IF2501", side="BUY", offset="OPEN", status=status, finished=finished,
            volume_lots=2, left_lots=left, filled_lots=2 - left, limit_price=Decimal(4500),
        )  # fmt: skip
        await self.rows.keep([update], self._events(kinds, reason))

    async def refuse(self, reason: str) -> None:
        """A request that never became an order leaves its event only."""
        await self.rows.keep([], self._events(("REJECTED",), reason))

    def _events(self, kinds: tuple[str, ...], reason: str) -> list[OrderEvent]:
        body = b'{"event_type": "REJECTED", "reason": "%b"}' % reason.encode()
        return [OrderEvent(order_id=_ID, portfolio_id="7", kind=kind, body=body) for kind in kinds]

    def submit(self, **more: Any) -> "asyncio.Task[dict[str, object]]":
        told = {"side": "BUY", "symbol": "IF2501", "price": Decimal(4500), "volume": 2, "account": "A1", "client_order_id": _ID}
        return asyncio.ensure_future(self.taker.submit(**{**told, **more}))

    async def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds / 0.1)):
            await self.clock.advance(0.1)
            await settle()


@pytest.fixture
async def connect() -> Connect:
    made = Connect()
    await made.bus.connect()
    return made


async def test_an_order_is_published_and_waited_for(connect: Connect) -> None:
    asking = connect.submit(offset="CLOSE")
    await settle()
    order = await connect.published("submit")
    assert isinstance(order, Submit)
    assert (order.order_id, order.limit_price, order.volume_lots) == (_ID, Decimal(4500), 2)
    await connect.pass_time(0.5)
    assert not asking.done()
    await connect.keep()
    await connect.pass_time(0.5)
    assert (await asking)["client_order_id"] == _ID


async def test_a_refusal_has_the_code_of_its_event(connect: Connect) -> None:
    asking = connect.submit()
    await connect.refuse("OVER_CLOSE_POSITION")
    await connect.pass_time(0.5)
    with pytest.raises(EngineRefused) as refused:
        await asking
    assert refused.value.reason_code == "OVER_CLOSE_POSITION"
    assert (await _row(connect))["status"] == "REJECTED"


async def test_what_is_on_no_record_is_unknown_and_not_refused(connect: Connect) -> None:
    asking = connect.submit()
    await connect.pass_time(2.5)
    with pytest.raises(OutcomeUnknown):
        await asking
    assert (await _row(connect))["status"] == "UNKNOWN"


@pytest.mark.parametrize(
    ("kept", "status", "traded"),
    [
        ({}, "PENDING", 0),
        ({"left": 1}, "PARTIAL", 1),
        ({"left": 0, "finished": True}, "FILLED", 2),
        ({"left": 1, "finished": True}, "CANCELLED", 1),
        ({"finished": True, "kinds": ("CANCELLED",)}, "CANCELLED", 0),
        ({"finished": True, "kinds": ("REJECTED",), "reason": "NO_MONEY"}, "REJECTED", 0),
    ],
)
async def test_an_order_on_record_is_told(connect: Connect, kept: dict[str, Any], status: str, traded: int) -> None:
    await connect.keep(**kept)
    row = await _row(connect)
    assert (row["status"], row["traded"], row["reason"]) == (status, traded, kept.get("reason", ""))
    everything = (await connect.taker.call("orders", {"account": "A1"}))["orders"]
    assert isinstance(everything, list)
    assert [each["client_order_id"] for each in everything] == [_ID]


async def test_cancels_are_published(connect: Connect) -> None:
    await connect.taker.cancel(account="A1", client_order_id=_ID)
    assert await connect.published("cancel") == Cancel(order_id=_ID, portfolio_id="7", sent_ns=10**18)


async def test_what_the_queues_do_not_know_is_refused_before_it_is_published(connect: Connect) -> None:
    with pytest.raises(BadRequest):
        await connect.submit(order_type="FAK")
    with pytest.raises(BadRequest):
        await connect.taker.call("positions", {})
    assert await connect.bus.last(connect.contract.submit.channel) is None


async def _row(connect: Connect) -> dict[str, Any]:
    rows = (await connect.taker.call("orders", {"client_order_id": _ID}))["orders"]
    assert isinstance(rows, list)
    return dict(rows[0])
