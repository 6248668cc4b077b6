"""What goes on beside the writing of records: statements, alerts, retention, fetching."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from tests.order_path import DAY, START_NS
from tests.record_fakes import FakeMarketRecords, FakeTradingRecords
from tests.record_story import a_story, batches
from tests.tick_records import TEN_NS, a_tick
from tests.waiting import until

from tradepit.backends.bus.memory import MemoryBus, MemoryHub
from tradepit.ports.bus import Message
from tradepit.runtime.clock import SystemClock
from tradepit.runtime.exchange_desk import ExchangeDesk
from tradepit.runtime.risk_alerts import RiskAlert, Severity
from tradepit.services.record_alerts import RecordAlerts
from tradepit.services.record_gaps import RecordGaps, RecordingFetch
from tradepit.services.record_retention import Kept, RecordRetention
from tradepit.services.record_statements import RecordStatements
from tradepit.trading.ledger.statement import SettlementStatement
from tradepit.trading.model.errors import Unavailable
from tradepit.trading.records.record_fold import RecordFold
from tradepit.trading.records.tick_record import TickRecord
from tradepit.wire import gateway
from tradepit.wire.simulator import CHANNELS, rpc_subject
from tradepit.wire.simulator_codec import encode, to_iso

ZERO = Decimal(0)


@pytest.fixture
async def bus() -> AsyncIterator[MemoryBus]:
    made = MemoryBus(MemoryHub(), channels=CHANNELS)
    await made.connect()
    yield made
    await made.close()


def a_statement(account: str, day: int) -> SettlementStatement:
    return SettlementStatement(
        account=account, currency="CNY", trading_day=day, opening=ZERO, deposits=ZERO, withdrawals=ZERO, realised=ZERO,
        mark_to_market=ZERO, fees=ZERO, closing=ZERO, margin=ZERO, available=ZERO,
    )  # fmt: skip


async def test_statements_of_settled_days_are_asked_for_until_they_are_kept(bus: MemoryBus) -> None:
    records, fold = FakeTradingRecords(), RecordFold()
    batches(a_story().entries, 100, fold)
    asked: list[gateway.QueryStatement] = []

    async def answer(message: Message) -> bytes:
        body = msgspec.json.decode(message.payload, type=gateway.QueryStatement)
        asked.append(body)
        return gateway.encode(gateway.StatementReply(statement=a_statement(body.account, body.trading_day)))

    sideline = RecordStatements(records, ExchangeDesk(bus), SystemClock(), look_s=0.001)  # type: ignore[arg-type]  # a fake
    await sideline.start(lambda: fold)
    running = asyncio.create_task(sideline.run())
    await until(lambda: "SERVICE_UNAVAILABLE" in str(sideline.figures()["statements_problem"]))
    await bus.serve(rpc_subject("trading-gateway", "statement"), answer)
    records.away = Unavailable("away")
    await until(lambda: "away" in str(sideline.figures()["statements_problem"]))
    records.away = None
    await until(lambda: list(records.statements) == [("A1", DAY)])
    await asyncio.sleep(0.01)
    running.cancel()
    assert [(body.account, body.trading_day) for body in asked] == [("A1", DAY)]
    assert sideline.figures() == {"statements": 1, "statements_problem": ""}


async def test_an_alert_is_kept_once_and_waits_for_records_that_are_away(bus: MemoryBus) -> None:
    records = FakeTradingRecords()
    sideline = RecordAlerts(records, bus, SystemClock(), flush_s=0.001)  # type: ignore[arg-type]  # a fake
    await sideline.start(RecordFold)
    running = asyncio.create_task(sideline.run())
    alert = RiskAlert(
        alert_id="20250106-A1-position-IF2501-CRITICAL-1", account="A1", rule="position", scope="IF2501", severity=Severity.CRITICAL,
        limit=Decimal(5), value=Decimal(7), trading_day=DAY, datetime=to_iso(START_NS), instance="risk-monitor-1",
    )  # fmt: skip
    records.away = Unavailable("away")
    for body in (encode(alert), encode(msgspec.structs.replace(alert, instance="risk-monitor-2")), b"{}"):
        await bus.publish("risk.alerts.A1", body)
    await until(lambda: sideline.figures()["alerts_refused"] == 1)
    assert sideline.figures()["alerts_waiting"] == 1
    records.away = None
    await until(lambda: sideline.figures()["alerts"] == 1)
    running.cancel()
    await sideline.stop()
    [row] = records.events.values()
    assert (row.kind, row.at, row.severity, row.symbol, row.limit_value, row.value) == (
        "alert",
        START_NS,
        "CRITICAL",
        "IF2501",
        "5",
        "7",
    )


async def test_old_rows_are_dropped_part_by_part_and_what_cannot_be_now_is_later() -> None:
    calls: list[int] = []
    left = {"ticks": 5}

    async def drop(instant_ns: int) -> int:
        calls.append(instant_ns)
        gone = min(2, left["ticks"])
        left["ticks"] -= gone
        return gone

    async def away(instant_ns: int) -> int:
        raise Unavailable("away")

    now = [0]
    kept = [Kept("orders", 1, away), Kept("ticks", 2, drop), Kept("bars_1m", 0, away)]
    retention = RecordRetention(kept, SystemClock(), lambda: now[0])
    await retention.drop()
    assert calls == []
    now[0] = 10 * 86_400_000_000_000
    await retention.drop()
    assert (set(calls), left) == ({8 * 86_400_000_000_000}, {"ticks": 0})
    assert retention.figures() == {"dropped_by_age": 5, "retention_problem": "orders: SERVICE_UNAVAILABLE: away"}


async def test_a_gap_that_nobody_recorded_is_given_up() -> None:
    records = FakeMarketRecords()
    reach: list[TickRecord] = []

    async def fetch(symbol: str, after_ns: int, until_ns: int) -> list[TickRecord]:
        return [tick for tick in reach if after_ns < tick.time_ns <= until_ns]

    gaps = RecordGaps(records, fetch, SystemClock(), look_s=0.0001)  # type: ignore[arg-type]  # a fake
    gaps.add("IF2501", TEN_NS, TEN_NS + 3_000_000)
    running = asyncio.create_task(gaps.run())
    await until(lambda: gaps.given_up == 1)
    assert not gaps.is_open("IF2501")
    # What is found of it is kept, and one that grows is looked for anew.
    reach += [a_tick(1), a_tick(2)]
    gaps.add("IF2501", TEN_NS, TEN_NS + 2_000_000)
    gaps.add("IF2501", TEN_NS + 1_000_000, TEN_NS + 3_000_000)
    await until(lambda: gaps.given_up == 2)
    running.cancel()
    assert (sorted(records.rows), gaps.found, gaps.closed, gaps.fetched) == ([a_tick(1).key, a_tick(2).key], 2, 0, 2)


async def test_recordings_are_read_once_their_recorder_has_written_them(bus: MemoryBus, tmp_path: Path) -> None:
    asked: list[str] = []

    async def sync(message: Message) -> bytes:
        asked.append(message.subject)
        return b"{}"

    fetch = RecordingFetch(bus, tmp_path, timeout_s=60)
    assert await fetch("IF2501", 0, TEN_NS) == []
    await bus.serve("service.market-recorder.market-recorder-1.sync", sync)
    assert await fetch("IF2501", 0, TEN_NS) == []
    assert len(asked) == 1
