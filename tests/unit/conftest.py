"""What followers and recorders are tested with: an exchange that answers questions, a bus, recorded rows."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from tests.waiting import settle

from tradepit.backends.bus.memory import MemoryBus, MemoryHub
from tradepit.ports.bus import Message
from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.model.account import Account
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.report import DayReport, Report, TradeReport
from tradepit.trading.model.terms import Offset, SessionPhase, Side
from tradepit.trading.model.trade import Trade
from tradepit.wire import gateway as wire
from tradepit.wire.simulator import BROKER_REPORTS, CHANNELS, TRADES_EXECUTED, TRADING_GATEWAY, rpc_subject
from tradepit.wire.simulator_codec import encode, trade_data


class StubExchange:
    """Keeps reports and answers ``instruments``, ``account``, ``reports`` and ``status`` as the gateway does."""

    def __init__(self, bus: MemoryBus) -> None:
        self.bus = bus
        self.instrument: Instrument = load_catalog().instrument("IF2501", on=date(2025, 1, 6), listing_price=Decimal(3900))
        self.trading_day = 20250106
        self.pre_settlement = Decimal(3900)
        self.reports: list[Report] = []
        self.asked: list[str] = []
        self.down = False

    async def open(self) -> None:
        for method in ("instruments", "account", "reports", "status"):
            await self.bus.serve(rpc_subject(TRADING_GATEWAY, method), self._responder(method))

    def _responder(self, method: str) -> Callable[[Message], Awaitable[bytes]]:
        async def respond(message: Message) -> bytes:
            self.asked.append(method)
            if self.down:
                return wire.encode(wire.Reply(error="SERVICE_UNAVAILABLE", message="down"))
            return wire.encode(getattr(self, method + "_reply")(message.payload))

        return respond

    def instruments_reply(self, payload: bytes) -> wire.InstrumentsReply:
        low, high = self.instrument.price_band(self.pre_settlement)
        state = wire.InstrumentState(
            instrument=self.instrument,
            phase=SessionPhase.CONTINUOUS,
            lower_limit_ticks=low,
            upper_limit_ticks=high,
            pre_settlement=str(self.pre_settlement),
        )
        return wire.InstrumentsReply(instruments=[state], trading_day=self.trading_day)

    def account_reply(self, payload: bytes) -> wire.Reply:
        name = msgspec.json.decode(payload, type=wire.QueryAccount).account
        if name == "nobody":
            return wire.Reply(error="ACCOUNT_NOT_FOUND", message="no")
        return wire.AccountReply(account=Account(account=name, pre_balance=Decimal(1_000_000)))

    def reports_reply(self, payload: bytes) -> wire.ReportsReply:
        body = msgspec.json.decode(payload, type=wire.ReportsRequest)
        page = [report for report in self.reports if report.sequence > body.after][:3]
        return wire.ReportsReply(reports=[msgspec.Raw(wire.encode(report)) for report in page], last=self.last)

    def status_reply(self, payload: bytes) -> wire.StatusReply:
        return wire.StatusReply(last_report=self.last)

    @property
    def last(self) -> int:
        return self.reports[-1].sequence if self.reports else 0

    async def trade(
        self,
        side: Side,
        lots: int,
        *,
        offset: Offset = Offset.OPEN,
        skip: int = 1,
        tell: bool = True,
        account: str = "A1",
        client_order_id: str = "c",
        price_ticks: int = 19_500,
    ) -> None:
        """A trade happens; its report's number is ``skip`` above the last one. ``tell``: it is published."""
        sequence = self.last + skip
        made = Trade(
            trade_id=str(sequence),
            order_id="o",
            client_order_id=client_order_id,
            account=account,
            symbol="IF2501",
            exchange=self.instrument.product.exchange,
            side=side,
            offset=offset,
            price_ticks=price_ticks,
            volume_lots=lots,
            time_ns=1_736_130_000_000_000_000,
            trading_day=self.trading_day,
            fee="1",
        )
        self.reports.append(TradeReport(sequence=sequence, time_ns=1, trading_day=self.trading_day, trade=made))
        if tell:
            await self.tell(self.reports[-1])

    async def tell(self, report: Report) -> None:
        assert isinstance(report, TradeReport)
        data = trade_data(report.trade, self.instrument, seq=report.sequence)
        await self.bus.publish(TRADES_EXECUTED.subject, encode(data))

    async def settle(self, day: int, price: str, *, tell: bool = True) -> None:
        report = DayReport(
            sequence=self.last + 1, time_ns=1, trading_day=day, settled_day=self.trading_day, settlement_prices={"IF2501": price}
        )
        self.trading_day, self.pre_settlement = day, Decimal(price)
        self.reports.append(report)
        if tell:
            await self.bus.publish(BROKER_REPORTS.subject, wire.encode(report))


@pytest.fixture
async def bus() -> AsyncIterator[MemoryBus]:
    made = MemoryBus(MemoryHub(), channels=CHANNELS)
    await made.connect()
    yield made
    await made.close()


@pytest.fixture
async def exchange(bus: MemoryBus) -> StubExchange:
    made = StubExchange(bus)
    await made.open()
    return made


@pytest.fixture
def turns() -> Callable[[], Awaitable[None]]:
    """Let every task that can run do so."""
    return settle


Row = dict[str, Any]


@pytest.fixture
def rows() -> list[Row]:
    """Three good rows of a recording with one level."""
    first = datetime(2025, 1, 6, 1, 30, 0, 500_000, tzinfo=UTC)
    same = {
        "trading_day": "20250106", "symbol": "IF2501", "exchange": "CFFEX", "last_price": 3900.2, "turnover": 11_700_600.0,
        "open_interest": 5, "open_price": 3900.2, "high_price": 3900.2, "low_price": 3900.2, "limit_up": 4290.0,
        "limit_down": 3510.0, "pre_close": 3899.8, "pre_settlement": 3900.0, "bid_price_1": 3900.0, "bid_volume_1": 1,
        "ask_price_1": 3900.4, "ask_volume_1": 2,
    }  # fmt: skip
    return [{"datetime": first + timedelta(seconds=number), **same, "volume": 10 + number} for number in range(3)]
