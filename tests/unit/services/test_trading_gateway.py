"""The trading gateway over the memory bus: recovery to the same digest, nothing lost or doubled, every fault seen, bad requests coded."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tradepit.backends.broker.simulated import SimulatedBroker
from tradepit.backends.bus.memory import MemoryBus
from tradepit.backends.journal.file import FileJournal
from tradepit.ports.bus import Channel, Message
from tradepit.runtime.clock import ManualClock
from tradepit.services.gateway_settings import GatewaySettings
from tradepit.services.trading_gateway import TradingGateway
from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.calendar.trading_calendar import load_calendar
from tradepit.trading.matching.commands import ListInstrument, OpenAccount
from tradepit.trading.matching.faults import Fault, FaultPlan
from tradepit.trading.model.errors import JournalCorrupted, OutcomeUnknown, StaleEpoch, Unavailable
from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.report import OrderReport, Report, TradeReport
from tradepit.trading.model.terms import Exchange, Offset, OrderStatus, OrderType, Side
from tradepit.trading.model.tick import Level, Tick
from tradepit.trading.risk import review
from tradepit.wire import gateway as wire
from tradepit.wire.simulator import BROKER_REPORTS, CHANNELS, ORDERS_CANCELLED, ORDERS_FILLED, ORDERS_NEW, TRADES_EXECUTED

DAY = date(2025, 1, 6)
TEN = 1_736_128_800_000_000_000  # 2025-01-06 10:00 in China, a Monday, continuous trading on CFFEX
SECOND = 1_000_000_000
PRICE = 19_500  # 3900.0 in ticks of 0.2

Topics = dict[str, list[dict[str, Any]]]


def opening() -> list[ListInstrument | OpenAccount]:
    instrument = load_catalog().instrument("IF2501", on=DAY, listing_price=Decimal(3900))
    listing = ListInstrument(instrument=instrument, reference=Decimal(3900))
    return [listing, *(OpenAccount(account=account, deposit=Decimal(10_000_000)) for account in ("A", "B"))]


class House:
    """Journals in a folder and a bus; gateways come and go."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bus = MemoryBus(CHANNELS)
        self.clock = ManualClock(TEN)
        self.gateways: list[TradingGateway] = []

    async def start(self, *, bus: MemoryBus | None = None, **settings: Any) -> TradingGateway:
        await self.bus.connect()
        gateway = TradingGateway(
            bus=bus or self.bus,
            commands=FileJournal(self.folder / "commands"),
            events=FileJournal(self.folder / "events"),
            calendar=load_calendar(),
            clock=self.clock,
            instance=f"gw-{len(self.gateways) + 1}",
            settings=GatewaySettings(**settings),
            opening=opening(),
        )
        self.gateways.append(gateway)
        await gateway.start()
        return gateway

    async def kill(self, gateway: TradingGateway) -> None:
        """What SIGKILL leaves: no answer, no flush, no snapshot; the journals as they are."""
        for task in (gateway._command_writer._task, gateway._event_writer._task):
            assert task is not None
            task.cancel()
        gateway._seam.close()
        await gateway._tasks.stop()
        for door in gateway._venue_doors + gateway._desk_doors:
            await door.stop()
        await gateway._commands.close()
        await gateway._events.close()
        self.gateways.remove(gateway)

    async def ask(self, method: str, body: object = None, timeout_s: float = 5.0) -> dict[str, Any]:
        payload = body if isinstance(body, bytes) else wire.encode(body or {})
        answer = await self.bus.request(f"rpc.trading-gateway.{method}", payload, timeout_s=timeout_s)
        decoded: dict[str, Any] = json.loads(answer)
        return decoded

    async def digest(self) -> str:
        return str((await self.ask("digest"))["digest"])

    async def listen(self, *channels: Channel) -> Topics:
        heard: Topics = {channel.name: [] for channel in channels}

        def hear(name: str) -> Callable[[Message], Any]:
            async def handler(message: Message) -> None:
                heard[name].append(json.loads(message.payload))

            return handler

        for channel in channels:
            await self.bus.subscribe(channel, hear(channel.name))
        return heard


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    house = House(tmp_path)
    yield house
    for gateway in house.gateways:
        await gateway.stop()
    await house.bus.close()


def order(number: int | str, account: str = "A", side: Side = Side.BUY, price: int = PRICE, lots: int = 2) -> OrderIntent:
    return OrderIntent(
        client_order_id=f"c{number}",
        account=account,
        symbol="IF2501",
        exchange=Exchange.CFFEX,
        side=side,
        offset=Offset.OPEN,
        order_type=OrderType.LIMIT,
        price_ticks=price,
        volume_lots=lots,
    )


def body(intent: OrderIntent, epoch: int = 1) -> dict[str, object]:
    return {"intent": msgspec.to_builtins(intent), "session": "oms", "epoch": epoch}


async def trade_a_little(house: House, first: int = 1, rounds: int = 10) -> None:
    """Per round: a resting buy, a sell that takes half of it, and every third time a cancel of the rest."""
    for number in range(first, first + rounds):
        await house.ask("send_order", body(order(f"b{number}", "A", Side.BUY)))
        await house.ask("send_order", body(order(f"s{number}", "B", Side.SELL, lots=1)))
        if number % 3 == 0:
            cancel = {"account": "A", "client_order_id": f"cb{number}", "session": "oms", "epoch": 1}
            await house.ask("cancel_order", cancel)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0)


async def settled(house: House, gateway: TradingGateway) -> None:
    await until(lambda: gateway._outbox.lag == 0)


def broker(house: House, timeout_s: float = 2.0) -> SimulatedBroker:
    return SimulatedBroker(house.bus, "oms", timeout_s=timeout_s, check_s=0.02)


def approved(intent: OrderIntent) -> review.Approved:
    return review.Approved(intent, review._SEAL)


async def collect(house: House, count: int, after: int = 0) -> list[Report]:
    reports: list[Report] = []
    async with asyncio.timeout(10):
        async for report in broker(house).reports(after):
            reports.append(report)
            if len(reports) == count:
                break
    return reports


async def test_an_order_trades_is_reported_and_published(house: House) -> None:
    gateway = await house.start()
    heard = await house.listen(ORDERS_NEW, ORDERS_FILLED, ORDERS_CANCELLED, TRADES_EXECUTED, BROKER_REPORTS)
    resting = await house.ask("send_order", body(order(1, "A", Side.BUY, lots=3)))
    assert resting["order"]["status"] == "OPEN"
    taking = await house.ask("send_order", body(order(2, "B", Side.SELL, lots=2)))
    assert (taking["order"]["status"], taking["order"]["traded_lots"]) == ("FILLED", 2)
    cancelled = await house.ask("cancel_order", {"account": "A", "client_order_id": "c1", "session": "oms", "epoch": 1})
    assert (cancelled["order"]["status"], cancelled["order"]["traded_lots"]) == ("CANCELLED", 2)
    refused = await house.ask("send_order", body(order(3, "nobody")))
    assert (refused["order"]["status"], refused["order"]["reason"]) == ("REJECTED", "ACCOUNT_NOT_FOUND")
    await settled(house, gateway)
    await until(lambda: len(heard["broker.reports"]) == gateway.machine.last_report)
    assert [report["sequence"] for report in heard["broker.reports"]] == list(range(1, gateway.machine.last_report + 1))
    assert [(data["client_order_id"], data["status"]) for data in heard["orders.new"]] == [("c1", "PENDING"), ("c2", "PENDING")]
    assert {(data["client_order_id"], data["status"]) for data in heard["orders.filled"]} == {("c1", "PARTIAL"), ("c2", "FILLED")}
    assert [(data["client_order_id"], data["status"]) for data in heard["orders.cancelled"]] == [
        ("c1", "CANCELLED"),
        ("c3", "REJECTED"),
    ]
    assert {(data["account"], data["direction"], data["price"], data["volume"]) for data in heard["trades.executed"]} == {
        ("A", "LONG", 3900.0, 2),
        ("B", "SHORT", 3900.0, 2),
    }


async def test_a_restart_replays_to_the_same_digest(house: House) -> None:
    gateway = await house.start(snapshot_commands=10**9)
    await trade_a_little(house)
    before = await house.digest()
    await house.kill(gateway)
    gateway = await house.start()
    assert gateway.machine.commands > 20
    assert await house.digest() == before
    assert (await house.ask("status"))["epoch"] == 2


async def test_a_restart_from_a_snapshot_gives_the_same_digest_and_numbers(house: House) -> None:
    gateway = await house.start(snapshot_commands=7)
    await trade_a_little(house)
    before, last = await house.digest(), gateway.machine.last_report
    await house.kill(gateway)
    gateway = await house.start()
    assert (await gateway._commands.load_snapshot()) is not None
    assert await house.digest() == before
    await trade_a_little(house, first=100, rounds=1)
    reports = await collect(house, gateway.machine.last_report)
    assert [report.sequence for report in reports] == list(range(1, gateway.machine.last_report + 1))
    assert gateway.machine.last_report > last


async def test_a_clean_stop_leaves_a_snapshot_and_nothing_to_replay(house: House) -> None:
    gateway = await house.start()
    await trade_a_little(house)
    before = await house.digest()
    await gateway.stop()
    house.gateways.remove(gateway)
    await gateway.stop()
    await house.start()
    assert await house.digest() == before


async def test_reports_that_were_journaled_but_not_published_are_published_after_a_kill(house: House) -> None:
    gateway = await house.start()
    await house.listen()
    heard = await house.listen(BROKER_REPORTS, TRADES_EXECUTED)
    gateway._outbox.cut()
    await trade_a_little(house, rounds=5)
    await until(lambda: gateway._log.written > 0)
    last = gateway.machine.last_report
    assert heard["broker.reports"] == []
    await house.kill(gateway)
    gateway = await house.start()
    await until(lambda: len(heard["broker.reports"]) >= last)
    assert [report["sequence"] for report in heard["broker.reports"]] == list(range(1, last + 1))
    await until(lambda: len(heard["trades.executed"]) == 10)


async def test_reports_that_never_reached_their_journal_are_made_again(house: House) -> None:
    gateway = await house.start()
    await trade_a_little(house, rounds=5)
    told = await collect(house, gateway.machine.last_report)
    await gateway.stop()
    house.gateways.remove(gateway)
    for file in sorted((house.folder / "events").rglob("*"), reverse=True):
        file.unlink() if file.is_file() else file.rmdir()
    await house.start()
    assert await collect(house, len(told)) == told


async def test_a_command_journal_that_lost_its_end_is_refused(house: House) -> None:
    gateway = await house.start()
    await trade_a_little(house, rounds=3)
    await settled(house, gateway)
    await house.kill(gateway)
    for file in sorted((house.folder / "commands").rglob("*"), reverse=True):
        file.unlink() if file.is_file() else file.rmdir()
    with pytest.raises(JournalCorrupted):
        await house.start()
    house.gateways.clear()


async def test_a_second_gateway_fences_the_first(house: House) -> None:
    failures: list[BaseException] = []
    first = await house.start()
    first._on_failure = failures.append
    other = MemoryBus(CHANNELS)
    await other.connect()
    await house.start(bus=other)
    refused = await house.ask("send_order", body(order(1)))
    assert refused["error"] == "SERVICE_UNAVAILABLE"
    await until(lambda: first.failure is not None)
    assert isinstance(first.failure, StaleEpoch)
    assert failures == [first.failure]
    assert first.health().status == "UNHEALTHY"
    await other.close()


async def test_sending_twice_is_sending_once(house: House) -> None:
    gateway = await house.start()
    first = await house.ask("send_order", body(order(1)))
    last = gateway.machine.last_report
    assert await house.ask("send_order", body(order(1))) == first
    assert gateway.machine.last_report == last
    assert (await house.ask("send_order", body(order(1, lots=3))))["error"] == "DUPLICATE_ID"


async def test_a_former_leader_is_refused(house: House) -> None:
    gateway = await house.start()
    new = broker(house)
    await new.open_session(5)
    with pytest.raises(StaleEpoch):
        await new.submit(approved(order(1)), epoch=4)
    with pytest.raises(StaleEpoch):
        await new.open_session(4)
    await house.kill(gateway)
    await house.start()
    with pytest.raises(StaleEpoch):
        await new.submit(approved(order(1)), epoch=4)
    assert (await new.submit(approved(order(1)), epoch=5)).status is OrderStatus.OPEN


async def test_a_lost_ack_is_resolved_by_asking(house: House) -> None:
    await house.start()
    await house.ask("faults", {"plan": {"lose_ack": {"count": 1}}})
    client = broker(house, timeout_s=0.05)
    with pytest.raises(OutcomeUnknown):
        await client.submit(approved(order(1)), epoch=1)
    assert (await client.resolve(order(1), epoch=1)).status is OrderStatus.OPEN
    assert (await house.ask("faults"))["injected"] == {"lose_ack": 1}


async def test_resolving_an_order_that_never_arrived_voids_it(house: House) -> None:
    await house.start()
    client = broker(house)
    voided = await client.resolve(order(1), epoch=1)
    assert (voided.status, voided.reason) == (OrderStatus.REJECTED, "NOT_SENT")
    assert await client.submit(approved(order(1)), epoch=1) == voided


async def test_a_delayed_ack_leaves_late(house: House) -> None:
    await house.start(faults=FaultPlan(delay_ack=Fault(count=1), delay_ms=150))
    with pytest.raises(OutcomeUnknown):
        await broker(house, timeout_s=0.03).submit(approved(order(1)), epoch=1)
    assert (await house.ask("send_order", body(order(1))))["order"]["status"] == "OPEN"


async def test_a_rate_limited_order_was_not_done(house: House) -> None:
    gateway = await house.start(faults=FaultPlan(rate_limit=Fault(count=1)))
    entry = gateway._command_writer.last
    refused = await broker(house).submit(approved(order(1)), epoch=1)
    assert (refused.status, refused.reason) == (OrderStatus.REJECTED, "ORDER_FREQ_LIMIT")
    assert gateway._command_writer.last == entry
    assert await broker(house).query("A", "c1") is None


async def test_duplicated_and_reordered_reports_come_out_once_and_in_order(house: House) -> None:
    plan = FaultPlan(duplicate=Fault(probability=0.5), reorder=Fault(probability=0.5), seed=3)
    gateway = await house.start(faults=plan)
    heard = await house.listen(BROKER_REPORTS)
    gateway._outbox.cut()
    await trade_a_little(house)
    gateway._outbox.mend()
    last = gateway.machine.last_report
    reports = await collect(house, last)
    assert [report.sequence for report in reports] == list(range(1, last + 1))
    await settled(house, gateway)
    await until(lambda: len(heard["broker.reports"]) > last)
    numbers = [report["sequence"] for report in heard["broker.reports"]]
    assert numbers != sorted(numbers)
    assert set(numbers) == set(range(1, last + 1))


async def test_a_cut_line_is_unreachable_and_then_mended(house: House) -> None:
    gateway = await house.start(faults=FaultPlan(disconnect=Fault(count=1), disconnect_ms=100))
    heard = await house.listen(BROKER_REPORTS)
    client = broker(house, timeout_s=1.0)
    with pytest.raises(OutcomeUnknown):
        await client.submit(approved(order(1)), epoch=1)
    with pytest.raises(Unavailable):
        await client.query("A", "c1")
    assert not gateway.health().ready
    assert (await house.ask("status"))["instance"] == "gw-1"
    await until(lambda: gateway.health().ready)
    found = await client.query("A", "c1")
    assert found is not None
    assert found.status is OrderStatus.OPEN
    await until(lambda: len(heard["broker.reports"]) == 1)


async def test_reports_older_than_memory_come_from_their_journal(house: House) -> None:
    gateway = await house.start(reports_in_memory=5)
    await trade_a_little(house)
    await settled(house, gateway)
    assert gateway._log._before_first > 0
    reports = await collect(house, gateway.machine.last_report)
    assert [report.sequence for report in reports] == list(range(1, gateway.machine.last_report + 1))
    page = await house.ask("reports", {"after": 2, "limit": 3})
    assert [report["sequence"] for report in page["reports"]] == [3, 4, 5]
    assert page["last"] == gateway.machine.last_report


async def test_the_feed_survives_a_restart_of_the_gateway(house: House) -> None:
    gateway = await house.start()
    feed = broker(house).reports(0)
    await house.ask("send_order", body(order(1)))
    first = await anext(feed)
    await house.kill(gateway)
    waiting = asyncio.ensure_future(anext(feed))
    await house.start()
    await house.ask("send_order", body(order(2, "B", Side.SELL)))
    second = await waiting
    assert isinstance(first, OrderReport)
    assert isinstance(second, OrderReport)
    assert (first.sequence, second.sequence, second.order.client_order_id) == (1, 2, "c2")
    assert isinstance(await anext(feed), TradeReport)
    await feed.aclose()  # type: ignore[attr-defined]  # the port promises an iterator; this one is a generator


async def test_commands_wait_while_too_many_reports_are_unpublished(house: House) -> None:
    gateway = await house.start(outbox_reports=3)
    gateway._outbox.cut()
    for number in range(3):
        await house.ask("send_order", body(order(number, price=PRICE - number)))
    with pytest.raises(Unavailable):
        await house.ask("send_order", body(order(9)), timeout_s=0.05)
    gateway._outbox.mend()
    assert (await house.ask("send_order", body(order(9))))["order"]["status"] == "OPEN"


async def test_a_full_queue_refuses_at_once(house: House) -> None:
    gateway = await house.start(queue_commands=2, outbox_reports=1)
    gateway._outbox.cut()
    await house.ask("send_order", body(order(0)))
    waiting = [asyncio.ensure_future(house.ask("send_order", body(order(number)))) for number in (1, 2)]
    await until(lambda: gateway._loop.waiting == 2)
    assert (await house.ask("send_order", body(order(3))))["error"] == "SERVICE_UNAVAILABLE"
    gateway._outbox.mend()
    answers = await asyncio.gather(*waiting)
    assert [answer["order"]["status"] for answer in answers] == ["OPEN", "OPEN"]


async def test_stopping_answers_what_was_received(house: House) -> None:
    gateway = await house.start()
    waiting = [asyncio.ensure_future(house.ask("send_order", body(order(number)))) for number in range(20)]
    await until(lambda: gateway._loop.waiting > 0 or waiting[-1].done())
    await gateway.stop()
    answers = await asyncio.gather(*waiting)
    assert {answer["order"]["status"] for answer in answers} == {"OPEN"}


def tick(time_ns: int, bid: int = PRICE - 5, ask: int = PRICE + 5, volume: int = 0) -> Tick:
    return Tick(
        symbol="IF2501",
        exchange=Exchange.CFFEX,
        time_ns=time_ns,
        trading_day=20250106,
        last_ticks=PRICE,
        volume_lots=volume,
        turnover=Decimal(volume) * 3900 * 300,
        open_interest=0,
        open_ticks=0,
        high_ticks=0,
        low_ticks=0,
        upper_limit_ticks=0,
        lower_limit_ticks=0,
        pre_close_ticks=0,
        pre_settlement=Decimal(0),
        bids=(Level(bid, 5),),
        asks=(Level(ask, 5),),
    )


async def test_ticks_drive_the_time_and_each_is_judged_for_itself(house: House) -> None:
    await house.start()
    good, bad, far = tick(TEN + SECOND), tick(TEN + 2 * SECOND, bid=1), tick(TEN + 400 * 86_400 * SECOND)
    garbage = {"symbol": "IF2501"}
    answer = await house.ask("update_prices", {"ticks": [good, bad, far, garbage, tick(TEN + 3 * SECOND)]})
    assert answer["accepted"] == 2
    assert [(item["index"], item["code"]) for item in answer["refused"]] == [
        (1, "TICK_NOT_VALID"),
        (2, "INVALID_REQUEST"),
        (3, "INVALID_REQUEST"),
    ]
    assert house.clock.now_ns() == TEN + 3 * SECOND
    depth = await house.ask("depth", {"symbol": "IF2501"})
    assert depth == {"bids": [[PRICE - 5, 5]], "asks": [[PRICE + 5, 5]]}
    bought = await house.ask("send_order", body(order(1, price=PRICE + 5, lots=2)))
    assert (bought["order"]["status"], bought["order"]["updated_ns"]) == ("FILLED", TEN + 3 * SECOND)
    assert (await house.ask("advance_time", {"now_ns": TEN + 60 * SECOND}))["now_ns"] == TEN + 60 * SECOND
    assert (await house.ask("advance_time", {"now_ns": TEN + 10**18}))["error"] == "INVALID_REQUEST"


async def test_a_day_passes_and_the_account_gets_its_statement(house: House) -> None:
    gateway = await house.start()
    await trade_a_little(house, rounds=1)
    assert "statement" not in await house.ask("statement", {"account": "A"})
    await house.ask("advance_time", {"now_ns": TEN + 8 * 3600 * SECOND})
    assert (await house.ask("statement", {"account": "A"}))["statement"]["trading_day"] == 20250106
    assert (await house.ask("query_order", {"account": "A", "client_order_id": "cb1"}))["order"]["status"] == "EXPIRED"
    assert (await house.ask("status"))["trading_day"] == 20250107
    await house.kill(gateway)
    await house.start()
    assert (await house.ask("statement", {"account": "A"}))["statement"]["trading_day"] == 20250106


async def test_queries_tell_orders_money_positions_and_instruments(house: House) -> None:
    await house.start()
    await trade_a_little(house, rounds=3)
    page = await house.ask("orders", {"account": "A", "limit": 2})
    assert (len(page["orders"]), page["total"]) == (2, 3)
    active = await house.ask("orders", {"account": "A", "active": True})
    assert active["total"] == sum(msgspec.convert(one, Order).active for one in active["orders"]) > 0
    client = broker(house)
    assert (await client.account("A")).margin > 0
    assert [(position.side, position.today_lots) for position in await client.positions("A")] == [(Side.BUY, 3)]
    state = (await house.ask("instruments"))["instruments"][0]
    assert (state["instrument"]["symbol"], state["phase"]) == ("IF2501", "CONTINUOUS")
    assert state["lower_limit_ticks"] < PRICE < state["upper_limit_ticks"]
    assert (await house.ask("account", {"account": "nobody"}))["error"] == "ACCOUNT_NOT_FOUND"


async def test_a_reduction_keeps_the_order_working(house: House) -> None:
    await house.start()
    await house.ask("send_order", body(order(1, lots=5)))
    client = broker(house)
    for _ in range(2):
        reduced = await client.reduce("A", "c1", 2, reduce_id="r1", epoch=1)
        assert (reduced.status, reduced.left_lots) == (OrderStatus.OPEN, 3)


async def test_health_tells_figures(house: House) -> None:
    gateway = await house.start()
    await trade_a_little(house, rounds=2)
    await settled(house, gateway)
    health = gateway.health()
    assert (health.status, health.ready) == ("ACTIVE", True)
    assert health.figures["reports"] == gateway.machine.last_report
    assert health.figures["outbox_lag"] == 0
    assert health.figures["phase_IF2501"] == "CONTINUOUS"
    assert float(health.figures["apply_p99_us"]) >= float(health.figures["apply_p50_us"]) > 0


NASTY: list[Any] = [
    None,
    True,
    -1,
    0,
    2**63,
    10**30,
    1.5,
    "NaN",
    float("1e308"),
    "",
    "x" * 5000,
    "a.b*>",
    "\u0000",
    [],
    {},
    [[]],
    "IF9999",
]
METHODS = (
    "send_order",
    "cancel_order",
    "reduce_order",
    "resolve_order",
    "open_session",
    "open_account",
    "transfer",
    "list_instrument",
    "update_prices",
    "query_order",
    "orders",
    "account",
    "positions",
    "statement",
    "reports",
    "depth",
    "faults",
    "advance_time",
)


def good_bodies() -> dict[str, Any]:
    return {
        "send_order": body(order(1)),
        "cancel_order": {"account": "A", "client_order_id": "c1", "session": "oms", "epoch": 1},
        "reduce_order": {"account": "A", "client_order_id": "c1", "by_lots": 1, "reduce_id": "r", "session": "oms", "epoch": 1},
        "resolve_order": body(order(2)),
        "open_session": {"session": "other", "epoch": 1},
        "open_account": {"account": "C", "deposit": "5", "currency": "CNY"},
        "transfer": {"transfer_id": "t", "account": "A", "amount": "5"},
        "list_instrument": msgspec.to_builtins(opening()[0]),
        "update_prices": {"ticks": [msgspec.to_builtins(tick(TEN))]},
        "query_order": {"account": "A", "client_order_id": "c1"},
        "orders": {"account": "A", "active": True, "offset": 0, "limit": 10},
        "account": {"account": "A"},
        "positions": {"account": "A"},
        "statement": {"account": "A"},
        "reports": {"after": 0, "limit": 10},
        "depth": {"symbol": "IF2501", "levels": 5},
        "faults": {},
        "advance_time": {"now_ns": TEN},
    }


def spoil(value: Any, chance: random.Random) -> Any:
    """One leaf or branch of ``value`` replaced by something nasty, or left out."""
    if isinstance(value, dict) and value and chance.random() < 0.85:
        key = chance.choice(sorted(value))
        if chance.random() < 0.1:
            return {other: inner for other, inner in value.items() if other != key}
        return {**value, key: spoil(value[key], chance)}
    if isinstance(value, list) and value and chance.random() < 0.85:
        return [spoil(value[0], chance), *value[1:]]
    return chance.choice(NASTY)


def nasty_payload(good: dict[str, Any], chance: random.Random) -> bytes:
    payload = json.dumps(spoil(good, chance)).encode()
    kind = chance.random()
    if kind < 0.05:
        return payload[: len(payload) // 2]
    if kind < 0.1:
        return payload[:5] + bytes([0xFF, 0xFE, 0x80]) + payload[5:]
    if kind < 0.12:
        return b"[" * 20_000
    if kind < 0.14:
        return b'{"x":"' + b"y" * 2_000_000 + b'"}'
    return payload


async def test_bad_requests_get_codes_and_never_stop_the_gateway(house: House) -> None:
    gateway = await house.start()
    chance = random.Random(20250106)
    bodies = good_bodies()
    assert set(bodies) == set(METHODS)
    codes: dict[str, int] = {}
    for number in range(1_500):
        method = METHODS[number % len(METHODS)]
        answer = await house.ask(method, nasty_payload(bodies[method], chance))
        if "error" in answer:
            codes[answer["error"]] = codes.get(answer["error"], 0) + 1
            assert "Traceback" not in answer["message"]
    assert "INTERNAL_ERROR" not in codes
    assert codes["INVALID_REQUEST"] > 400
    assert gateway.failure is None
    before = await house.digest()
    await house.kill(gateway)
    await house.start()
    assert await house.digest() == before
