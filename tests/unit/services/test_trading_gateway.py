"""The trading gateway as a whole: it trades, tells, fences a former one, stops cleanly and says how it fares."""

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from tradepit.backends.bus.memory import MemoryBus
from tradepit.ports.bus import Responder, Subscription
from tradepit.trading.model.errors import JournalClosed, StaleEpoch, Unavailable
from tradepit.trading.model.report import OrderReport, TradeReport
from tradepit.trading.model.terms import OrderStatus, Side
from tradepit.wire.simulator import (
    BROKER_REPORTS,
    CHANNELS,
    MARKET_PHASE,
    ORDERS_CANCELLED,
    ORDERS_FILLED,
    ORDERS_NEW,
    TRADES_EXECUTED,
)

if TYPE_CHECKING:
    from tests.unit.services.conftest import House

TEN = 1_736_128_800_000_000_000  # 2025-01-06 10:00 in China
PRICE = 19_500


async def test_an_order_trades_is_reported_and_published(house: "House") -> None:
    gateway = await house.start()
    heard = await house.listen(ORDERS_NEW, ORDERS_FILLED, ORDERS_CANCELLED, TRADES_EXECUTED, BROKER_REPORTS)
    resting = await house.send(house.order(1, "A", Side.BUY, lots=3))
    assert resting["order"]["status"] == "OPEN"
    taking = await house.send(house.order(2, "B", Side.SELL, lots=2))
    assert (taking["order"]["status"], taking["order"]["traded_lots"]) == ("FILLED", 2)
    cancelled = await house.ask("cancel_order", {"account": "A", "client_order_id": "c1", "session": "oms", "epoch": 1})
    assert (cancelled["order"]["status"], cancelled["order"]["traded_lots"]) == ("CANCELLED", 2)
    refused = await house.send(house.order(3, "nobody"))
    assert (refused["order"]["status"], refused["order"]["reason"]) == ("REJECTED", "ACCOUNT_NOT_FOUND")
    await house.settled(gateway)
    counts = {"broker.reports": gateway.machine.last_report, "orders.new": 2, "orders.filled": 2, "orders.cancelled": 2}
    await house.until(lambda: all(len(heard[name]) >= count for name, count in counts.items()))
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


async def test_a_second_gateway_fences_the_first(house: "House") -> None:
    failures: list[BaseException] = []
    first = await house.start()
    first._on_failure = failures.append
    second = await house.start()
    answers: dict[int, dict[str, Any]] = {}
    while first.failure is None:
        number = len(answers)
        answers[number] = await house.send(house.order(number, price=PRICE - number))
    await house.until(lambda: not first._venue_doors)
    assert isinstance(first.failure, StaleEpoch)
    assert failures == [first.failure]
    assert (first.health().status, second.health().status) == ("UNHEALTHY", "ACTIVE")
    assert "SERVICE_UNAVAILABLE" in {answer.get("error") for answer in answers.values()}
    for number, answer in answers.items():
        known = await house.ask("query_order", {"account": "A", "client_order_id": f"c{number}"})
        assert known.get("order") == answer.get("order")


async def test_a_paused_gateway_that_wakes_up_does_not_answer_for_the_exchange(house: "House") -> None:
    first = await house.start()
    doors, first._venue_doors = first._venue_doors, []
    for door in doors:
        await door.stop()
    await house.start()
    await house.trade(rounds=2)
    page = await first._doors.venue_methods["reports"](b"{}")
    assert json.loads(page) == {}
    with pytest.raises(Unavailable):
        await first._doors.venue_methods["reports"](b'{"after":1}')
    assert isinstance(first.failure, StaleEpoch)


async def test_phases_are_told_again_after_a_start(house: "House") -> None:
    heard = await house.listen(MARKET_PHASE)
    gateway = await house.start()
    await house.until(lambda: len(heard["market.phase"]) >= 1)
    await house.kill(gateway)
    heard["market.phase"].clear()
    await house.start()
    await house.until(lambda: len(heard["market.phase"]) >= 1)
    assert heard["market.phase"] == [{"symbol": "IF2501", "phase": "CONTINUOUS", "time_ns": TEN, "trading_day": 20250106}]


async def test_a_former_leader_is_refused(house: "House") -> None:
    gateway = await house.start()
    new = house.broker()
    await new.open_session(5)
    with pytest.raises(StaleEpoch):
        await new.submit(house.approved(house.order(1)), epoch=4)
    with pytest.raises(StaleEpoch):
        await new.open_session(4)
    await house.kill(gateway)
    await house.start()
    with pytest.raises(StaleEpoch):
        await new.submit(house.approved(house.order(1)), epoch=4)
    assert (await new.submit(house.approved(house.order(1)), epoch=5)).status is OrderStatus.OPEN


async def test_the_feed_survives_a_restart_of_the_gateway(house: "House") -> None:
    gateway = await house.start()
    feed = house.broker().reports(0)
    await house.send(house.order(1))
    first = await anext(feed)
    await house.kill(gateway)
    waiting = asyncio.ensure_future(anext(feed))
    await house.start()
    await house.send(house.order(2, "B", Side.SELL))
    second = await waiting
    assert isinstance(first, OrderReport)
    assert isinstance(second, OrderReport)
    assert (first.sequence, second.sequence, second.order.client_order_id) == (1, 2, "c2")
    assert isinstance(await anext(feed), TradeReport)
    await feed.aclose()  # type: ignore[attr-defined]  # the port promises an iterator; this one is a generator


async def test_stopping_answers_what_was_received(house: "House") -> None:
    gateway = await house.start()
    waiting = [asyncio.ensure_future(house.ask("send_order", house.body(house.order(number)))) for number in range(20)]
    await house.until(lambda: gateway._loop.waiting > 0 or waiting[-1].done())
    await gateway.stop()
    answers = await asyncio.gather(*waiting)
    assert {answer["order"]["status"] for answer in answers} == {"OPEN"}


async def test_a_clean_stop_leaves_a_snapshot_and_nothing_to_replay(house: "House") -> None:
    gateway = await house.start()
    await house.trade()
    before = await house.digest()
    await gateway.stop()
    await gateway.stop()
    await house.start()
    assert await house.digest() == before


async def test_health_tells_figures(house: "House") -> None:
    gateway = await house.start()
    await house.trade(rounds=2)
    await house.settled(gateway)
    health = gateway.health()
    assert (health.status, health.ready) == ("ACTIVE", True)
    assert health.figures["reports"] == gateway.machine.last_report
    assert health.figures["outbox_lag"] == 0
    assert health.figures["phase_IF2501"] == "CONTINUOUS"
    assert float(health.figures["apply_p99_us"]) >= float(health.figures["apply_p50_us"]) > 0


class Doorless(MemoryBus):
    """A bus on which nothing can be served."""

    async def serve(self, subject: str, responder: Responder, *, group: str = "") -> Subscription:
        raise Unavailable


async def test_a_start_that_fails_lets_go_of_the_journals(house: "House") -> None:
    gateway = house.gateway(Doorless(house.hub, channels=CHANNELS))
    with pytest.raises(Unavailable):
        await gateway.start()
    with pytest.raises(JournalClosed):
        await gateway._commands.last()
    assert not gateway._tasks._tasks


async def test_only_the_working_gateway_is_ready(house: "House") -> None:
    bus = MemoryBus(house.hub, channels=CHANNELS)
    waiting = house.gateway(bus)
    assert (waiting.health().status, waiting.health().ready) == ("STANDBY", False)
    gateway = await house.start(outbox_reports=1)
    assert gateway.health().ready
    gateway._outbox.cut()
    await house.send(house.order(1))
    assert (gateway.health().ready, gateway.health().reason) == (False, "reports cannot be published")
    gateway._outbox.mend()
