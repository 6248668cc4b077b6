"""The picture of the house: a fold of what is heard, bounded, and closed to garbage."""

import json
from typing import Any

import pytest
from tests.step_clock import StepClock
from tests.waiting import settle

from tradepit.backends.bus.memory import MemoryBus, MemoryHub
from tradepit.cli.watch_model import WatchModel
from tradepit.wire.simulator import CHANNELS

TICK: dict[str, Any] = {
    "symbol": "IF2501", "exchange": "CFFEX", "datetime": "2025-01-06T10:00:00+08:00", "trading_day": "20250106", "last_price": 3900.2,
    "volume": 1, "turnover": 1, "open_interest": 0, "open_price": 0, "high_price": 0, "low_price": 0, "limit_up": 4290, "limit_down": 3510,
    "pre_close": 3900, "pre_settlement": 3900, "bid_price_1": 3900, "bid_volume_1": 1, "ask_price_1": 3900.4, "ask_volume_1": 2,
}  # fmt: skip
ORDER: dict[str, Any] = {
    "symbol": "IF2501", "exchange": "CFFEX", "orderid": "V1", "type": "LIMIT", "direction": "LONG", "offset": "OPEN", "price": 3900,
    "volume": 2, "traded": 0, "status": "PENDING", "datetime": "2025-01-06T10:00:00+08:00", "reference": "", "client_order_id": "c1",
    "account": "A1", "trading_day": "20250106", "seq": 1,
}  # fmt: skip
TRADE: dict[str, Any] = {
    "symbol": "IF2501", "exchange": "CFFEX", "orderid": "V1", "tradeid": "T1", "direction": "LONG", "offset": "OPEN", "price": 3900,
    "volume": 2, "datetime": "2025-01-06T10:00:00+08:00", "client_order_id": "c1", "account": "A1", "trading_day": "20250106", "fee": 1,
    "seq": 2,
}  # fmt: skip


def beat(instance: str = "order-management-1", status: str = "ACTIVE", **metadata: object) -> dict[str, Any]:
    return {
        "serviceName": instance.rpartition("-")[0], "instanceId": instance, "version": "1", "status": status, "lastHeartbeat": "now",
        "metadata": metadata,
    }  # fmt: skip


class Screen:
    def __init__(self) -> None:
        self.clock, self.bus = StepClock(), MemoryBus(MemoryHub(), channels=CHANNELS)
        self.model = WatchModel(self.clock)

    async def tell(self, subject: str, body: Any) -> None:
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        await self.bus.publish(subject, payload)
        await settle(10)


@pytest.fixture
async def screen() -> Screen:
    made = Screen()
    await made.bus.connect()
    await made.model.connect(made.bus)
    return made


async def test_the_market_is_the_exchanges_book_and_the_ticks_are_counted(screen: Screen) -> None:
    await screen.tell("market.tick.IF2501", TICK)
    await screen.tell("market.depth.IF2501", TICK | {"last_price": 3901})
    await screen.tell("market.phase.IF2501", {"symbol": "IF2501", "phase": "BREAK", "time_ns": 1, "trading_day": 20250106})
    market = screen.model.markets["IF2501"]
    assert (market.tick is not None, market.depth is not None, market.phase, list(market.prices)) == (
        True,
        True,
        "BREAK",
        [3901.0],
    )
    assert screen.model.counts["ticks"] == 1


async def test_orders_and_trades_newest_first(screen: Screen) -> None:
    await screen.clock.advance(1)
    await screen.tell("orders.new", ORDER)
    await screen.tell("orders.filled", ORDER | {"status": "FILLED"})
    await screen.tell("trades.executed", TRADE)
    await screen.tell("trades.executed", TRADE | {"tradeid": "T2", "volume": 3})
    model = screen.model
    assert [order.status for order in model.orders] == ["FILLED", "PENDING"]
    assert [trade.tradeid for trade in model.trades] == ["T2", "T1"]
    assert (model.counts["orders"], model.counts["trades"], model.counts["lots"], model.first_trade_ns) == (
        1,
        2,
        5,
        1_000_000_000,
    )


async def test_the_leader_is_the_active_one_of_the_highest_epoch_heard_of_lately(screen: Screen) -> None:
    assert screen.model.leader() == ("", 0)
    await screen.tell("internal.heartbeat.order-management", beat("order-management-1", epoch=2))
    await screen.tell("internal.heartbeat.order-management", beat("order-management-2", epoch=3))
    await screen.tell("internal.heartbeat.order-management", beat("order-management-3", "STANDBY", epoch=9))
    assert screen.model.leader() == ("order-management-2", 3)
    await screen.clock.advance(6)
    assert screen.model.leader() == ("", 0)


@pytest.mark.parametrize("epoch", ["three", float("1e308"), True, ""])
async def test_a_strange_epoch_is_no_epoch(screen: Screen, epoch: object) -> None:
    await screen.tell("internal.heartbeat.order-management", beat("order-management-1", epoch=epoch))
    name, told = screen.model.leader()
    assert (name, told in (0, 1)) == ("order-management-1", True)


async def test_algorithms_and_alerts(screen: Screen) -> None:
    await screen.tell("algo.progress.t1", {"status": "RUNNING", "filled": 3})
    await screen.tell("risk.alerts.A1", b"too much lost \xff")
    assert screen.model.algos == {"t1": {"status": "RUNNING", "filled": 3}}
    assert screen.model.alerts[0].startswith("too much lost")


GARBAGE = [b"", b"{}", b"null", b"[]", b"\xff", b"[" * 50_000, b'{"symbol":"x"}', json.dumps(TICK | {"last_price": "NaN"}).encode(),
           json.dumps(TICK | {"pre_settlement": "Infinity"}).encode()]  # fmt: skip


@pytest.mark.parametrize("garbage", GARBAGE)
@pytest.mark.parametrize(
    "subject",
    [
        "market.tick.x",
        "market.depth.x",
        "market.phase.x",
        "orders.new",
        "trades.executed",
        "internal.heartbeat.x",
        "algo.progress.x",
    ],
)
async def test_garbage_is_counted_and_never_shown(screen: Screen, subject: str, garbage: bytes) -> None:
    await screen.tell(subject, garbage)
    model = screen.model
    harmless = subject.startswith("algo.") and garbage.startswith(b"{")
    assert model.counts["garbage"] == (0 if harmless else 1)
    assert (model.markets, len(model.orders), len(model.trades), model.instances) == ({}, 0, 0, {})


async def test_nothing_grows_without_bound(screen: Screen) -> None:
    for number in range(400):
        await screen.bus.publish("market.tick.x", json.dumps(TICK | {"symbol": f"S{number}"}).encode())
        await screen.bus.publish(f"algo.progress.t{number}", b"{}")
        await screen.bus.publish("internal.heartbeat.x", json.dumps(beat(f"x-{number}")).encode())
        await screen.bus.publish("trades.executed", json.dumps(TRADE).encode())
    await settle(3_000)
    model = screen.model
    assert (len(model.markets), len(model.algos), len(model.instances), len(model.trades)) == (64, 64, 256, 12)
    assert ("S399" in model.markets, "t399" in model.algos, "x-399" in model.instances) == (True, True, True)


async def test_closing_ends_hearing(screen: Screen) -> None:
    await screen.model.close()
    await screen.tell("orders.new", ORDER)
    assert screen.model.counts["orders"] == 0
