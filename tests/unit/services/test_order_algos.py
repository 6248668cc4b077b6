"""The algorithm desk alone: what it takes, what it refuses and with which code, what it records before it tells anybody."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from tests.waiting import settle

from tradepit.backends.bus.memory import MemoryBus, MemoryHub
from tradepit.backends.bus.seen_ids import SeenIds
from tradepit.ports.bus import Message
from tradepit.runtime.clock import ManualClock
from tradepit.services.algo_guard import check_child, child_lots, children_of
from tradepit.services.order_algos import CONTROLS, AlgoDesk
from tradepit.trading.algos.status import AlgoStatus
from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.model.errors import InstrumentNotFound, NotActive, RiskRefused, StaleEpoch, TradepitError, VenueRefused
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.report import OrderReport
from tradepit.trading.model.terms import Exchange, Offset, OrderStatus, OrderType, Side, TradingState
from tradepit.trading.orders import events as facts
from tradepit.trading.orders.desk import OrderDesk
from tradepit.wire.algo_codec import AlgoProgress, AlgoTask, progress_topic, read_task
from tradepit.wire.simulator import ALGO_CONTROL, ALGO_ORDERS, CHANNELS, AlgoOrder
from tradepit.wire.simulator_codec import encode

TEN = 1_736_128_800_000_000_000  # 2025-01-06 10:00 in China, continuous trading on CFFEX
IF = load_catalog().instrument("IF2501", on=date(2025, 1, 6), listing_price=Decimal(3900))


class Leader:
    """Keeps facts in memory; ``hold`` leaves them not yet durable."""

    def __init__(self) -> None:
        self.desk = OrderDesk(())
        self.facts: list[facts.Fact] = []
        self.hold = False
        self.waiting: list[asyncio.Future[int]] = []
        self.cancelled: list[str] = []
        self.desk.apply(facts.InstrumentKnown(time_ns=TEN, instrument=IF, reference="3900"))

    def record(self, *news: facts.Fact) -> "asyncio.Future[int]":
        self.facts += news
        for fact in news:
            self.desk.apply(fact)
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        if self.hold:
            self.waiting.append(future)
        else:
            future.set_result(len(self.facts))
        return future

    async def instrument(self, symbol: str) -> Instrument:
        await asyncio.sleep(0)
        if symbol != "IF2501":
            raise InstrumentNotFound(symbol=symbol)
        return IF

    async def admit(self, account: str) -> None:
        if account == "stranger":
            raise VenueRefused("ACCOUNT_NOT_FOUND")

    async def cancel(self, account: str, client_order_id: str) -> Order:
        self.cancelled.append(client_order_id)
        return self.desk.register.orders[(account, client_order_id)]


class Office:
    def __init__(self) -> None:
        self.leader = Leader()
        self.bus = MemoryBus(MemoryHub(), channels=CHANNELS)
        self.clock = ManualClock(TEN)
        self.desk = AlgoDesk(self.leader, self.bus, self.clock)
        self.tasks: list[bytes] = []
        self.controls: list[bytes] = []

    async def open(self) -> None:
        await self.bus.connect()

        async def on_task(message: Message) -> None:
            self.tasks.append(message.payload)

        async def on_control(message: Message) -> None:
            self.controls.append(message.payload)

        await self.bus.subscribe(ALGO_ORDERS, on_task, group="execution-algo", max_in_flight=9)
        await self.bus.subscribe(ALGO_CONTROL, on_control)
        await self.desk.take_over()

    async def ask(self, **fields: object) -> dict[str, Any]:
        request = msgspec.convert({"symbol": "IF2501", "volume": 10, "algo_id": "a1"} | fields, AlgoOrder)
        reply: dict[str, Any] = json.loads(encode(await self.desk.handle(request)))
        await settle()
        return reply

    async def control(self, action: str, **fields: object) -> dict[str, Any]:
        reply: dict[str, Any] = json.loads(encode(await self.desk.handle(order(action, **fields))))
        await settle()
        return reply

    async def tell(self, *, filled: int, status: AlgoStatus = AlgoStatus.FINISHED, epoch: int = 1) -> None:
        told = AlgoProgress(
            algo_id="a1",
            algo="TWAP",
            symbol="IF2501",
            account="A1",
            direction="LONG",
            worker="w1",
            epoch=epoch,
            status=status,
            reason="",
            final=status.over,
            volume=10,
            filled=filled,
            working=0,
            slices_done=0,
            slices_planned=0,
            children=0,
            average_price=None,
            arrival_price=None,
            market_vwap=None,
            slippage=None,
            datetime="",
        )
        await self.bus.publish(progress_topic("a1"), encode(told))
        await settle()

    def child(self, number: int, lots: int, traded: int = 0, status: OrderStatus = OrderStatus.OPEN) -> None:
        """A child that went through: accepted, and told of by the exchange."""
        intent = child(number, lots)
        self.leader.record(facts.OrderAccepted(time_ns=TEN, intent=intent))
        left = 0 if status.terminal else lots - traded
        order = Order(intent=intent, status=status, order_id=str(number), traded_lots=traded, left_lots=left)
        report = OrderReport(sequence=0, time_ns=TEN, trading_day=20250106, order=order)
        self.leader.record(facts.ReportApplied(time_ns=TEN, report=report))

    def check(self, intent: OrderIntent) -> str:
        try:
            check_child(self.leader.desk.register, intent)
        except RiskRefused as refusal:
            return refusal.reason_code
        return ""


def child(number: int, lots: int, **fields: object) -> OrderIntent:
    intent = OrderIntent(
        client_order_id=f"a1-{number}-0",
        account="A1",
        symbol="IF2501",
        exchange=Exchange.CFFEX,
        side=Side.BUY,
        offset=Offset.OPEN,
        order_type=OrderType.FAK,
        price_ticks=19_501,
        volume_lots=lots,
        reference="a1",
    )
    return msgspec.structs.replace(intent, **fields)


def order(action: str, **fields: object) -> AlgoOrder:
    return msgspec.convert({"algo_id": "a1", "action": action} | fields, AlgoOrder)


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    office = Office()
    await office.open()
    yield office
    await office.desk.stop()
    await office.bus.close()


async def refused(office: Office, request: AlgoOrder) -> str:
    with pytest.raises(TradepitError) as refusal:
        await office.desk.handle(request)
    return refusal.value.reason_code


async def test_an_order_is_durable_before_any_worker_hears_of_it(office: Office) -> None:
    office.leader.hold = True
    asked = asyncio.ensure_future(office.ask())
    await settle()
    assert [type(fact) for fact in office.leader.facts] == [facts.AlgoAccepted]
    assert not asked.done()
    assert office.tasks == []
    office.leader.waiting[0].set_result(1)
    assert await asked == {"success": True, "algo_id": "a1", "status": "accepted"}
    [payload] = office.tasks
    task = read_task(payload)
    assert isinstance(task, AlgoTask)
    assert (task.start_ns, task.instrument, task.duration, task.account) == (TEN, IF, 60.0, "A1")
    assert task.windows[0][0] < TEN < task.windows[0][1]


async def test_what_never_became_durable_is_not_handed_out(office: Office) -> None:
    office.leader.hold = True
    asked = asyncio.ensure_future(office.ask())
    await settle()
    office.leader.waiting[0].set_exception(StaleEpoch())
    with pytest.raises(NotActive):
        await asked
    assert office.tasks == []


async def test_starting_twice_is_starting_once(office: Office) -> None:
    first = await office.ask(price=3900.2)
    office.clock.advance_to(TEN + 10**10)
    again = await office.ask(price=3900.20, volume=10.0, duration=60, account="A1", exchange="CFFEX", algo="twap", epoch=9)
    assert first == again
    assert len(office.leader.facts) == len(office.tasks) == 1


async def test_two_at_once_are_one(office: Office) -> None:
    replies = await asyncio.gather(*(office.ask() for _ in range(5)))
    assert all(reply == replies[0] for reply in replies)
    assert len(office.leader.facts) == len(office.tasks) == 1


@pytest.mark.parametrize("fields", [{"volume": 11}, {"direction": "SHORT"}, {"price": 3900.2}, {"account": "A2"}, {"seed": 1}])
async def test_an_id_names_one_algorithm(office: Office, fields: dict[str, object]) -> None:
    await office.ask()
    with pytest.raises(TradepitError) as refusal:
        await office.ask(**fields)
    assert refusal.value.reason_code == "DUPLICATE_ID"


async def test_without_an_id_one_is_made(office: Office) -> None:
    names = {(await office.ask(algo_id=""))["algo_id"] for _ in range(3)}
    assert len(names) == 3
    assert all(name.startswith("ALGO") for name in names)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"action": "launch"}, "INVALID_REQUEST"),
        ({"algo": "POV"}, "INVALID_REQUEST"),
        ({"symbol": "XX99"}, "INSTRUMENT_NOT_FOUND"),
        ({"symbol": "IF 2501"}, "ID_NOT_VALID"),
        ({"volume": 0}, "VOLUME_NOT_VALID"),
        ({"price": 3900.3}, "PRICE_WRONG_TICK"),
        ({"duration": -5}, "INVALID_REQUEST"),
        ({"interval": 0.1}, "INVALID_REQUEST"),
        ({"exchange": "DCE"}, "INVALID_REQUEST"),
        ({"account": "stranger"}, "ACCOUNT_NOT_FOUND"),
        ({"account": "no body"}, "ID_NOT_VALID"),
        ({"algo_id": "with.dots"}, "ID_NOT_VALID"),
        ({"algo_id": "x" * 60}, "INVALID_REQUEST"),
        ({"algo": "VWAP", "curve": [2, 1]}, "INVALID_REQUEST"),
    ],
)
async def test_bad_orders_are_refused_with_their_code(office: Office, fields: dict[str, object], code: str) -> None:
    request = msgspec.convert({"symbol": "IF2501", "volume": 10, "algo_id": "a1"} | fields, AlgoOrder)
    assert await refused(office, request) == code
    await settle()
    assert office.leader.facts == []
    assert office.tasks == []


async def test_outside_trading_there_is_nothing_to_run(office: Office) -> None:
    office.clock.advance_to(TEN + 6 * 3600 * 10**9)
    assert await refused(office, AlgoOrder(symbol="IF2501", volume=1)) == "INVALID_REQUEST"


@pytest.mark.parametrize("scope", ["global", "account:A1", "symbol:IF2501", "reference:a1"])
async def test_a_halted_scope_starts_no_algorithm(office: Office, scope: str) -> None:
    office.leader.desk.exposure.set_state(scope, TradingState.HALTED)
    with pytest.raises(TradepitError) as refusal:
        await office.ask()
    assert refusal.value.reason_code == "TRADING_HALTED"
    office.leader.desk.exposure.set_state(scope, TradingState.ACTIVE)
    assert (await office.ask())["success"]


async def test_an_id_whose_children_exist_already_is_not_taken(office: Office) -> None:
    office.leader.record(facts.OrderAccepted(time_ns=TEN, intent=child(0, 1)))
    with pytest.raises(TradepitError) as refusal:
        await office.ask()
    assert refusal.value.reason_code == "DUPLICATE_ID"


@pytest.mark.parametrize("action", [*CONTROLS, "status", "children"])
async def test_what_is_not_known_cannot_be_controlled(office: Office, action: str) -> None:
    assert await refused(office, order(action, algo_id="nobody")) == "ORDER_NOT_FOUND"
    if action != "status":  # without an id it lists all
        assert await refused(office, order(action, algo_id="")) == "ID_NOT_VALID"


async def test_controls_are_recorded_then_told_once_each(office: Office) -> None:
    await office.ask()
    office.child(0, 2)
    for action, status in (("pause", "PAUSED"), ("pause", "PAUSED"), ("resume", "ACCEPTED"), ("cancel", "STOPPING")):
        assert (await office.control(action))["status"] == status
    recorded = [fact.action for fact in office.leader.facts if isinstance(fact, facts.AlgoControlled)]
    assert recorded == ["pause", "resume", "cancel"]
    assert [json.loads(payload)["action"] for payload in office.controls] == ["pause", "pause", "resume", "cancel"]
    assert office.leader.cancelled == ["a1-0-0"] * 3
    standing = await office.control("status")
    assert [json.loads(body)["action"] for body in standing["controls"]] == recorded


async def test_amending(office: Office) -> None:
    await office.ask(price=3900.2)
    office.child(0, 4, traded=4, status=OrderStatus.FILLED)
    assert (await office.control("amend", volume=6))["volume"] == 6
    assert (await office.control("amend", volume=8, price=3900.0, duration=90))["volume"] == 8
    for fields, code in (
        ({}, "INVALID_REQUEST"),
        ({"volume": 3}, "VOLUME_NOT_VALID"),
        ({"volume": -1}, "VOLUME_NOT_VALID"),
        ({"price": 3900.1}, "PRICE_WRONG_TICK"),
        ({"price": 0}, "PRICE_NOT_VALID"),
        ({"duration": 0}, "INVALID_REQUEST"),
    ):
        assert await refused(office, order("amend", **fields)) == code
    await office.control("cancel")
    assert await refused(office, order("amend", volume=9)) == "INVALID_REQUEST"
    assert len([fact for fact in office.leader.facts if isinstance(fact, facts.AlgoControlled)]) == 3


async def test_the_end_is_recorded_when_nothing_works_and_every_lot_is_seen(office: Office) -> None:
    await office.ask()
    office.child(0, 4, traded=4, status=OrderStatus.FILLED)
    office.child(1, 3, traded=1)
    await office.tell(filled=5)
    assert not (await office.control("status"))["ended"]
    office.child(1, 3, traded=2, status=OrderStatus.CANCELLED)
    await office.tell(filled=5)
    assert not (await office.control("status"))["ended"]
    await office.tell(filled=6)
    await office.tell(filled=6)
    standing = await office.control("status")
    assert (standing["status"], standing["ended"], standing["filled"]) == ("FINISHED", True, 6)
    assert len([fact for fact in office.leader.facts if isinstance(fact, facts.AlgoEnded)]) == 1
    assert (await office.control("cancel"))["status"] == "FINISHED"
    assert await refused(office, order("resume")) == "INVALID_REQUEST"


async def test_a_former_worker_is_not_believed(office: Office) -> None:
    await office.ask()
    await office.tell(filled=0, status=AlgoStatus.RUNNING, epoch=3)
    await office.tell(filled=0, status=AlgoStatus.STOPPED, epoch=2)
    standing = await office.control("status")
    assert (standing["status"], standing["ended"]) == ("RUNNING", False)
    await office.bus.publish(progress_topic("a1"), b"\xff{")
    await settle()
    assert (await office.control("status"))["progress"]["epoch"] == 3


async def test_a_new_leader_hands_out_again_what_has_not_ended(office: Office) -> None:
    await office.ask()
    await office.ask(algo_id="a2")
    await office.tell(filled=0)
    office.bus._hub.logs["orders.algo"]._ids = SeenIds()  # as after the bus's window for repeated ids
    await office.desk.stop()
    office.desk = AlgoDesk(office.leader, office.bus, office.clock)
    office.tasks.clear()
    await office.desk.take_over()
    await settle()
    assert [json.loads(payload)["algo_id"] for payload in office.tasks] == ["a2"]


async def test_children_come_in_pages_in_their_order(office: Office) -> None:
    await office.ask(volume=300)
    for number in (10, 9, *range(9), *range(11, 230)):
        office.child(number, 1, traded=1, status=OrderStatus.FILLED)
    first = await office.control("children")
    second = await office.control("children", page=1)
    names = [row["client_order_id"] for row in first["orders"] + second["orders"]]
    assert names == [f"a1-{number}-0" for number in range(230)]
    assert first["total"] == second["total"] == 230
    assert (await office.control("children", page=7))["orders"] == []


async def test_all_algorithms_can_be_listed(office: Office) -> None:
    await office.ask()
    await office.ask(algo_id="b1", account="B")
    listing = await office.control("status", algo_id="")
    assert [(each["algo_id"], each["status"]) for each in listing["algos"]] == [("a1", "ACCEPTED"), ("b1", "ACCEPTED")]
    assert [each["algo_id"] for each in (await office.control("status", algo_id="", account="B"))["algos"]] == ["b1"]


async def test_children_never_exceed_the_volume_whoever_sends_them(office: Office) -> None:
    await office.ask()
    office.child(0, 4, traded=4, status=OrderStatus.FILLED)
    office.child(1, 3, traded=1)
    assert office.check(child(2, 3)) == ""
    assert office.check(child(2, 4)) == "ALGO_OVERFILL"
    office.child(1, 3, traded=1, status=OrderStatus.CANCELLED)
    assert office.check(child(2, 5)) == ""
    office.leader.record(facts.OrderAccepted(time_ns=TEN, intent=child(2, 5)))
    office.leader.record(facts.OrderSending(time_ns=TEN, account="A1", client_order_id="a1-2-0", epoch=1))
    assert office.check(child(3, 1)) == "ALGO_OVERFILL"
    record = office.leader.desk.register.algos["a1"]
    assert child_lots(office.leader.desk.register, record) == (5, 5)
    assert [each.client_order_id for each in children_of(office.leader.desk.register, record)] == ["a1-0-0", "a1-1-0", "a1-2-0"]


async def test_an_amended_volume_is_the_one_that_counts(office: Office) -> None:
    await office.ask()
    office.child(0, 4, traded=4, status=OrderStatus.FILLED)
    await office.control("amend", volume=5)
    assert office.check(child(1, 2)) == "ALGO_OVERFILL"
    assert office.check(child(1, 1)) == ""
    await office.control("amend", volume=20)
    assert office.check(child(1, 16)) == ""


async def test_only_such_orders_as_the_algorithm_sends_may_carry_its_name(office: Office) -> None:
    await office.ask(price=3900.2)
    wrong: list[dict[str, object]] = [
        {"client_order_id": "mine"},
        {"reference": ""},
        {"side": Side.SELL},
        {"offset": Offset.CLOSE},
        {"symbol": "IF2502"},
    ]
    assert {office.check(child(0, 1, **fields)) for fields in wrong} == {"ALGO_CHILD_NOT_VALID"}
    assert office.check(child(0, 1, price_ticks=19_502)) == "ALGO_LIMIT_PRICE"
    assert office.check(child(0, 1, price_ticks=0, order_type=OrderType.MARKET)) == "ALGO_LIMIT_PRICE"
    assert office.check(child(0, 1)) == ""
    assert office.check(child(0, 99, account="B")) == ""
    assert office.check(child(0, 99, client_order_id="free", reference="bot-7")) == ""


async def test_nothing_is_let_in_while_paused_after_a_cancel_or_after_the_end(office: Office) -> None:
    await office.ask()
    await office.control("pause")
    assert office.check(child(0, 1)) == "ALGO_PAUSED"
    await office.control("resume")
    assert office.check(child(0, 1)) == ""
    await office.control("cancel")
    assert office.check(child(0, 1)) == "ALGO_CANCELLED"
    await office.tell(filled=0, status=AlgoStatus.STOPPED)
    assert office.check(child(0, 1)) == "ALGO_ENDED"
