"""A trader's hands: what is typed becomes one request, and what is not a price never becomes "no limit"."""

import json
from collections import deque
from decimal import Decimal
from typing import Any

import pytest

from tradepit.backends.bus.memory import MemoryBus, MemoryHub
from tradepit.cli import trade
from tradepit.compose.wiring import Wiring
from tradepit.config import OrderSettings, Settings
from tradepit.ports.bus import Bus, Message
from tradepit.runtime.order_client import RetryPolicy
from tradepit.trading.model.errors import BadRequest

Printed = pytest.CaptureFixture[str]
DONE = {"success": True, "orderid": "V1", "status": "submitted"}
NOT_FOUND = {"success": False, "error": "ORDER_NOT_FOUND", "message": "No such order.", "details": {}}


class Desk:
    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.answers: deque[dict[str, Any]] = deque()

    async def answer(self, message: Message) -> bytes:
        self.asked.append((message.subject.rpartition(".")[2], json.loads(message.payload)))
        return json.dumps(self.answers.popleft() if self.answers else DONE).encode()


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    made = Desk()

    class Served(MemoryBus):
        async def connect(self) -> None:
            await super().connect()
            await self.serve("rpc.order-management.*", made.answer)

    def bus(self: Wiring) -> Bus:
        self._bus = self._bus or Served(MemoryHub())
        return self._bus

    monkeypatch.setattr(Wiring, "bus", bus)
    return made


def order(**more: Any) -> int:
    told: dict[str, Any] = {"side": "buy", "symbol": "IF2501", "price": "3900.2", "volume": 2} | more
    settings = told.pop("settings", Settings())
    return trade.order(
        settings, told["side"], told["symbol"], told["price"], told["volume"], account="A1", offset="OPEN",
        order_type=told.get("order_type", "LIMIT"), client_order_id=told.get("client_order_id", ""), json=told.get("json", True),
    )  # fmt: skip


def test_an_order_is_sent_and_its_answer_printed(desk: Desk, capsys: Printed) -> None:
    assert order(client_order_id="c1") == 0
    assert json.loads(capsys.readouterr().out) == DONE
    ((method, body),) = desk.asked
    assert (method, body["symbol"], body["price"], body["volume"], body["client_order_id"]) == ("buy", "IF2501", 3900.2, 2, "c1")
    assert order(side="sell", json=False) == 0
    assert desk.asked[1][0] == "sell"
    assert len(desk.asked[1][1]["client_order_id"]) > 20
    assert "V1" in capsys.readouterr().out


def test_a_market_order_has_no_price(desk: Desk) -> None:
    order(price="market", order_type="MARKET")
    assert desk.asked[0][1]["price"] is None


@pytest.mark.parametrize("price", ["", "four", "NaN", "-NaN", "inf", "-1", "0", "1e9999999999999999999", "1,5"])
def test_what_is_no_price_is_refused_before_it_is_sent(desk: Desk, capsys: Printed, price: str) -> None:
    assert order(price=price) == 2
    assert json.loads(capsys.readouterr().out)["error"] == "INVALID_REQUEST"
    assert desk.asked == []


def test_a_refusal_and_an_unknown_outcome_have_exits_of_their_own(desk: Desk, capsys: Printed) -> None:
    desk.answers.append({"error": "TOO_MANY", "message": "no"})
    assert order() == 3
    settings = Settings(orders=OrderSettings(retry=RetryPolicy(deadline_s=0.01, first_pause_s=0.005, longest_pause_s=0.005)))
    desk.answers.extend({"error": "OUTCOME_UNKNOWN", "message": "?"} for _ in range(100))
    assert order(settings=settings, client_order_id="c9") == 5
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["details"]["client_order_id"] == "c9"


def test_a_cancel_is_tried_by_the_exchanges_id_then_by_ours(desk: Desk, capsys: Printed) -> None:
    desk.answers.extend([NOT_FOUND, DONE])
    assert trade.cancel(Settings(), "c1", account="", json=True) == 0
    assert [body for _, body in desk.asked] == [
        {"account": "", "client_order_id": "", "orderid": "c1"},
        {"account": "", "client_order_id": "c1", "orderid": ""},
    ]
    desk.answers.extend([NOT_FOUND, NOT_FOUND])
    assert trade.cancel(Settings(), "c1", account="", json=True) == 3
    desk.asked.clear()
    desk.answers.append({"error": "NOT_TRADING_PERIOD", "message": "no"})
    assert trade.cancel(Settings(), "V1", account="", json=True) == 3
    assert len(desk.asked) == 1


def request(**more: Any) -> dict[str, object]:
    told: dict[str, Any] = {
        "kind": "TWAP", "symbol": "IF2501", "side": "buy", "volume": 100, "price": None, "duration": None, "interval": None,
        "account": "A1", "algo_id": "t1",
    }  # fmt: skip
    return trade.algo_request(more.pop("action", "start"), **(told | more))


def test_an_algorithm_is_asked_for_with_what_was_given_only() -> None:
    assert request() == {
        "action": "start", "algo": "TWAP", "symbol": "IF2501", "volume": 100, "account": "A1", "direction": "LONG", "algo_id": "t1",
    }  # fmt: skip
    told = request(side="sell", price="4500.2", duration=60.0, interval=3.0)
    assert (told["direction"], told["price"], told["duration"], told["interval"]) == ("SHORT", Decimal("4500.2"), 60.0, 3.0)


def test_an_amendment_leaves_alone_what_it_does_not_name() -> None:
    assert not {"duration", "interval", "price"} & set(request(action="amend", volume=50))


@pytest.mark.parametrize(
    "nonsense",
    [
        {"price": "NaN"},
        {"price": "inf"},
        {"price": "x"},
        {"duration": float("nan")},
        {"duration": float("inf")},
        {"interval": 0.0},
    ],
)
def test_a_limit_that_is_no_number_is_never_no_limit(nonsense: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        request(**nonsense)


def test_an_algorithms_answer_is_printed(desk: Desk, capsys: Printed) -> None:
    assert trade.algo(Settings(), request(), json=True) == 0
    assert desk.asked[0][0] == "algo_order"
    assert json.loads(capsys.readouterr().out) == DONE
