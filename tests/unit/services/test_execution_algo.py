"""Execution algorithms end to end in one process: real desk, leader and workers, a small exchange, a clock moved by hand.

Every word of a worker passes a gate, so that it can be paused or killed at any point.
"""

import asyncio
import heapq
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tradepit.backends.bus import memory_log
from tradepit.backends.bus.memory import MemoryBus, MemoryHub
from tradepit.backends.journal.memory import MemoryJournal, MemoryJournalStore
from tradepit.backends.lease.memory import MemoryLease, MemoryLeaseStore
from tradepit.ports.broker import Capabilities, Listing
from tradepit.ports.bus import Channel, Handler, Message, Outgoing, Responder, Subscription
from tradepit.ports.lease import Grant
from tradepit.runtime.clock import SystemClock
from tradepit.runtime.journal_writer import JournalWriter
from tradepit.runtime.order_client import OrderClient
from tradepit.services.algo_run import AlgoWorkerSettings
from tradepit.services.execution_algo import ExecutionAlgo
from tradepit.services.order_algos import AlgoDesk
from tradepit.services.order_leader import OrderLeader
from tradepit.services.order_rpc import OrderDoors
from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.model.account import Account
from tradepit.trading.model.errors import OrderNotFound, OutcomeUnknown
from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.position import Position
from tradepit.trading.model.report import OrderReport, Report, TradeReport
from tradepit.trading.model.terms import Offset, OrderStatus, OrderType, SessionPhase, Side
from tradepit.trading.model.tick import Level, Tick
from tradepit.trading.model.trade import Trade
from tradepit.trading.orders import events as facts
from tradepit.trading.orders.desk import OrderDesk
from tradepit.trading.risk.review import Approved
from tradepit.trading.risk.trading_state import TradingState
from tradepit.wire.simulator import CHANNELS, rpc_subject, tick_topic
from tradepit.wire.simulator_codec import encode, order_data, tick_data, trade_data

TEN = 1_736_128_800_000_000_000  # 2025-01-06 10:00 in China, continuous trading on CFFEX
DAY = 20250106
SECOND = 1_000_000_000
IF = load_catalog().instrument("IF2501", on=date(2025, 1, 6), listing_price=Decimal(3900))
BID, ASK = 19_500, 19_501


class VirtualClock:
    """Time that moves only when the test says so; whoever sleeps wakes in order, and everything that follows is done at once."""

    def __init__(self) -> None:
        self.mono = 1
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []
        self._count = 0

    def now_ns(self) -> int:
        return TEN + self.mono

    def monotonic_ns(self) -> int:
        return self.mono

    async def sleep(self, seconds: float) -> None:
        self._count += 1
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.mono + max(1, int(seconds * SECOND)), self._count, future))
        await future

    async def run(self, seconds: float) -> None:
        end = self.mono + int(seconds * SECOND)
        await settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            at, _, future = heapq.heappop(self._sleepers)
            self.mono = max(self.mono, at)
            if not future.done():
                future.set_result(None)
                await settle()
        self.mono = max(self.mono, end)


async def settle() -> None:
    """Let everybody run until nobody can any more."""
    loop: Any = asyncio.get_running_loop()
    for _ in range(3):
        await asyncio.sleep(0)
    while loop._ready:  # noqa: ASYNC110 - it is the loop itself that is waited for
        await asyncio.sleep(0)


class Gate:
    """Open: everything passes. Closed: the process behind it stands still, as after SIGSTOP. ``trap`` closes it at a request."""

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self._open.set()
        self.dead = False
        self.trap: Callable[[str], bool] = lambda _: False

    def close(self) -> None:
        self._open.clear()

    def open(self) -> None:
        """Go on, unless dead."""
        self.trap = lambda _: False
        if not self.dead:
            self._open.set()

    @property
    def closed(self) -> bool:
        return not self._open.is_set()

    async def wait(self) -> None:
        await self._open.wait()


class GatedBus:
    def __init__(self, inner: MemoryBus, gate: Gate) -> None:
        self.inner, self._gate = inner, gate

    async def connect(self) -> None:
        await self.inner.connect()

    async def publish(
        self, subject: str, payload: bytes, *, message_id: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        await self._gate.wait()
        await self.inner.publish(subject, payload, message_id=message_id, headers=headers)

    async def subscribe(
        self, channel: Channel, handler: Handler, *, group: str = "", replay: bool = False, max_in_flight: int = 1
    ) -> Subscription:
        async def gated(message: Message) -> None:
            await self._gate.wait()
            await handler(message)

        return await self.inner.subscribe(channel, gated, group=group, replay=replay, max_in_flight=max_in_flight)

    async def publish_all(self, messages: Sequence[Outgoing]) -> None:
        for message in messages:
            await self.publish(message.subject, message.payload, message_id=message.message_id)

    async def last(self, channel: Channel) -> Message | None:
        return await self.inner.last(channel)

    async def request(self, subject: str, payload: bytes, *, timeout_s: float) -> bytes:
        if self._gate.trap(subject):
            self._gate.close()
        await self._gate.wait()
        reply = await self.inner.request(subject, payload, timeout_s=timeout_s)
        await self._gate.wait()
        return reply

    async def serve(self, subject: str, responder: Responder, *, group: str = "") -> Subscription:
        return await self.inner.serve(subject, responder, group=group)

    async def close(self) -> None:
        await self.inner.close()


class GatedClock:
    def __init__(self, inner: VirtualClock, gate: Gate) -> None:
        self._inner, self._gate = inner, gate

    def now_ns(self) -> int:
        return self._inner.now_ns()

    def monotonic_ns(self) -> int:
        return self._inner.monotonic_ns()

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)
        await self._gate.wait()


class GatedLease(MemoryLease):
    def __init__(self, store: MemoryLeaseStore, name: str, gate: Gate) -> None:
        super().__init__(store, name)
        self._gate = gate

    async def read(self) -> Grant | None:
        await self._gate.wait()
        return await super().read()

    async def acquire(self, holder: str, *, seen: Grant | None) -> Grant | None:
        await self._gate.wait()
        return await super().acquire(holder, seen=seen)

    async def refresh(self, grant: Grant) -> Grant | None:
        await self._gate.wait()
        return await super().refresh(grant)


class Exchange:
    """A broker with a quote and ``depth`` lots behind it for immediate orders; limit orders rest until ``trade_resting``."""

    capabilities = Capabilities(order_types=frozenset(OrderType), offsets=frozenset(Offset), reduces=True, voids_unknown=True)

    def __init__(self, clock: VirtualClock, bus: MemoryBus) -> None:
        self._clock, self._bus = clock, bus
        self.depth = 1_000_000
        self.lose_answers = 0
        self.refuse: list[str] = []
        self.orders: dict[str, Order] = {}
        self.history: list[Report] = []
        self._news = asyncio.Event()

    @property
    def traded(self) -> int:
        return sum(order.traded_lots for order in self.orders.values())

    @property
    def exposed(self) -> int:
        return sum(order.traded_lots + order.left_lots for order in self.orders.values())

    async def connect(self) -> None: ...
    async def close(self) -> None: ...
    async def open_session(self, epoch: int) -> None: ...

    async def submit(self, approved: Approved, *, epoch: int) -> Order:
        intent = approved.intent
        if intent.client_order_id not in self.orders:
            await self._take(intent)
        if self.lose_answers:
            self.lose_answers -= 1
            raise OutcomeUnknown(client_order_id=intent.client_order_id)
        return self.orders[intent.client_order_id]

    async def _take(self, intent: OrderIntent) -> None:
        if self.refuse:
            await self._tell(Order(intent=intent, status=OrderStatus.REJECTED, reason=self.refuse.pop(0)))
            return
        order = Order(
            intent=intent,
            status=OrderStatus.OPEN,
            order_id=f"x{len(self.orders) + 1}",
            left_lots=intent.volume_lots,
            inserted_ns=self._clock.now_ns(),
        )
        await self._tell(order)
        if intent.order_type is OrderType.FAK:
            lots = min(self.depth, intent.volume_lots)
            if lots:
                await self.trade(intent.client_order_id, lots)
            await self._end(intent.client_order_id)

    async def trade(self, client_order_id: str, lots: int) -> None:
        order = self.orders[client_order_id]
        self.depth -= lots
        intent = order.intent
        trade = Trade(
            trade_id=f"t{len(self.history)}",
            order_id=order.order_id,
            client_order_id=client_order_id,
            account=intent.account,
            symbol=intent.symbol,
            exchange=intent.exchange,
            side=intent.side,
            offset=intent.offset,
            price_ticks=intent.price_ticks,
            volume_lots=lots,
            time_ns=self._clock.now_ns(),
            trading_day=DAY,
        )
        self._keep(TradeReport(sequence=len(self.history) + 1, time_ns=self._clock.now_ns(), trading_day=DAY, trade=trade))
        await self._bus.publish("trades.executed", encode(trade_data(trade, IF, seq=len(self.history))))
        left = order.left_lots - lots
        status = OrderStatus.PARTIAL if left else OrderStatus.FILLED
        await self._tell(msgspec.structs.replace(order, traded_lots=order.traded_lots + lots, left_lots=left, status=status))

    async def trade_resting(self, lots: int) -> None:
        for name, order in list(self.orders.items()):
            if order.left_lots:
                await self.trade(name, min(lots, order.left_lots))

    async def _end(self, client_order_id: str) -> None:
        order = self.orders[client_order_id]
        if order.left_lots:
            await self._tell(msgspec.structs.replace(order, status=OrderStatus.CANCELLED, left_lots=0))

    async def _tell(self, order: Order) -> None:
        order = msgspec.structs.replace(order, updated_ns=self._clock.now_ns())
        self.orders[order.client_order_id] = order
        number = len(self.history) + 1
        self._keep(OrderReport(sequence=number, time_ns=self._clock.now_ns(), trading_day=DAY, order=order))
        topic = {OrderStatus.OPEN: "orders.new", OrderStatus.PARTIAL: "orders.filled", OrderStatus.FILLED: "orders.filled"}
        data = order_data(order, IF, seq=number, trading_day=DAY)
        await self._bus.publish(topic.get(order.status, "orders.cancelled"), encode(data))

    def _keep(self, report: Report) -> None:
        self.history.append(report)
        self._news.set()

    async def cancel(self, account: str, client_order_id: str, *, epoch: int) -> Order:
        if client_order_id not in self.orders:
            raise OrderNotFound(client_order_id=client_order_id)
        await self._end(client_order_id)
        return self.orders[client_order_id]

    async def resolve(self, intent: OrderIntent, *, epoch: int) -> Order:
        void = Order(intent=intent, status=OrderStatus.REJECTED, reason="NOT_SENT")
        return self.orders.setdefault(intent.client_order_id, void)

    async def query(self, account: str, client_order_id: str) -> Order | None:
        return self.orders.get(client_order_id)

    async def reports(self, after: int) -> AsyncIterator[Report]:
        while True:
            while after < len(self.history):
                after += 1
                yield self.history[after - 1]
            self._news.clear()
            await self._news.wait()

    async def last_report(self) -> int:
        return len(self.history)

    async def instruments(self) -> list[Listing]:
        listing = Listing(
            instrument=IF,
            phase=SessionPhase.CONTINUOUS,
            lower_limit_ticks=17_550,
            upper_limit_ticks=21_450,
            pre_settlement=Decimal(3900),
        )
        return [listing]

    async def find(self, symbol: str) -> Listing | None:
        return next((listing for listing in await self.instruments() if listing.instrument.symbol == symbol), None)

    async def account(self, account: str) -> Account:
        return Account(account=account, pre_balance=Decimal(100_000_000))

    async def positions(self, account: str) -> list[Position]:
        return []


class Worker:
    """One ExecutionAlgo with its gate."""

    def __init__(self, house: "House", name: str) -> None:
        self.gate = Gate()
        self.bus = GatedBus(MemoryBus(house.hub, channels=CHANNELS), self.gate)
        clock = GatedClock(house.clock, self.gate)
        self.client = OrderClient(self.bus, clock, seed=1)
        self.service = ExecutionAlgo(
            instance=name,
            bus=self.bus,
            clock=clock,
            orders=self.client,
            lease_for=lambda algo_id: GatedLease(house.leases, algo_id, self.gate),
            settings=AlgoWorkerSettings(),
            stamps=clock,
        )

    async def kill(self) -> None:
        """What SIGKILL leaves: nothing more is said or done, and the bus gives its work to another."""
        self.gate.close()
        self.gate.dead = True
        await self.bus.inner.abandon()

    @property
    def figures(self) -> dict[str, Any]:
        return dict(self.service.health().figures)


class House:
    """Exchange, order management with a journal, and workers that come and go."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.hub = MemoryHub()
        self.bus = MemoryBus(self.hub, channels=CHANNELS)
        self.journal = MemoryJournalStore()
        self.leases = MemoryLeaseStore()
        self.exchange = Exchange(self.clock, self.bus)
        self.workers: list[Worker] = []
        self.progress: list[dict[str, Any]] = []
        self.epoch = 0
        self.volume = 0
        self._doors: list[Subscription] = []

    async def start(self, workers: int) -> None:
        await self.bus.connect()
        await self.bus.subscribe(Channel(name="p", subject="algo.progress.*"), self._on_progress)
        await self.take_over()
        for _ in range(workers):
            await self.add_worker()
        await self.quote()

    async def _on_progress(self, message: Message) -> None:
        self.progress.append(json.loads(message.payload))

    async def add_worker(self) -> Worker:
        worker = Worker(self, f"w{len(self.workers) + 1}")
        self.workers.append(worker)
        await worker.service.start()
        return worker

    async def take_over(self) -> None:
        """A new leader reads the journal, clears up, opens the doors."""
        self.epoch += 1
        journal, desk = MemoryJournal(self.journal), OrderDesk((TradingState(),))
        await journal.open()
        async for entry in journal.read():
            for record in entry.records:
                desk.apply(msgspec.json.decode(record, type=facts.Fact), replayed=True)
        sequence, _ = await journal.last()
        self.writer = JournalWriter(journal, last=sequence, epoch=self.epoch, on_fenced=lambda: None)
        self.writer.start()
        self.leader = OrderLeader(desk, self.writer, self.exchange, self.clock, epoch=self.epoch, on_fenced=lambda: None)
        starting = asyncio.ensure_future(self.leader.start())
        while not starting.done():
            await self.clock.run(0.01)
        await starting
        self.desk = AlgoDesk(self.leader, self.bus, self.clock)
        doors = OrderDoors(lambda: self.leader, lambda: self.desk, self.exchange, dict, SystemClock(), default_account="A1")
        for name, method in doors.methods.items():
            self._doors.append(await self.bus.serve(rpc_subject("order-management", name), doors.responder(method)))
        await self.desk.take_over()

    async def depose(self) -> None:
        """The leader is gone; nobody answers."""
        doors, self._doors = self._doors, []
        for door in doors:
            await door.stop()
        await self.desk.stop()
        await self.leader.stop()
        await self.writer.stop()

    async def answer_not_active(self) -> None:
        async def refuse(message: Message) -> bytes:
            return b'{"success": false, "error": "NOT_ACTIVE", "message": "ask the active one"}'

        for name in ("buy", "sell", "cancel", "orders", "algo_order"):
            self._doors.append(await self.bus.serve(rpc_subject("order-management", name), refuse))

    async def quote(self, bid: int = BID, ask: int = ASK, lots: int = 20) -> None:
        self.volume += lots
        tick = Tick(
            symbol="IF2501",
            exchange=IF.product.exchange,
            time_ns=self.clock.now_ns(),
            trading_day=DAY,
            last_ticks=ask,
            volume_lots=self.volume,
            turnover=Decimal(0),
            open_interest=0,
            open_ticks=ask,
            high_ticks=ask,
            low_ticks=bid,
            upper_limit_ticks=21_450,
            lower_limit_ticks=17_550,
            pre_close_ticks=ASK,
            pre_settlement=Decimal(3900),
            bids=(Level(bid, 50),),
            asks=(Level(ask, 50),),
        )
        await self.bus.publish(tick_topic("IF2501"), encode(tick_data(tick, IF)))

    async def run(self, seconds: float, lots: int = 20, until: Callable[[], bool] = lambda: False) -> None:
        """Half-second ticks; at every one of them no more than asked for is traded or working."""
        for _ in range(int(seconds * 2)):
            await self.quote(lots=lots)
            await self.clock.run(0.5)
            for record in self.leader.desk.register.algos.values():
                assert self.exchange.exposed <= json.loads(record.body)["volume"], "over-filled"
            if until():
                return

    async def ask(self, **body: object) -> dict[str, Any]:
        asked = asyncio.ensure_future(self.bus.request("rpc.order-management.algo_order", encode(body), timeout_s=60))
        while not asked.done():
            await self.clock.run(0.01)
        reply: dict[str, Any] = json.loads(asked.result())
        return reply

    async def begin(self, **body: object) -> None:
        order: dict[str, object] = {"symbol": "IF2501", "volume": 10, "duration": 30, "algo_id": "a1", **body}
        assert await self.ask(**order) == {"success": True, "algo_id": order["algo_id"], "status": "accepted"}

    async def standing(self) -> dict[str, Any]:
        return await self.ask(action="status", algo_id="a1")

    @property
    def children(self) -> list[str]:
        return [name for name, order in self.exchange.orders.items() if order.status is not OrderStatus.REJECTED]

    async def close(self) -> None:
        for worker in self.workers:
            worker.gate.dead = False
            worker.gate.open()
        stopping = asyncio.gather(*(worker.service.stop() for worker in self.workers))
        while not stopping.done():
            await self.clock.run(0.5)
        await self.depose()
        for worker in self.workers:
            await worker.bus.close()
        await self.bus.close()


@pytest.fixture
async def house(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    monkeypatch.setattr(memory_log, "_AGAIN_S", 0.0)
    house = House()
    yield house
    await house.close()


def working(house: House) -> Worker:
    """The worker that holds the claim."""
    [holder] = [worker for worker in house.workers if not worker.gate.closed and worker.figures["running"]]
    return holder


async def test_twap_is_worked_evenly_to_its_end(house: House) -> None:
    await house.start(workers=3)
    await house.begin()
    await house.run(15)
    assert 4 <= house.exchange.traded <= 6
    await house.run(17)
    standing = await house.standing()
    assert (standing["status"], standing["ended"], standing["filled"], standing["working"]) == ("FINISHED", True, 10, 0)
    assert house.children == [f"a1-{number}-0" for number in range(10)]
    assert all(order.intent.price_ticks == ASK for order in house.exchange.orders.values())
    last = house.progress[-1]
    assert (last["status"], last["final"], last["filled"], last["children"]) == ("FINISHED", True, 10, 10)
    assert (last["average_price"], last["arrival_price"], last["slippage"]) == (3900.2, 3900.1, 0.1)
    assert sum(worker.figures["finished"] for worker in house.workers) == 1
    assert sum(worker.figures["claims"] for worker in house.workers) == 1
    assert all(worker.figures["running"] == 0 for worker in house.workers)


async def test_progress_is_told_at_least_every_second(house: House) -> None:
    await house.start(workers=1)
    await house.begin()
    for _ in range(10):
        before = len(house.progress)
        await house.run(1.5)
        assert len(house.progress) > before
    figures = house.workers[0].figures
    assert figures["running"] == 1
    assert 0 <= figures["last_progress_age_s"] <= 1.5
    assert house.workers[0].service.health().ready


async def test_vwap_follows_the_market_volume(house: House) -> None:
    await house.start(workers=2)
    await house.begin(algo="VWAP", volume=200, participation=0.2)
    await house.run(15, lots=10)
    assert 0.1 * 300 <= house.exchange.traded <= 0.2 * 300
    await house.run(16, lots=10)
    standing = await house.standing()
    assert standing["ended"]
    assert standing["status"] == "FINISHED"
    assert standing["progress"]["reason"] == "END_REACHED"
    assert standing["filled"] == house.exchange.traded < 200


async def test_vwap_follows_a_curve(house: House) -> None:
    await house.start(workers=1)
    await house.begin(algo="VWAP", volume=40, curve=[30, 30, 40])
    await house.run(11)
    assert house.exchange.traded >= 24
    await house.run(21)
    assert (await house.standing())["filled"] == 40


async def test_a_silent_market_gets_no_order_and_the_end_is_clean(house: House) -> None:
    await house.start(workers=1)
    await house.begin()
    await house.clock.run(40)
    standing = await house.standing()
    assert (standing["status"], standing["filled"], standing["ended"]) == ("FINISHED", 0, True)


async def test_a_passive_child_rests_then_crosses(house: House) -> None:
    await house.start(workers=1)
    await house.begin(style="passive", direction="SHORT", volume=4, duration=12)
    await house.run(1)
    [first] = house.exchange.orders.values()
    assert (first.intent.order_type, first.intent.price_ticks, first.intent.side) == (OrderType.LIMIT, ASK, Side.SELL)
    await house.run(14)
    standing = await house.standing()
    assert (standing["filled"], standing["ended"]) == (4, True)
    assert first.client_order_id in house.exchange.orders
    assert house.exchange.orders[first.client_order_id].status is OrderStatus.CANCELLED
    assert any(order.intent.order_type is OrderType.FAK and order.traded_lots for order in house.exchange.orders.values())


async def test_a_killed_worker_is_replaced_and_nothing_is_doubled(house: House) -> None:
    await house.start(workers=2)
    await house.begin(style="passive")
    await house.run(10)
    first = working(house)
    await first.kill()
    await house.run(30)
    standing = await house.standing()
    assert (standing["status"], standing["filled"], standing["ended"]) == ("FINISHED", 10, True)
    assert house.exchange.traded == 10
    second = next(worker for worker in house.workers if worker is not first)
    assert second.figures["claims"] == second.figures["finished"] == 1


async def test_a_worker_killed_before_its_child_was_acknowledged_leaves_no_twin(house: House) -> None:
    await house.start(workers=2)
    await house.begin()
    await house.run(7)
    first = working(house)
    house.exchange.lose_answers = 1
    first.gate.trap = lambda subject: (
        subject.endswith(".orders") or (subject.endswith(".buy") and house.exchange.lose_answers == 0)
    )
    await house.run(4)
    await first.kill()
    await house.run(25)
    assert (await house.standing())["filled"] == house.exchange.traded == 10
    assert len(house.children) == len(set(house.children)) == 10


@pytest.mark.parametrize("late_s", [1.0, 6.0, 12.0, 40.0])
async def test_a_paused_worker_that_wakes_late_does_no_harm(house: House, late_s: float) -> None:
    """It is stopped after it looked at its claim and before its order left: the worst instant there is."""
    await house.start(workers=2)
    await house.begin()
    await house.run(7)
    first = working(house)
    first.gate.trap = lambda subject: subject.endswith(".buy")
    await house.run(4, until=lambda: first.gate.closed)
    assert first.gate.closed
    task = house.leader.desk.register.algos["a1"]
    await house.bus.publish(task.topic, task.body.encode())  # what the bus does when nobody says it is in progress
    await house.run(late_s)
    first.gate.open()
    await house.run(40)
    assert (await house.standing())["filled"] == house.exchange.traded == 10
    assert len(house.children) == len(set(house.children))
    if late_s > 3:
        assert first.figures["running"] == 0
        assert sum(worker.figures["claims"] for worker in house.workers) == 2


async def test_a_late_child_of_a_former_worker_counts_as_one_of_the_new(house: House) -> None:
    """Both send the same id with other terms: the second gets DUPLICATE_ID, finds the first and goes on from there."""
    await house.start(workers=2)
    await house.begin(duration=12, volume=8)
    await house.run(1)
    first = working(house)
    first.gate.trap = lambda subject: subject.endswith(".buy")
    await house.run(4, until=lambda: first.gate.closed)
    task = house.leader.desk.register.algos["a1"]
    await house.bus.publish(task.topic, task.body.encode())
    await house.clock.run(2.6)  # the new worker holds the claim; no tick yet, so nothing sent
    second = next(worker for worker in house.workers if worker is not first)
    assert second.figures["running"] == 1
    second.gate.trap = lambda subject: subject.endswith(".buy")
    await house.quote(ask=ASK + 1)
    await house.clock.run(3.1)
    await house.quote(ask=ASK + 1)
    await house.clock.run(0.1)
    assert second.gate.closed
    first.gate.open()
    await house.clock.run(0.1)
    late = house.children[-1]
    assert house.exchange.orders[late].intent.price_ticks == ASK
    second.gate.open()
    await house.run(20)
    assert (await house.standing())["filled"] == house.exchange.traded == 8
    assert second.figures["refused"] >= 1


@pytest.mark.parametrize(
    ("control", "status"), [({"action": "cancel"}, "STOPPED"), ({"action": "amend", "volume": 3}, "FINISHED")]
)
async def test_a_late_child_of_an_ended_algorithm_is_refused(house: House, control: dict[str, object], status: str) -> None:
    await house.start(workers=2)
    await house.begin()
    await house.run(8.5)
    assert house.exchange.traded == 3
    first = working(house)
    first.gate.trap = lambda subject: subject.endswith(".buy")
    await house.run(4, until=lambda: first.gate.closed)
    await house.ask(algo_id="a1", **control)
    task = house.leader.desk.register.algos["a1"]
    await house.bus.publish(task.topic, task.body.encode())
    await house.run(6)
    standing = await house.standing()
    assert (standing["status"], standing["ended"], standing["filled"]) == (status, True, 3)
    first.gate.open()
    await house.run(6)
    assert house.exchange.traded == 3
    assert first.figures["refused"] == 1
    assert first.figures["running"] == 0


async def test_pause_cancels_the_child_and_resume_goes_on(house: House) -> None:
    await house.start(workers=2)
    await house.begin(style="passive", duration=60, volume=20)
    await house.run(7)
    reply = await house.ask(action="pause", algo_id="a1")
    assert reply["status"] == "PAUSED"
    await house.clock.run(0.5)
    sent = len(house.exchange.orders)
    assert all(order.left_lots == 0 for order in house.exchange.orders.values())
    await house.run(10)
    assert len(house.exchange.orders) == sent
    assert house.progress[-1]["status"] == "PAUSED"
    assert (await house.ask(action="resume", algo_id="a1"))["status"] == "RUNNING"
    await house.run(50)
    assert (await house.standing())["filled"] == 20


async def test_an_amended_total_and_price_hold_also_after_the_worker_died(house: House) -> None:
    await house.start(workers=2)
    await house.begin(price=3900.2)
    await house.run(10)
    assert (await house.ask(action="amend", algo_id="a1", volume=6, price=3900.4))["volume"] == 6
    await working(house).kill()
    for _ in range(60):
        await house.quote(ask=ASK + 1)
        await house.clock.run(0.5)
    standing = await house.standing()
    assert (standing["status"], standing["filled"], standing["ended"]) == ("FINISHED", 6, True)
    assert {order.intent.price_ticks for order in house.exchange.orders.values()} == {ASK, ASK + 1}


async def test_nothing_is_sent_beyond_the_limit(house: House) -> None:
    await house.start(workers=1)
    await house.begin(price=3900.0)
    await house.run(34)
    assert not house.exchange.orders
    assert (await house.standing())["status"] == "FINISHED"


async def test_cancel_stops_it_for_good_even_with_no_worker_left(house: House) -> None:
    await house.start(workers=1)
    await house.begin(style="passive", volume=50, duration=60)
    await house.run(7.5)
    await working(house).kill()
    assert (await house.ask(action="cancel", algo_id="a1"))["status"] == "STOPPING"
    await house.clock.run(0.5)
    assert all(order.left_lots == 0 for order in house.exchange.orders.values())
    await house.add_worker()
    await house.run(6)
    standing = await house.standing()
    assert (standing["status"], standing["ended"], standing["filled"]) == ("STOPPED", True, house.exchange.traded)
    assert (await house.ask(action="cancel", algo_id="a1"))["status"] == "STOPPED"


async def test_order_management_fails_over_in_the_middle(house: House) -> None:
    await house.start(workers=2)
    await house.begin()
    await house.run(7)
    house.exchange.lose_answers = 1
    await house.run(2)
    await house.depose()
    await house.run(4)  # nobody answers
    await house.answer_not_active()
    await house.run(4)
    doors, house._doors = house._doors, []
    for door in doors:
        await door.stop()
    await house.take_over()
    await house.run(20)
    standing = await house.standing()
    assert (standing["status"], standing["filled"], standing["ended"]) == ("FINISHED", 10, True)
    assert len(house.children) == len(set(house.children))
    assert sum(worker.figures["claims"] for worker in house.workers) == 1


async def test_refused_children_are_tried_again_and_too_many_end_it(house: House) -> None:
    await house.start(workers=1)
    house.exchange.refuse = ["RATE_LIMIT"] * 2
    await house.begin(volume=3, duration=9)
    await house.run(12)
    assert (await house.standing())["filled"] == 3
    house.exchange.refuse = ["NO_MONEY"] * 9
    assert (await house.ask(symbol="IF2501", volume=5, duration=30, algo_id="a2"))["success"]
    await house.run(33)
    standing = await house.ask(action="status", algo_id="a2")
    assert (standing["status"], standing["ended"], standing["filled"]) == ("FAILED", True, 0)


async def test_a_stopping_worker_hands_over_at_once(house: House) -> None:
    await house.start(workers=2)
    await house.begin()
    await house.run(7)
    first = working(house)
    stopping = asyncio.ensure_future(first.service.stop())
    await house.run(2)
    assert stopping.done()
    assert first.service.health().status == "STANDBY"
    assert working(house) is not first
    await house.run(25)
    assert (await house.standing())["filled"] == 10


async def test_algorithms_share_the_workers(house: House) -> None:
    await house.start(workers=3)
    for number in range(6):
        order = {"symbol": "IF2501", "volume": 5, "duration": 15, "algo_id": f"b{number}"}
        assert (await house.ask(**order))["success"]
    await house.quote()
    await house.clock.run(1)
    assert [worker.figures["running"] for worker in house.workers] == [2, 2, 2]
    for _ in range(36):
        await house.quote()
        await house.clock.run(0.5)
    listing = await house.ask(action="status")
    assert [each["status"] for each in listing["algos"]] == ["FINISHED"] * 6
    assert house.exchange.traded == 30


async def test_a_worker_that_order_management_does_not_answer_gives_its_claim_back(house: House) -> None:
    await house.start(workers=1)
    await house.begin(duration=90, volume=20)
    await house.run(4)
    [worker] = house.workers
    await house.depose()
    await house.run(34)
    assert worker.figures["running"] == 0
    await house.take_over()
    await house.run(80)
    standing = await house.standing()
    assert (standing["filled"], standing["ended"]) == (20, True)
    assert worker.figures["claims"] == 2


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"\xff\xfe", "INVALID_REQUEST"),
        (b"[]", "INVALID_REQUEST"),
        (b"{" * 70_000, "PAYLOAD_TOO_LARGE"),
        (b'{"algo_id": "x"}', "INVALID_REQUEST"),
    ],
)
async def test_a_bad_task_is_counted_and_dropped(house: House, payload: bytes, code: str) -> None:
    await house.start(workers=1)
    await house.bus.publish("orders.algo.twap", payload)
    await house.clock.run(1)
    assert house.workers[0].figures[f"refused_{code}"] == 1
    await house.begin()
    await house.run(33)
    assert (await house.standing())["filled"] == 10


async def test_a_task_order_management_does_not_know_is_dropped(house: House) -> None:
    await house.start(workers=1)
    await house.begin(volume=1, duration=3)
    forged = house.leader.desk.register.algos["a1"].body.replace('"a1"', '"forged"')
    await house.bus.publish("orders.algo.twap", forged.encode())
    await house.run(6)
    assert house.workers[0].figures["refused_ORDER_NOT_FOUND"] == 1
    assert house.exchange.traded == 1


@pytest.mark.parametrize("seed", range(12))
async def test_whatever_dies_or_sleeps_the_total_is_traded_exactly_once(house: House, seed: int) -> None:
    chance = random.Random(seed)
    await house.start(workers=3)
    await house.begin(volume=24, duration=45, style=chance.choice(["aggressive", "passive"]), end_policy="COMPLETE_AGGRESSIVE")
    for _ in range(12):
        await house.run(chance.uniform(0.5, 4.0))
        await _trouble(house, chance)
    for worker in house.workers:
        worker.gate.open()
    task = house.leader.desk.register.algos["a1"]
    if not task.state:
        await house.bus.publish(task.topic, task.body.encode())
    await house.run(60)
    standing = await house.standing()
    assert standing["ended"]
    assert standing["filled"] == house.exchange.traded <= 24
    assert standing["working"] == 0
    assert len(house.children) == len(set(house.children))


async def _trouble(house: House, chance: random.Random) -> None:
    async def kill() -> None:
        await chance.choice(house.workers).kill()
        await house.add_worker()

    async def pause() -> None:
        word = chance.choice([".buy", ".algo_order", ".cancel", ".orders"])
        chance.choice(house.workers).gate.trap = lambda subject: subject.endswith(word)
        task = house.leader.desk.register.algos["a1"]
        await house.bus.publish(task.topic, task.body.encode())

    async def wake() -> None:
        for worker in house.workers:
            worker.gate.open()

    async def fail_over() -> None:
        await house.depose()
        await house.run(chance.uniform(0, 2))
        await house.take_over()

    async def lose() -> None:
        house.exchange.lose_answers = chance.randint(1, 3)

    async def thin() -> None:
        house.exchange.depth = chance.randint(0, 2)

    async def deepen() -> None:
        house.exchange.depth = 1_000_000
        await house.exchange.trade_resting(chance.randint(1, 2))

    deeds: list[Callable[[], Awaitable[None]]] = [kill, pause, wake, fail_over, lose, thin, deepen]
    await chance.choice(deeds)()
