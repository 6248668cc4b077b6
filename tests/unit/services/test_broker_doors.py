"""The doors of the gateway on a real broker: the exchange's questions answered, its commands and bad bodies refused with a code."""

import json
from typing import Any

import pytest
from tests.broker_house import BrokerHouse
from tests.order_path import away
from tests.waiting import until

from tradepit.services.broker_doors import NOT_HERE
from tradepit.wire.simulator import rpc_subject


async def ask(house: BrokerHouse, method: str, body: object = None) -> dict[str, Any]:
    payload = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
    reply: dict[str, Any] = json.loads(await house.bus.request(rpc_subject("trading-gateway", method), payload, timeout_s=60))
    return reply


async def test_questions_are_answered_as_the_exchange_answers_them() -> None:
    house = BrokerHouse()
    house.trade(1)
    house.trade(2, fill=2)
    async with house.serving():
        orders = await ask(house, "orders", {"account": "A1"})
        assert [(row["intent"]["client_order_id"], row["status"]) for row in orders["orders"]] == [
            ("c1", "FILLED"),
            ("c2", "PARTIAL"),
        ]
        assert orders["total"] == 2
        active = await ask(house, "orders", {"account": "A1", "active": True})
        assert [row["intent"]["client_order_id"] for row in active["orders"]] == ["c2"]
        assert (await ask(house, "orders", {"account": "nobody"})).get("total", 0) == 0
        one = await ask(house, "query_order", {"account": "A1", "client_order_id": "c1"})
        assert one["order"]["status"] == "FILLED"
        assert (await ask(house, "query_order", {"account": "A1", "client_order_id": "c9"})).get("order") is None
        assert (await ask(house, "account", {"account": "A1"}))["account"]["account"] == "A1"
        assert (await ask(house, "positions", {"account": "A1"})).get("positions", []) == []
        listed = await ask(house, "instruments")
        assert [row["instrument"]["symbol"] for row in listed["instruments"]] == ["IF2501"]
        assert (listed["trading_day"], listed["total"]) == (20250106, 1)
        page = await ask(house, "reports", {"after": 1, "limit": 2})
        assert [report["sequence"] for report in page["reports"]] == [2, 3]
        assert page["last"] == 6
        status = await ask(house, "status")
        assert (status["instance"], status["last_report"], status["trading_day"]) == ("trading-gateway-1", 6, 20250106)


@pytest.mark.parametrize("method", NOT_HERE)
async def test_what_only_an_exchange_of_ones_own_does_is_refused(method: str) -> None:
    house = BrokerHouse()
    async with house.serving():
        assert (await ask(house, method))["error"] == "NOT_SUPPORTED"


@pytest.mark.parametrize(
    ("method", "body", "code"),
    [
        ("reports", {"after": -1}, "INVALID_REQUEST"),
        ("reports", {"limit": 1001}, "INVALID_REQUEST"),
        ("orders", {"account": "A1", "limit": 0}, "INVALID_REQUEST"),
        ("orders", b"{", "INVALID_REQUEST"),
        ("orders", b"[" * 5000, "PAYLOAD_TOO_LARGE"),
        ("query_order", {"account": "A1", "client_order_id": "no id"}, "ID_NOT_VALID"),
        ("query_order", {"account": "A1"}, "INVALID_REQUEST"),
        ("account", {"account": "nobody"}, "ACCOUNT_NOT_FOUND"),
        ("depth", {"symbol": "IF 2501"}, "ID_NOT_VALID"),
        ("depth", {"symbol": "IF2501", "levels": 0}, "INVALID_REQUEST"),
        ("depth", {"symbol": "IF9912"}, "INSTRUMENT_NOT_FOUND"),
        ("instruments", {"offset": -1}, "INVALID_REQUEST"),
        ("bars", {"symbol": "IF 2501", "trading_day": 20250106}, "ID_NOT_VALID"),
        ("bars", {"symbol": "IF2501", "trading_day": 20250132}, "INVALID_REQUEST"),
        ("bars", {"symbol": "IF2501"}, "INVALID_REQUEST"),
        ("bars", {"symbol": "IF2501", "trading_day": 20250103}, "NOT_SUPPORTED"),
    ],
)
async def test_bad_questions_are_refused_with_a_code(method: str, body: object, code: str) -> None:
    house = BrokerHouse()
    async with house.serving():
        assert (await ask(house, method, body))["error"] == code


async def test_bars_are_the_markets_and_there_are_none_without_one() -> None:
    house = BrokerHouse()
    async with house.serving():
        (bar,) = (await ask(house, "bars", {"symbol": "IF2501", "trading_day": 20250106}))["bars"]
        assert (bar["symbol"], bar["start_ns"], bar["close"], bar["count"]) == ("IF2501", 60_000_000_000, "1", 0)
        assert [each.volume for each in await house.desk.bars("IF2501", 20250106)] == [1]
    silent = BrokerHouse(market=False)
    async with silent.serving():
        assert (await ask(silent, "bars", {"symbol": "IF2501", "trading_day": 20250106}))["error"] == "NOT_SUPPORTED"


async def test_contracts_that_are_not_known_yet_are_no_empty_list() -> None:
    house = BrokerHouse()
    await house.bus.connect()
    house.broker.mishaps["instruments"] = away(10_000)
    gateway = await house.start()
    await until(lambda: gateway._serving)
    assert (await ask(house, "instruments"))["error"] == "SERVICE_UNAVAILABLE"
    await gateway.stop()
