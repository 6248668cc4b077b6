"""The engine's client publishes what the documents show, refuses before it publishes, and reads what the services keep."""

import json
from decimal import Decimal

import pytest
from tests.tq_house import FakeRows

from tradepit.backends.bus.memory import MemoryBus, MemoryHub
from tradepit.backends.cache.memory import MemoryCache, MemoryCacheStore
from tradepit.bots.engine import TqBrokerClient
from tradepit.runtime.clock import ManualClock
from tradepit.runtime.ids import IdSequence
from tradepit.trading.model.errors import BadRequest, IdNotValid, InternalError
from tradepit.trading.orders.order_record import OrderEvent
from tradepit.wire import tq, tq_flat
from tradepit.wire.tq_requests import Submit, read_request

SENT_NS = 1_766_053_800_000_000_000
RB = "SHFE.rb2505"


class Engine:
    def __init__(self, contract: tq.TqContract) -> None:
        self.bus = MemoryBus(MemoryHub(), channels=contract.channels)
        self.clock = ManualClock(SENT_NS)
        self.cache = MemoryCache(MemoryCacheStore(), self.clock)
        self.rows = FakeRows()
        self.contract = contract
        self.client = TqBrokerClient(
            self.bus, self.cache, self.rows, self.clock, contract=contract, portfolio_id="7", new_id=IdSequence("e")
        )

    async def last(self, route: str) -> bytes:
        message = await self.bus.last(getattr(self.contract, route).channel)
        return message.payload if message is not None else b""


async def engine(contract: tq.TqContract) -> Engine:
    made = Engine(contract)
    await made.bus.connect()
    await made.cache.connect()
    return made


async def test_enveloped_orders_and_cancels() -> None:
    told = await engine(tq.contract("7"))
    assert await told.client.submit(RB, "BUY", "OPEN", 10, Decimal("3500.0"), order_id="mine") == "mine"
    assert await told.last("submit") == (
        b'{"type": "SUBMIT", "request_id": "e1", "timestamp": "2025-12-18T10:30:00Z", "payload": {"symbol": "SHFE.rb2505", '
        b'"direction": "BUY", "offset": "OPEN", "volume": 10, "limit_price": 3500.0, "order_id": "mine", "portfolio_id": "7"}}'
    )
    await told.client.cancel("mine")
    assert json.loads(await told.last("cancel"))["payload"] == {"order_id": "mine", "portfolio_id": "7"}
    assert await told.client.submit(RB, "SELL", "CLOSE", 1) == "e3"
    assert b"limit_price" not in await told.last("submit")


async def test_flat_orders_and_cancels() -> None:
    told = await engine(tq_flat.contract("7"))
    await told.client.submit(RB, "BUY", "OPEN", 1, 3500)
    order = read_request(await told.last("submit"))
    assert isinstance(order, Submit)
    assert (order.order_id, order.limit_price) == ("e1", Decimal("3500.0"))
    assert list(json.loads(await told.last("submit"))) == [
        "symbol", "direction", "offset", "volume", "limit_price", "order_id", "portfolio_id",
    ]  # fmt: skip
    await told.client.cancel("e1")
    assert json.loads(await told.last("cancel"))["action"] == "CANCEL"


async def test_what_cannot_be_is_refused_before_it_is_published() -> None:
    told = await engine(tq.contract("7"))
    with pytest.raises(BadRequest):
        await told.client.submit("rb2505", "BUY", "OPEN", 1)
    with pytest.raises(BadRequest):
        await told.client.submit(RB, "BUY", "OPEN", "1")  # type: ignore[arg-type]  # the point of the test
    with pytest.raises(IdNotValid):
        await told.client.cancel("no id")
    assert await told.last("submit") == b""
    assert await told.last("cancel") == b""


async def test_nothing_known_is_none_and_what_is_kept_is_read() -> None:
    told = await engine(tq.contract("7"))
    client = told.client
    assert (await client.position(RB), await client.breakdown(RB), await client.account()) == (None, None, None)
    assert await client.order("o1") is None
    assert await client.events("o1") == []
    await told.cache.put(tq.position_key("7", RB), b"-3", ttl_s=60)
    await told.cache.put(
        tq.breakdown_key("7", RB),
        b'{"pos_long_today":0,"pos_long_his":0,"pos_short_today":1,"pos_short_his":2,"pos_long":0,"pos_short":3}',
        ttl_s=60,
    )
    await told.cache.put(tq.account_key("7"), b'{"balance":', ttl_s=60)
    await told.rows.keep([], [OrderEvent(order_id="o1", portfolio_id="7", kind="REJECTED", body=b"{}")])
    assert await client.position(RB) == -3
    breakdown = await client.breakdown(RB)
    assert breakdown is not None
    assert breakdown.pos_short_his == 2
    with pytest.raises(InternalError):
        await client.account()
    await told.cache.put(tq.position_key("7", RB), b"three", ttl_s=60)
    with pytest.raises(InternalError):
        await client.position(RB)
    assert [event.kind for event in await client.events("o1")] == ["REJECTED"]
