"""The doors: queries, prices, time and statements over the bus."""

from typing import TYPE_CHECKING

import msgspec

from tradepit.trading.model.order import Order
from tradepit.trading.model.terms import OrderStatus, Side

if TYPE_CHECKING:
    from tests.unit.services.conftest import House

TEN = 1_736_128_800_000_000_000  # 2025-01-06 10:00 in China
SECOND = 1_000_000_000
PRICE = 19_500


async def test_ticks_drive_the_time_and_each_is_judged_for_itself(house: "House") -> None:
    await house.start()
    good, bad, far = house.tick(TEN + SECOND), house.tick(TEN + 2 * SECOND, bid=1), house.tick(TEN + 400 * 86_400 * SECOND)
    garbage = {"symbol": "IF2501"}
    answer = await house.ask("update_prices", {"ticks": [good, bad, far, garbage, house.tick(TEN + 3 * SECOND)]})
    assert answer["accepted"] == 2
    assert [(item["index"], item["code"]) for item in answer["refused"]] == [
        (1, "TICK_NOT_VALID"),
        (2, "INVALID_REQUEST"),
        (3, "INVALID_REQUEST"),
    ]
    assert house.clock.now_ns() == TEN + 3 * SECOND
    depth = await house.ask("depth", {"symbol": "IF2501"})
    assert (depth["bids"], depth["asks"]) == ([[PRICE - 5, 5]], [[PRICE + 5, 5]])
    assert (depth["tick"]["bids"], depth["tick"]["symbol"]) == (depth["bids"], "IF2501")
    bought = await house.send(house.order(1, price=PRICE + 5, lots=2))
    assert (bought["order"]["status"], bought["order"]["updated_ns"]) == ("FILLED", TEN + 3 * SECOND)
    assert (await house.ask("advance_time", {"now_ns": TEN + 60 * SECOND}))["now_ns"] == TEN + 60 * SECOND
    assert (await house.ask("advance_time", {"now_ns": TEN + 10**18}))["error"] == "INVALID_REQUEST"


async def test_a_day_passes_and_the_account_gets_its_statement(house: "House") -> None:
    gateway = await house.start()
    await house.trade(rounds=1)
    assert "statement" not in await house.ask("statement", {"account": "A"})
    await house.ask("advance_time", {"now_ns": TEN + 8 * 3600 * SECOND})
    assert (await house.ask("statement", {"account": "A"}))["statement"]["trading_day"] == 20250106
    assert (await house.ask("query_order", {"account": "A", "client_order_id": "cb1"}))["order"]["status"] == "EXPIRED"
    assert (await house.ask("status"))["trading_day"] == 20250107
    await house.kill(gateway)
    await house.start()
    assert (await house.ask("statement", {"account": "A"}))["statement"]["trading_day"] == 20250106


async def test_queries_tell_orders_money_positions_and_instruments(house: "House") -> None:
    await house.start()
    await house.trade(rounds=3)
    page = await house.ask("orders", {"account": "A", "limit": 2})
    assert (len(page["orders"]), page["total"]) == (2, 3)
    active = await house.ask("orders", {"account": "A", "active": True})
    assert active["total"] == sum(msgspec.convert(one, Order).active for one in active["orders"]) > 0
    client = house.broker()
    assert (await client.account("A")).margin > 0
    assert [(position.side, position.today_lots) for position in await client.positions("A")] == [(Side.BUY, 3)]
    state = (await house.ask("instruments"))["instruments"][0]
    assert (state["instrument"]["symbol"], state["phase"]) == ("IF2501", "CONTINUOUS")
    assert state["lower_limit_ticks"] < PRICE < state["upper_limit_ticks"]
    assert (await house.ask("account", {"account": "nobody"}))["error"] == "ACCOUNT_NOT_FOUND"


async def test_a_reduction_keeps_the_order_working(house: "House") -> None:
    await house.start()
    await house.send(house.order(1, lots=5))
    client = house.broker()
    for _ in range(2):
        reduced = await client.reduce("A", "c1", 2, reduce_id="r1", epoch=1)
        assert (reduced.status, reduced.left_lots) == (OrderStatus.OPEN, 3)
