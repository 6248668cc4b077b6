"""The doors: what the contract says goes in, a coded answer comes out, whatever was sent."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from tests.order_path import Office, an_intent, lost

from tradepit.ports.bus import Message
from tradepit.services.order_leader import OrderLeader
from tradepit.services.order_rpc import OrderDoors, refuse_not_active
from tradepit.trading.model.errors import NotActive, VenueRefused
from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.terms import OrderStatus
from tradepit.wire.simulator import MAX_REQUEST_BYTES, AlgoOrder

BUY: dict[str, Any] = {"symbol": "IF2501", "price": 3900, "volume": 5, "client_order_id": "c1"}


class Algos:
    async def handle(self, request: AlgoOrder) -> object:
        if request.algo == "BUG":
            raise RuntimeError("secret details")
        return {"success": True, "algo": request.algo}


class Front:
    """Doors of an office whose leader may be away."""

    def __init__(self, office: Office, leader: OrderLeader) -> None:
        self.office, self.acting = office, leader
        self.active = True
        self.doors = OrderDoors(
            self.leader, Algos, office.broker, lambda: {"success": True, "status": "here"}, office.clock, default_account="A1"
        )

    def leader(self) -> OrderLeader:
        if not self.active:
            raise NotActive(leader="om-2")
        return self.acting

    async def ask(self, method: str, body: object = None) -> dict[str, Any]:
        payload = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
        answer = await self.doors.answer(Message(subject=f"rpc.order-management.{method}", payload=payload))
        told: dict[str, Any] = json.loads(answer)
        return told

    async def code(self, method: str, body: object) -> str:
        told = await self.ask(method, body)
        assert told["success"] is False
        return str(told["error"])


@pytest.fixture
async def front() -> AsyncIterator[Front]:
    office = Office()
    leader = await office.leader()
    yield Front(office, leader)
    await leader.stop()


async def test_buy_and_sell_answer_as_the_document_says(front: Front) -> None:
    assert await front.ask("buy", BUY) == {
        "success": True, "orderid": "V1", "status": "submitted", "client_order_id": "c1", "order_status": "OPEN", "traded": 0,
    }  # fmt: skip
    told = await front.ask("sell", BUY | {"client_order_id": "c2", "volume": 1.0, "exchange": "CFFEX", "type": "FAK"})
    assert told["success"]
    orders = front.acting.desk.register.orders
    assert [orders[("A1", number)].intent.side.value for number in ("c1", "c2")] == ["BUY", "SELL"]
    assert orders[("A1", "c1")].intent.price_ticks == 19_500


async def test_the_documents_call_needs_three_things_only(front: Front) -> None:
    told = await front.ask("buy", {"symbol": "IF2501", "price": 3900.2, "volume": 10})
    assert told["success"]
    assert len(told["client_order_id"]) == 21


async def test_an_envelope_is_opened(front: Front) -> None:
    assert (await front.ask("buy", {"params": BUY}))["orderid"] == "V1"


async def test_asking_twice_is_asking_once_and_another_order_under_the_id_is_refused(front: Front) -> None:
    first, second = await front.ask("buy", BUY), await front.ask("buy", BUY | {"timestamp": 5})
    assert first == second
    assert await front.code("buy", BUY | {"volume": 6}) == "DUPLICATE_ID"
    assert await front.code("sell", BUY) == "DUPLICATE_ID"


async def test_refusals_of_risk_and_exchange_carry_their_codes(front: Front) -> None:
    told = await front.ask("buy", BUY | {"volume": 11})
    assert (told["error"], told["details"]) == ("TOO_MANY", {"rule": "at_most_ten", "limit": "10", "value": "11"})

    def refuse(intent: OrderIntent, epoch: int) -> None:
        front.office.venue.refuse(intent)

    front.office.broker.before_submit = refuse
    assert await front.code("buy", BUY | {"client_order_id": "c9"}) == "NOT_SENT"


async def test_an_unknown_outcome_is_told_as_such(front: Front) -> None:
    front.office.broker.late["submit"] = lost()
    front.office.broker.hold["reports"] = front.office.broker.hold["resolve"] = asyncio.Event()
    assert await front.code("buy", BUY) == "OUTCOME_UNKNOWN"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"symbol": "if 2501"}, "ID_NOT_VALID"),
        ({"symbol": ""}, "ID_NOT_VALID"),
        ({"symbol": "x" * 65}, "ID_NOT_VALID"),
        ({"symbol": "IX2501"}, "INSTRUMENT_NOT_FOUND"),
        ({"symbol": 5}, "INVALID_REQUEST"),
        ({"price": 3900.1}, "PRICE_WRONG_TICK"),
        ({"price": 0}, "PRICE_NOT_VALID"),
        ({"price": -3900}, "PRICE_NOT_VALID"),
        ({"price": "NaN"}, "PRICE_NOT_VALID"),
        ({"price": "Infinity"}, "PRICE_NOT_VALID"),
        ({"price": "1e999999"}, "PRICE_NOT_VALID"),
        ({"price": 1e12}, "PRICE_NOT_VALID"),
        ({"price": "1e-999999"}, "PRICE_WRONG_TICK"),
        ({"price": None}, "INVALID_REQUEST"),
        ({"price": "four"}, "INVALID_REQUEST"),
        ({"type": "MARKET"}, "PRICE_NOT_VALID"),
        ({"type": "STOP"}, "INVALID_REQUEST"),
        ({"offset": "OPENING"}, "INVALID_REQUEST"),
        ({"exchange": "SHFE"}, "INVALID_REQUEST"),
        ({"volume": 0}, "VOLUME_NOT_VALID"),
        ({"volume": -1}, "VOLUME_NOT_VALID"),
        ({"volume": 1.5}, "VOLUME_NOT_VALID"),
        ({"volume": 10**30}, "VOLUME_NOT_VALID"),
        ({"volume": "5"}, "INVALID_REQUEST"),
        ({"volume": True}, "INVALID_REQUEST"),
        ({"account": "a.b"}, "ID_NOT_VALID"),
        ({"account": "nobody"}, "ACCOUNT_NOT_FOUND"),
        ({"client_order_id": "a b"}, "ID_NOT_VALID"),
        ({"client_order_id": "c1\n"}, "ID_NOT_VALID"),
        ({"reference": "x" * 257}, "INVALID_REQUEST"),
        ({"timestamp": -1}, "INVALID_REQUEST"),
        ({"timestamp": 2**63}, "INVALID_REQUEST"),
        ({"timestamp": 10**400}, "INVALID_REQUEST"),
    ],
)
async def test_bad_orders_are_refused_with_a_code_and_leave_no_trace(front: Front, change: dict[str, object], code: str) -> None:
    before = len(front.office.store.entries)
    assert await front.code("buy", BUY | change) == code
    assert len(front.office.store.entries) == before
    assert front.office.broker.count("submit") == 0
    assert front.doors.refused == {code: 1}


@pytest.mark.parametrize(
    "payload",
    [
        b"", b"null", b"[]", b"5", b"{", b"\xff\xfe", b'{"symbol":"\xff","volume":1}', b'{"symbol":"\\ud800","volume":1}', b"[" * 9_999,
        b'{"symbol":"IF2501","volume":NaN}', b'{"symbol":"IF2501","volume":1e400}', b'{"params":5}', b'{"params":null}', b'{"params"',
        b'{"symbol":"IF2501","volume":' + b"1" * 5_000 + b"}", b" " * (MAX_REQUEST_BYTES + 1),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "method",
    ["buy", "cancel", "orders", "account", "positions", "set_state", "set_limits", "get_limits", "evaluate", "algo_order"],
)
async def test_no_bytes_bring_a_door_down(front: Front, method: str, payload: bytes) -> None:
    told = await front.ask(method, payload)
    assert told.get("error") in ("INVALID_REQUEST", "PAYLOAD_TOO_LARGE", "ID_NOT_VALID", None)


async def test_a_market_order_has_no_price(front: Front) -> None:
    told = await front.ask("buy", BUY | {"type": "MARKET", "price": 0})
    assert told["success"]
    assert front.acting.desk.register.orders[("A1", "c1")].intent.price_ticks == 0


async def test_an_unknown_method_is_a_bad_request_and_a_bug_is_no_traceback(front: Front) -> None:
    assert await front.code("hack", {}) == "INVALID_REQUEST"
    told = await front.ask("algo_order", {"algo": "BUG"})
    assert told["error"] == "INTERNAL_ERROR"
    assert "secret" not in json.dumps(told)
    assert (await front.ask("algo_order", {"algo": "VWAP"}))["algo"] == "VWAP"
    assert front.doors.served == 3


async def test_a_cancel_by_either_id(front: Front) -> None:
    for number in ("c1", "c2"):
        await front.ask("buy", BUY | {"client_order_id": number})
    assert await front.ask("cancel", {"orderid": "V1"}) == {"success": True, "orderid": "V1", "status": "CANCELLED", "traded": 0}
    assert (await front.ask("cancel", {"client_order_id": "c2", "account": "A1"}))["orderid"] == "V2"
    assert (await front.ask("cancel", {"orderid": "V1"}))["status"] == "CANCELLED"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"orderid": "V9"}, "ORDER_NOT_FOUND"),
        ({"orderid": "V1", "account": "A2"}, "ORDER_NOT_FOUND"),
        ({"client_order_id": "c9"}, "ORDER_NOT_FOUND"),
        ({"client_order_id": "c1", "account": "A2"}, "ORDER_NOT_FOUND"),
        ({}, "ID_NOT_VALID"),
        ({"client_order_id": "*"}, "ID_NOT_VALID"),
    ],
)
async def test_a_cancel_of_somebody_elses_or_no_order_is_refused(front: Front, body: dict[str, str], code: str) -> None:
    await front.ask("buy", BUY)
    assert await front.code("cancel", body) == code
    assert front.office.broker.count("cancel") == 0


async def test_a_cancel_refused_by_the_exchange_says_so(front: Front) -> None:
    await front.ask("buy", BUY)
    front.office.broker.mishaps["cancel"] = deque([VenueRefused("NOT_TRADING_PERIOD")])
    assert await front.code("cancel", {"client_order_id": "c1"}) == "NOT_TRADING_PERIOD"


async def test_orders_are_told_in_the_contracts_words(front: Front) -> None:
    for number, account, reference in (("c1", "A1", "bot"), ("c2", "A2", ""), ("c3", "A1", "")):
        await front.ask("buy", BUY | {"client_order_id": number, "account": account, "reference": reference})
    await front.ask("cancel", {"client_order_id": "c3"})

    async def told(**query: object) -> list[str]:
        answer = await front.ask("orders", query)
        assert answer["total"] == len(answer["orders"])
        return [row["client_order_id"] for row in answer["orders"]]

    assert await told() == ["c1", "c2", "c3"]
    assert await told(account="A1") == ["c1", "c3"]
    assert await told(active=True) == ["c1", "c2"]
    assert await told(reference="bot") == ["c1"]
    assert await told(client_order_id="c3") == ["c3"]
    assert await told(client_order_id="c3", account="A2") == []
    (row,) = (await front.ask("orders", {"client_order_id": "c3"}))["orders"]
    assert (row["status"], row["direction"], row["price"], row["orderid"]) == ("CANCELLED", "LONG", 3900, "V3")


async def test_a_page_of_orders_is_bounded_and_holds_the_newest(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tradepit.services.order_rpc._MAX_ORDERS", 2)
    for number in ("c1", "c2", "c3"):
        await front.ask("buy", BUY | {"client_order_id": number})
    answer = await front.ask("orders", {})
    assert ([row["client_order_id"] for row in answer["orders"]], answer["total"]) == (["c2", "c3"], 3)


async def test_an_order_on_a_contract_unknown_here_does_not_hide_the_others(front: Front) -> None:
    await front.ask("buy", BUY)
    foreign = an_intent("x", symbol="XX2501")
    front.acting.desk.register._enter(Order(intent=foreign, status=OrderStatus.OPEN))
    assert [row["client_order_id"] for row in (await front.ask("orders", {}))["orders"]] == ["c1"]


async def test_account_and_positions_come_from_the_broker(front: Front) -> None:
    account = (await front.ask("account", {}))["account"]
    assert (account["account"], account["balance"], account["available"], account["risk_ratio"]) == (
        "A1",
        1_000_000,
        1_000_000,
        0,
    )
    assert await front.ask("positions", {"account": "A2"}) == {"success": True, "positions": []}
    assert await front.code("account", {"account": "nobody"}) == "ACCOUNT_NOT_FOUND"


async def test_a_trading_state_is_set_and_refuses_or_cancels(front: Front) -> None:
    await front.ask("buy", BUY)
    told = await front.ask("set_state", {"scope": "symbol:IF2501", "state": "HALTED", "who": "me", "reason": "x" * 500})
    assert told == {
        "success": True, "scope": "symbol:IF2501", "state": "HALTED", "cancelling": 1,
        "checklist": {
            "state_set": True, "orders_found": 1, "cancelled": 1, "still_working": [], "closing_orders": 0, "flatten_refused": [],
            "positions_left": [],
        },
    }  # fmt: skip
    assert not front.acting.desk.register.working
    again = await front.ask("set_state", {"scope": "symbol:IF2501", "state": "ACTIVE"})
    assert (again["cancelling"], front.acting.desk.exposure.states) == (0, {})


@pytest.mark.parametrize(
    "body",
    [
        {"scope": "everything", "state": "HALTED"}, {"scope": "account:", "state": "HALTED"}, {"scope": "account", "state": "HALTED"},
        {"scope": "symbol:a b", "state": "HALTED"}, {"scope": "global", "state": "PANIC"}, {"scope": "global"}, {"scope": "user:x", "state": "ACTIVE"},
        {"scope": "global:x", "state": "HALTED"},
    ],
)  # fmt: skip
async def test_a_state_or_scope_that_is_none_is_refused(front: Front, body: dict[str, str]) -> None:
    assert await front.code("set_state", body) in ("INVALID_REQUEST", "ID_NOT_VALID")
    assert front.acting.desk.exposure.states == {}


async def test_standbys_answer_not_active_except_for_their_status(front: Front) -> None:
    front.active = False
    for method in (
        "buy",
        "cancel",
        "orders",
        "positions",
        "account",
        "set_state",
        "set_limits",
        "get_limits",
        "evaluate",
        "algo_order",
    ):
        assert await front.code(method, BUY) == "NOT_ACTIVE"
    assert (await front.ask("status"))["status"] == "here"
    standby = refuse_not_active(lambda: {"success": True})
    assert await standby("status")(b"") == {"success": True}
    with pytest.raises(NotActive):
        await standby("buy")(b"{}")


def test_amounts_are_exact_json_numbers() -> None:
    assert msgspec.json.decode(b"3900.2", type=Decimal) == Decimal("3900.2")


async def test_a_busy_leader_sends_orders_away_and_still_takes_cancels_and_questions(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    await front.ask("buy", BUY)
    monkeypatch.setattr("tradepit.services.order_leader.MAX_IN_FLIGHT", 0)
    assert await front.code("buy", BUY | {"client_order_id": "c2"}) == "SERVICE_UNAVAILABLE"
    assert await front.code("sell", b"not even read") == "SERVICE_UNAVAILABLE"
    assert front.doors.refused["SERVICE_UNAVAILABLE"] == 2
    assert (await front.ask("orders"))["total"] == 1
    assert (await front.ask("cancel", {"client_order_id": "c1"}))["success"] is True
    front.active = False
    assert await front.code("buy", BUY) == "NOT_ACTIVE"
