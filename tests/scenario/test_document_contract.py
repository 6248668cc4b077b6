"""The simulator's contract as its document writes it: requests of symbol, price and volume alone, topics, payloads."""

from collections.abc import AsyncIterator
from datetime import datetime
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest
from nats.aio.msg import Msg
from tests.house_under_test import STANDBYS, SYMBOL, HouseUnderTest, Json, in_calm_office, settings_of, told

_ROLES = ("trading-gateway", "order-management", "market-data", "position-tracker", "execution-algo")
_LATER = (*STANDBYS, "execution-algo-2", "execution-algo-3")
_TICK = {
    "symbol", "exchange", "datetime", "last_price", "volume", "turnover", "open_interest", "open_price", "high_price",
    "low_price", "limit_up", "limit_down", "pre_close", "bid_price_1", "bid_volume_1", "ask_price_1", "ask_volume_1",
}  # fmt: skip
_ORDER = {"symbol", "exchange", "orderid", "type", "direction", "offset", "price", "volume", "traded", "status", "datetime"}
_TRADE = {"symbol", "exchange", "orderid", "tradeid", "direction", "offset", "price", "volume", "datetime"}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[HouseUnderTest]:
    async with HouseUnderTest(tmp_path, in_calm_office(settings_of("A1", "B1")), only=_ROLES, later=_LATER) as made:
        await made.ready()
        yield made


async def test_an_order_as_the_document_writes_it(house: HouseUnderTest) -> None:
    topics = {name: await house.hear(name) for name in ("orders.new", "orders.filled", "orders.cancelled", "trades.executed")}
    ticks = await house.hear("market.tick.*")

    async def both_tick() -> bool:
        return {"market.tick.IF2501", "market.tick.IC2501"} <= {message.subject for message in ticks}

    await house.until(both_tick, "ticks of both contracts")
    tick = next(row for row in told(ticks) if row["symbol"] == SYMBOL)
    assert set(tick) >= _TICK
    assert (tick["symbol"], tick["exchange"]) == ("IF2501", "CFFEX")
    assert datetime.fromisoformat(tick["datetime"]).utcoffset() is not None

    # Far below the market, but inside the day's limits: it rests.
    reply = await house.rpc("rpc.order-management.buy", {"symbol": "IF2501", "price": 4200, "volume": 10})
    assert reply["status"] == "submitted"
    assert reply["orderid"]
    await house.until(lambda: _has(topics["orders.new"], reply["orderid"]), "the order on orders.new")
    new = _row(topics["orders.new"], reply["orderid"])
    assert set(new) >= _ORDER
    assert (new["symbol"], new["exchange"], new["direction"], new["offset"]) == ("IF2501", "CFFEX", "LONG", "OPEN")
    assert (new["price"], new["volume"], new["traded"], new["status"]) == (4200, 10, 0, "PENDING")

    cancelled = await house.rpc("rpc.order-management.cancel", {"orderid": reply["orderid"]})
    assert (cancelled["success"], cancelled["orderid"], cancelled["status"]) == (True, reply["orderid"], "CANCELLED")
    await house.until(lambda: _has(topics["orders.cancelled"], reply["orderid"]), "the order on orders.cancelled")
    assert _row(topics["orders.cancelled"], reply["orderid"])["status"] == "CANCELLED"

    # Through the market: it trades with the outside at once. The envelope is the document's SDK's.
    through = {"params": {"symbol": "IF2501", "price": 4560.0, "volume": 1.0}}
    reply = await house.rpc("rpc.order-management.buy", through)
    assert reply["status"] == "submitted"
    await house.until(lambda: _has(topics["orders.filled"], reply["orderid"]), "the order on orders.filled")
    filled, trade = _row(topics["orders.filled"], reply["orderid"]), _row(topics["trades.executed"], reply["orderid"])
    assert (filled["status"], filled["traded"]) == ("FILLED", 1)
    assert set(trade) >= _TRADE
    assert (trade["direction"], trade["volume"], trade["tradeid"] != "") == ("LONG", 1, True)
    assert Decimal(trade["price"]) % Decimal("0.2") == 0

    positions = await house.orders("positions", {})
    assert [(row["symbol"], row["side"], row["today_lots"]) for row in positions["positions"]] == [("IF2501", "BUY", 1)]
    account = (await house.orders("account", {}))["account"]
    assert Decimal(account["margin"]) > 0


async def test_an_algorithm_order_as_the_document_writes_it(house: HouseUnderTest) -> None:
    tasks = {name: await house.hear(f"orders.algo.{name}") for name in ("twap", "vwap")}
    for algo, lots in (("TWAP", 3), ("VWAP", 2)):
        body = {"algo": algo, "symbol": "IF2501", "volume": lots, "duration": 6, "interval": 3, "algo_id": f"doc-{algo}"}
        reply = await house.orders("algo_order", body)
        assert (reply["success"], reply.get("algo_id"), reply.get("status")) == (True, f"doc-{algo}", "accepted"), reply
        heard = tasks[algo.lower()]
        await house.until(partial(_some, heard), f"the task on orders.algo.{algo.lower()}")
        task = told(heard)[0]
        assert (task["algo"], task["symbol"], task["volume"], task["direction"]) == (algo, "IF2501", lots, "LONG")

    async def ended() -> bool:
        algos = (await house.orders("algo_order", {"action": "status"})).get("algos", [])
        return len(algos) == 2 and all(each["ended"] for each in algos)

    await house.until(ended, "both algorithms to end")
    twap = await house.orders("algo_order", {"action": "status", "algo_id": "doc-TWAP"})
    assert twap["filled"] == 3
    proof = await house.prove()
    assert proof.clean, proof.findings


_REFUSED: tuple[tuple[str, dict[str, object], str], ...] = (
    ("buy", {"symbol": "IF2501", "price": 4500.1, "volume": 1}, "PRICE_WRONG_TICK"),
    ("buy", {"symbol": "IF2501", "price": 4500, "volume": 0}, "VOLUME_NOT_VALID"),
    ("buy", {"symbol": "IF2501", "price": 4500, "volume": 1.5}, "VOLUME_NOT_VALID"),
    ("buy", {"symbol": "IF2501.CFFEX", "price": 4500, "volume": 1}, "ID_NOT_VALID"),
    ("buy", {"symbol": "XX2501", "price": 4500, "volume": 1}, "INSTRUMENT_NOT_FOUND"),
    ("buy", {"symbol": "IF2501", "volume": 1}, "INVALID_REQUEST"),
    ("buy", {"symbol": "IF2501", "price": "cheap", "volume": 1}, "INVALID_REQUEST"),
    ("buy", {"symbol": "IF2501", "price": 4500, "volume": 1, "account": "nobody"}, "ACCOUNT_NOT_FOUND"),
    ("buy", {"symbol": "IF2501", "price": 9000, "volume": 1}, "PRICE_OVER_LIMIT"),
    ("buy", {"symbol": "IF2501", "price": 4900, "volume": 1}, "PRICE_COLLAR"),
    ("buy", {"symbol": "IF2501", "price": 4500, "volume": 501}, "VOLUME_NOT_VALID"),
    ("sell", {"symbol": "IF2501", "price": 4500, "volume": 1, "offset": "CLOSE"}, "OVER_CLOSE_POSITION"),
    ("cancel", {"orderid": "none"}, "ORDER_NOT_FOUND"),
    ("algo_order", {"algo": "MAGIC", "symbol": "IF2501", "volume": 1}, "INVALID_REQUEST"),
    ("no-such-method", {}, "INVALID_REQUEST"),
)


async def test_a_refusal_has_a_stable_code(house: HouseUnderTest) -> None:
    ticks = await house.hear("market.tick.IF2501")
    await house.until(lambda: _some(ticks), "a price")
    for method, body, code in _REFUSED:
        reply = await house.rpc(f"rpc.order-management.{method}", body)
        assert (reply["success"], reply["error"]) == (False, code), (method, body, reply)
        assert reply["message"]
    proof = await house.prove()
    assert proof.clean, proof.findings


def _row(heard: list[Msg], order_id: str) -> Json:
    return next(row for row in told(heard) if row["orderid"] == order_id)


async def _has(heard: list[Msg], order_id: str) -> bool:
    return any(row["orderid"] == order_id for row in told(heard))


async def _some(heard: list[Msg]) -> bool:
    return bool(heard)
