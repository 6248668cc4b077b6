"""A client that asks again: only when told to, always with the same id, never beyond its deadline."""

import json
from collections import deque
from decimal import Decimal
from typing import Any

import pytest

from tradepit.backends.bus.memory import MemoryBus, MemoryHub
from tradepit.ports.bus import Message
from tradepit.runtime.clock import ManualClock
from tradepit.runtime.order_client import OrderClient, Refused, RetryPolicy
from tradepit.trading.model.errors import BadRequest, OutcomeUnknown, TimedOut

Answer = bytes | dict[str, Any]
DONE: dict[str, Any] = {"success": True, "orderid": "V1"}


class Desk:
    """Answers as told, the last answer for ever; keeps what it was asked."""

    def __init__(self, bus: MemoryBus) -> None:
        self.bus, self.answers, self.asked = bus, deque[Answer](), list[tuple[str, dict[str, Any]]]()

    async def open(self) -> None:
        await self.bus.connect()
        await self.bus.serve("rpc.order-management.*", self._answer)

    async def _answer(self, message: Message) -> bytes:
        self.asked.append((message.subject.rpartition(".")[2], json.loads(message.payload)))
        answer = self.answers.popleft() if len(self.answers) > 1 else self.answers[0]
        return answer if isinstance(answer, bytes) else json.dumps(answer).encode()


def refusal(code: str) -> Answer:
    return {"success": False, "error": code, "message": "no", "details": {}}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def desk() -> Desk:
    made = Desk(MemoryBus(MemoryHub()))
    await made.open()
    return made


@pytest.fixture
def client(desk: Desk, clock: ManualClock) -> OrderClient:
    return OrderClient(desk.bus, clock, seed=1)


async def buy(client: OrderClient, **more: Any) -> dict[str, object]:
    told: dict[str, Any] = {"side": "BUY", "symbol": "IF2501", "price": Decimal("4500.2"), "volume": 1, "account": "A1"}
    return await client.submit(**(told | more))


async def test_an_order_is_sent_as_the_contract_says(desk: Desk, client: OrderClient) -> None:
    desk.answers.append(DONE)
    assert await buy(client, client_order_id="c1") == DONE
    await buy(client, side="SELL", client_order_id="c2")
    assert [method for method, _ in desk.asked] == ["buy", "sell"]
    assert desk.asked[0][1] == {
        "symbol": "IF2501", "price": 4500.2, "volume": 1, "account": "A1", "offset": "OPEN", "type": "LIMIT",
        "client_order_id": "c1", "reference": "", "timestamp": 0,
    }  # fmt: skip


@pytest.mark.parametrize("side", ["buy", "sell", "LONG", "", "B"])
async def test_a_side_that_is_no_side_is_never_a_sale(desk: Desk, client: OrderClient, side: str) -> None:
    with pytest.raises(BadRequest):
        await buy(client, side=side)
    assert desk.asked == []


@pytest.mark.parametrize(
    "code",
    ["NOT_ACTIVE", "OUTCOME_UNKNOWN", "SERVICE_UNAVAILABLE", "TIMEOUT", "INTERNAL_ERROR", "STALE_EPOCH", "JOURNAL_CONFLICT"],
)
async def test_what_says_ask_again_is_asked_again_with_the_same_id(desk: Desk, client: OrderClient, code: str) -> None:
    desk.answers.extend([refusal(code), refusal(code), DONE])
    assert await buy(client) == DONE
    ids = {body["client_order_id"] for _, body in desk.asked}
    assert (len(desk.asked), len(ids), ids & {""}) == (3, 1, set())
    assert client.retries == 2


@pytest.mark.parametrize("code", ["DUPLICATE_ID", "PRICE_WRONG_TICK", "TOO_MANY", "ORDER_NOT_FOUND", "SOMETHING_NEW"])
async def test_a_refusal_is_final_and_carries_its_code(desk: Desk, client: OrderClient, code: str) -> None:
    desk.answers.append(refusal(code))
    with pytest.raises(Refused) as refused:
        await buy(client)
    assert (refused.value.reason_code, len(desk.asked)) == (code, 1)


@pytest.mark.parametrize("garbage", [b"", b"[]", b"\xff", b'{"a":"\xff"}', b"[" * 100_000, b'{"error":', b"null"])
async def test_an_answer_that_cannot_be_read_is_asked_for_again(desk: Desk, client: OrderClient, garbage: bytes) -> None:
    desk.answers.extend([garbage, DONE])
    assert await buy(client) == DONE


async def test_a_code_that_is_no_text_is_a_refusal(desk: Desk, client: OrderClient) -> None:
    desk.answers.append({"error": ["x"]})
    with pytest.raises(Refused):
        await buy(client)


async def test_a_listener_that_is_not_there_is_waited_for_until_the_deadline(clock: ManualClock) -> None:
    bus = MemoryBus(MemoryHub())
    await bus.connect()
    client = OrderClient(bus, clock, policy=RetryPolicy(deadline_s=2.0))
    with pytest.raises(OutcomeUnknown) as unknown:
        await buy(client, client_order_id="c1")
    assert unknown.value.details == {"method": "buy", "last": "SERVICE_UNAVAILABLE", "client_order_id": "c1"}
    assert clock.monotonic_ns() <= 2_000_000_001
    assert client.retries > 5


async def test_the_id_of_an_order_of_unknown_outcome_is_told(desk: Desk, client: OrderClient) -> None:
    desk.answers.append(refusal("OUTCOME_UNKNOWN"))
    with pytest.raises(OutcomeUnknown) as unknown:
        await buy(client)
    assert unknown.value.details["client_order_id"] == desk.asked[0][1]["client_order_id"]


async def test_an_algorithm_without_an_id_is_not_started_twice(desk: Desk, client: OrderClient) -> None:
    desk.answers.extend([refusal("TIMEOUT"), DONE])
    await client.call("algo_order", {"algo": "TWAP", "algo_id": ""})
    first, second = (body["algo_id"] for _, body in desk.asked)
    assert first == second != ""


async def test_asking_for_all_algorithms_names_none(desk: Desk, client: OrderClient) -> None:
    desk.answers.append(DONE)
    await client.call("algo_order", {"action": "status", "algo_id": ""})
    assert desk.asked[0][1]["algo_id"] == ""


async def test_a_cancel_goes_by_either_id(desk: Desk, client: OrderClient) -> None:
    desk.answers.append(DONE)
    await client.cancel(account="A1", client_order_id="c1")
    await client.cancel(account="A1", orderid="V1")
    assert [body for _, body in desk.asked] == [
        {"account": "A1", "client_order_id": "c1", "orderid": ""},
        {"account": "A1", "client_order_id": "", "orderid": "V1"},
    ]


@pytest.mark.parametrize(
    "settings",
    [
        {"deadline_s": 0.0},
        {"attempt_timeout_s": -1.0},
        {"first_pause_s": float("nan")},
        {"factor": 0.5},
        {"jitter": 1.0},
        {"jitter": -0.1},
    ],
)
def test_a_policy_that_cannot_work_is_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        RetryPolicy(**settings)


class SilentBus(MemoryBus):
    """Answers nothing; keeps how long each attempt was ready to wait."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(MemoryHub())
        self._clock, self.patience = clock, list[float]()

    async def request(self, subject: str, payload: bytes, *, timeout_s: float) -> bytes:
        self.patience.append(round(timeout_s, 3))
        self._clock.advance_to(self._clock.now_ns() + int(timeout_s * 1e9))
        raise TimedOut(subject=subject)


async def test_a_house_that_does_not_answer_is_asked_less_and_less_often(clock: ManualClock) -> None:
    bus = SilentBus(clock)
    await bus.connect()
    with pytest.raises(OutcomeUnknown):
        await buy(OrderClient(bus, clock, policy=RetryPolicy(deadline_s=5.0, first_pause_s=0.001, longest_pause_s=0.001), seed=1))
    assert bus.patience[:6] == [0.2, 0.2, 0.2, 0.2, 0.32, 0.512]
    assert len(bus.patience) < 10
