"""A house for bots on a driven clock: an exchange that keeps reports, order management that fills or rests, and a runner on it."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from tests.bot_stage import tick
from tests.patience import PATIENCE_S
from tests.step_clock import StepClock, settle
from tests.unit.conftest import StubExchange

from tradepit.backends.bus.memory import MemoryBus
from tradepit.backends.cache.memory import MemoryCache, MemoryCacheStore
from tradepit.backends.journal.memory import MemoryJournal, MemoryJournalStore
from tradepit.backends.secrets.env import EnvSecrets
from tradepit.bots.live.parts import Parts
from tradepit.bots.live.settings import BotRow, RunnerSettings
from tradepit.bots.live.shared_past import SharedPast
from tradepit.bots.live.warm_up import RecentTicks
from tradepit.runtime.exchange_desk import ExchangeDesk
from tradepit.runtime.report_feed import ReportFeed
from tradepit.services.bot_runner import BotRunner
from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.model.errors import RequestRefused, TradepitError
from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.report import OrderReport, Report, TradeReport
from tradepit.trading.model.terms import Exchange, Offset, OrderStatus, OrderType, Side
from tradepit.trading.model.trade import Trade
from tradepit.wire import gateway
from tradepit.wire.bots import command_topic
from tradepit.wire.simulator import BROKER_REPORTS, tick_topic
from tradepit.wire.simulator_codec import encode, tick_data

T = TypeVar("T")
START_NS = 1_736_128_800_000_000_000  # 10:00 in Shanghai

BUYER = '''
from tradepit.bots import BotBase

class Buyer(BotBase):
    """Holds and works at most `most` lots together; what it was told is in its state."""

    def on_start(self):
        state = self.ctx.state
        state["starts"] = state.get("starts", 0) + 1
        state["seen"] = [self.ctx.position("IF2501"), sorted(self.ctx.orders)]

    def on_tick(self, market):
        if self.config.get("raises"):
            raise ValueError("no " + self.secrets.get("password", "secret"))
        if market.position + sum(order.left for order in market.orders) < self.config.get("most", 1):
            yield {"symbol": "IF2501", "side": "buy", "qty": 1, "price": market.ask}

    def on_event(self, event):
        self.ctx.state.setdefault("told", []).append(f"{event.kind} {event.sequence or ''} {event.reason}".strip())

    def on_stop(self, reason):
        self.ctx.state["stopped"] = reason
'''


class HereRoom:
    """The bot lives on the test's own loop."""

    def run(self, work: Coroutine[Any, Any, T]) -> "Future[T]":
        return asyncio.run_coroutine_threadsafe(work, asyncio.get_running_loop())

    def leave(self) -> None:
        """Nothing to leave."""


class Desk:
    """Order management and exchange in one. ``fills``: at once, else orders rest. Ids count once; ``arrived`` are those that came.

    ``mishaps`` are raised by the next submits before anything is done, or after it with ``late``.
    """

    def __init__(self, exchange: StubExchange) -> None:
        self.exchange = exchange
        self.orders: dict[str, Order] = {}
        self.arrived: list[str] = []
        self.asked: list[str] = []
        self.cancelled: list[str] = []
        self.fills = True
        self.refuses = ""
        self.mishaps: list[TradepitError] = []
        self.late: list[TradepitError] = []
        self.tells = True
        self.held: asyncio.Event | None = None

    async def submit(
        self,
        *,
        side: str,
        symbol: str,
        price: Decimal | None,
        volume: int,
        account: str,
        offset: str = "OPEN",
        order_type: str = "LIMIT",
        client_order_id: str = "",
        reference: str = "",
        timestamp_ns: int = 0,
    ) -> dict[str, object]:
        self.asked.append(client_order_id)
        if self.held is not None:
            await self.held.wait()
        if self.mishaps:
            raise self.mishaps.pop(0)
        intent = OrderIntent(
            client_order_id=client_order_id,
            account=account,
            symbol=symbol,
            exchange=Exchange.CFFEX,
            side=Side(side),
            offset=Offset(offset),
            order_type=OrderType(order_type),
            price_ticks=int((price or Decimal(0)) * 5),
            volume_lots=volume,
            reference=reference,
        )
        if client_order_id not in self.orders:
            self.arrived.append(client_order_id)
            if self.refuses:
                self.orders[client_order_id] = Order(intent=intent, status=OrderStatus.RISK_REJECTED, reason=self.refuses)
                raise RiskSaysNo(self.refuses)
            await self._work(intent)
        if self.late:
            raise self.late.pop(0)
        return {"success": True, "order_status": self.orders[client_order_id].status.value}

    async def _work(self, intent: OrderIntent) -> None:
        lots = intent.volume_lots
        working = Order(intent=intent, status=OrderStatus.OPEN, order_id="V", left_lots=lots)
        await self.tell(working)
        if self.fills:
            await self.fill(intent.client_order_id)

    async def fill(self, name: str) -> None:
        """The whole order trades."""
        order = self.orders[name]
        intent, number = order.intent, self.exchange.last + 1
        trade = Trade(
            trade_id=str(number),
            order_id="V",
            client_order_id=name,
            account=intent.account,
            symbol=intent.symbol,
            exchange=intent.exchange,
            side=intent.side,
            offset=intent.offset,
            price_ticks=intent.price_ticks,
            volume_lots=order.left_lots,
            time_ns=START_NS,
            trading_day=20250106,
            fee="1",
        )
        await self.publish(TradeReport(sequence=number, time_ns=START_NS, trading_day=20250106, trade=trade))
        await self.tell(msgspec.structs.replace(order, status=OrderStatus.FILLED, traded_lots=intent.volume_lots, left_lots=0))

    async def tell(self, order: Order) -> None:
        self.orders[order.client_order_id] = order
        number = self.exchange.last + 1
        await self.publish(OrderReport(sequence=number, time_ns=START_NS, trading_day=20250106, order=order))

    async def publish(self, report: Report) -> None:
        self.exchange.reports.append(report)
        if self.tells:
            await self.exchange.bus.publish(BROKER_REPORTS.subject, gateway.encode(report))

    async def cancel(self, *, account: str, client_order_id: str = "", orderid: str = "") -> dict[str, object]:
        self.cancelled.append(client_order_id)
        order = self.orders.get(client_order_id)
        if order is None:
            raise RequestRefused("ORDER_NOT_FOUND")
        if order.active:
            await self.tell(msgspec.structs.replace(order, status=OrderStatus.CANCELLED, left_lots=0))
        return {"success": True}

    async def call(self, method: str, body: Mapping[str, object]) -> dict[str, object]:
        assert method == "orders"
        name = body.get("client_order_id")
        found = [order for key, order in self.orders.items() if name in (None, key)]
        return {"orders": [_row(order) for order in found if order.intent.account == body["account"]]}


class RiskSaysNo(RequestRefused):
    """A rule said no."""

    def __init__(self, rule: str) -> None:
        super().__init__("no")
        self._rule = rule

    @property
    def reason_code(self) -> str:
        return self._rule


def _row(order: Order) -> dict[str, object]:
    words = {"OPEN": "PENDING", "RISK_REJECTED": "REJECTED"}
    status = words.get(order.status.value, order.status.value)
    row = {"status": status, "reason": order.reason, "traded": order.traded_lots}
    return row | {"client_order_id": order.client_order_id, "account": order.intent.account}


class NoDoor:
    """Nobody asks."""

    url = ""

    async def start(self) -> None:
        """Nothing to open."""

    async def stop(self) -> None:
        """Nothing to close."""


class BotHouse:
    """What outlives a runner: bus, cache, journals, exchange, desk, clock."""

    def __init__(self, bus: MemoryBus, exchange: StubExchange, folder: Path) -> None:
        self.bus, self.exchange, self.folder = bus, exchange, folder
        self.clock = StepClock(START_NS)
        self.desk = Desk(exchange)
        self.cache = MemoryCache(MemoryCacheStore(), self.clock)
        self.journals: dict[str, MemoryJournalStore] = {}
        self.environment: dict[str, str] = {}
        self.recordings: Path | None = None
        self.data: SharedPast | None = None
        self.idle = 0
        self.shown = 0

    def bot(self, text: str = BUYER, name: str = "buyer", **row: Any) -> BotRow:
        path = self.folder / f"{name}.py"
        path.write_text(text, encoding="utf-8")
        return BotRow(**{"bot": str(path), "bot_id": name, "account": "A1", **row})

    def runner(self, *rows: BotRow, room: Callable[[str], Any] | None = None, instance: str = "r1", **settings: Any) -> BotRunner:
        def parts(take: Callable[[Report], None]) -> Parts:
            return Parts(
                instance=instance,
                exchange=ExchangeDesk(self.bus),
                taker=self.desk,
                feed=ReportFeed(self.bus, self.clock, take),
                clock=self.clock,
                time=self.clock,
                catalog=load_catalog(),
                settings=RunnerSettings(**settings),
                journal=lambda name: MemoryJournal(self.journals.setdefault(name, MemoryJournalStore())),
                room=room or (lambda bot_id: HereRoom()),
                secrets=lambda mount: EnvSecrets(self.environment, {"broker": "BOT_SECRETS"}),
                data=self.data,
                recordings=RecentTicks(self.recordings, load_catalog(), self.clock) if self.recordings else None,
            )

        return BotRunner(self.bus, self.cache, rows, parts, lambda runner: NoDoor(), instance, self._is_idle)

    async def started(self, *rows: BotRow, **more: Any) -> BotRunner:
        """A runner whose bots have begun, well or not."""
        await self.cache.connect()
        runner = self.runner(*rows, **more)
        await runner.start()
        await self.until(
            lambda: all(seat.figures.starts or seat.look.phase in ("error", "stopped") for seat in runner.seats.values())
        )
        return runner

    async def show(self, bid: int = 22_500, ask: int = 22_501, *, count: int = 1) -> None:
        """Ticks of IF2501, each when everything that follows from the one before has happened."""
        for _ in range(count):
            await self.bus.publish(tick_topic("IF2501"), self.a_tick(bid, ask))
            await self.rest()

    def a_tick(self, bid: int = 22_500, ask: int = 22_501) -> bytes:
        """The next one, as it is published."""
        self.shown += 1
        return encode(tick_data(tick(bid, ask, after_s=self.shown), self.exchange.instrument))

    async def rest(self) -> None:
        for _ in range(4):
            await settle()

    async def pass_time(self, seconds: float) -> None:
        """Time goes by, in small steps."""
        for _ in range(max(1, round(seconds / 0.25))):
            await self.clock.advance(0.25)
            await settle()

    async def until(self, holds: Callable[[], bool], rounds: int = 400) -> None:
        """Wait for what must come, moving the clock along; fails when it never does."""
        for _ in range(rounds):
            if holds():
                return
            await settle()
            await self.clock.advance(0.05)
        raise AssertionError("it never came true")

    async def really(self, holds: Callable[[], bool]) -> None:
        """Wait for what another thread must do; the driven clock moves along."""
        async with asyncio.timeout(PATIENCE_S):
            while not holds():
                await asyncio.sleep(0.001)
                await self.clock.advance(0.05)

    async def command(self, bot_id: str, **told: Any) -> None:
        await self.bus.publish(command_topic(bot_id), msgspec.json.encode(told))
        await self.rest()

    def _is_idle(self) -> None:
        self.idle += 1
