"""A stage for one bot: a contract, ticks of it, a port that writes down what was sent, and reports as a broker would tell them."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
from loguru import logger

from tradepit.bots.bot import BotBase
from tradepit.bots.context import BotContext, Supplies
from tradepit.bots.host import BotHost
from tradepit.bots.host_settings import HostSettings
from tradepit.bots.identity import BotIdentity
from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.report import DayReport, OrderReport, TradeReport
from tradepit.trading.model.terms import OrderStatus, SessionPhase
from tradepit.trading.model.tick import Level, Tick
from tradepit.trading.model.trade import Trade

DAY = 20250106
START_NS = 1_736_128_800_000_000_000  # 10:00 in Shanghai
SECOND = 1_000_000_000


def instrument(symbol: str) -> Instrument:
    return load_catalog().instrument(symbol, on=date(2025, 1, 6), listing_price=Decimal(4500))


def tick(
    bid: int,
    ask: int,
    *,
    symbol: str = "IF2501",
    after_s: float = 0,
    last: int | None = None,
    lots: int = 5,
    volume: int = 0,
    phase: SessionPhase = SessionPhase.CONTINUOUS,
) -> Tick:
    """A tick whose sides show one level each; a price of 0 leaves a side empty."""
    return Tick(
        symbol=symbol,
        exchange=instrument(symbol).product.exchange,
        time_ns=START_NS + int(after_s * SECOND),
        trading_day=DAY,
        last_ticks=(bid + ask) // 2 if last is None else last,
        volume_lots=volume,
        turnover=Decimal(0),
        open_interest=0,
        open_ticks=0,
        high_ticks=0,
        low_ticks=0,
        upper_limit_ticks=0,
        lower_limit_ticks=0,
        pre_close_ticks=0,
        pre_settlement=Decimal(0),
        bids=(Level(bid, lots),) if bid else (),
        asks=(Level(ask, lots),) if ask else (),
        phase=phase,
    )


class Stage:
    """``sent`` are (sequence, side, offset, price in ticks, lots) and ("cancel", id), in the order in which they went out."""

    def __init__(
        self,
        make: Callable[[BotContext], BotBase],
        *symbols: str,
        settings: HostSettings | None = None,
        next_sequence: int = 1,
        supplies: Supplies | None = None,
    ) -> None:
        self.sent: list[tuple[Any, ...]] = []
        self.intents: dict[str, OrderIntent] = {}
        self.now_ns = START_NS
        self._reports = self._trades = 0
        self.host = BotHost(
            make,
            self,
            BotIdentity(bot_id="bot", account="A1", next_sequence=next_sequence),
            clock_ns=lambda: self.now_ns,
            calendar=load_catalog().calendar,
            instruments=[instrument(symbol) for symbol in symbols or ("IF2501",)],
            settings=settings or HostSettings(),
            supplies=supplies or Supplies(logger=logger),
        )

    def submit(self, intent: OrderIntent, sequence: int) -> None:
        self.intents[intent.client_order_id] = intent
        self.sent.append((sequence, intent.side.value, intent.offset.value, intent.price_ticks, intent.volume_lots))

    def cancel(self, account: str, client_order_id: str) -> None:
        assert account == "A1"
        self.sent.append(("cancel", client_order_id))

    def take(self) -> list[tuple[Any, ...]]:
        """What was sent since the last time."""
        taken, self.sent = self.sent, []
        return taken

    def show(self, *ticks: Tick) -> None:
        """Ticks, each at its instant."""
        for one in ticks:
            self.now_ns = max(self.now_ns, one.time_ns)
            self.host.tick(one)

    def order_id(self, sequence: int) -> str:
        return f"{self.host.orders.prefix}{sequence}"

    def state(self, sequence: int, status: OrderStatus, traded: int = 0, left: int = 0, reason: str = "") -> OrderReport:
        """What the broker says of an order."""
        order = Order(
            intent=self.intents[self.order_id(sequence)],
            status=status,
            order_id=f"V{sequence}",
            traded_lots=traded,
            left_lots=left,
            reason=reason,
        )
        self._reports += 1
        return OrderReport(sequence=self._reports, time_ns=self.now_ns, trading_day=DAY, order=order)

    def fill(self, sequence: int, lots: int, price_ticks: int | None = None, fee: str = "0") -> TradeReport:
        """One trade of an order, at its own price unless told."""
        intent = self.intents[self.order_id(sequence)]
        self._reports += 1
        self._trades += 1
        trade = Trade(
            trade_id=f"T{self._trades}",
            order_id=f"V{sequence}",
            client_order_id=intent.client_order_id,
            account="A1",
            symbol=intent.symbol,
            exchange=intent.exchange,
            side=intent.side,
            offset=intent.offset,
            price_ticks=intent.price_ticks if price_ticks is None else price_ticks,
            volume_lots=lots,
            time_ns=self.now_ns,
            trading_day=DAY,
            fee=fee,
        )
        return TradeReport(sequence=self._reports, time_ns=self.now_ns, trading_day=DAY, trade=trade)

    def done(self, sequence: int, price_ticks: int | None = None) -> None:
        """The order filled at once: its trade and its last state."""
        lots = self.intents[self.order_id(sequence)].volume_lots
        self.host.report(self.fill(sequence, lots, price_ticks))
        self.host.report(self.state(sequence, OrderStatus.FILLED, traded=lots))

    def next_day(self, settlement: dict[str, str] | None = None, day: int = 20250107) -> None:
        """The trading day was settled."""
        self._reports += 1
        self.host.report(
            DayReport(
                sequence=self._reports, time_ns=self.now_ns, trading_day=day, settled_day=DAY, settlement_prices=settlement or {}
            )
        )


class Scripted(BotBase):
    """Answers each tick with the next of ``answers`` (exceptions are raised) and keeps what it was told."""

    def __init__(self, config: Any, secrets: Any, ctx: BotContext) -> None:
        super().__init__(config, secrets, ctx)
        self.answers: list[Any] = list(config.get("answers", ()))
        self.told: list[str] = []
        self.starts = 0

    def on_start(self) -> None:
        self.starts += 1

    def on_tick(self, market: Any) -> Any:
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, Exception):
            raise answer
        return answer(self.ctx, market) if callable(answer) else answer

    def on_event(self, event: Any) -> None:
        self.told.append(f"{event.kind} {event.sequence or ''}{event.reason}".strip())

    def on_stop(self, reason: str) -> None:
        self.told.append(f"stop {reason}")


def scripted(*answers: Any) -> Callable[[BotContext], BotBase]:
    return lambda ctx: Scripted({"answers": answers}, {}, ctx)


def changed(report: OrderReport, **fields: Any) -> OrderReport:
    return msgspec.structs.replace(report, order=msgspec.structs.replace(report.order, **fields))
