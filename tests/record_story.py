"""A story of two trading days as order management's journal tells it, and the batches that its fold makes."""

from collections.abc import Sequence
from decimal import Decimal

import msgspec
from tests.order_path import DAY, PRICE, START_NS, an_intent, instrument

from tradepit.ports.trading_records import Told
from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.report import DayReport, OrderReport, TradeReport
from tradepit.trading.model.terms import OrderStatus, OrderType, Side, TradingState
from tradepit.trading.model.trade import Trade
from tradepit.trading.orders import events as facts
from tradepit.trading.records.record_fold import RecordFold
from tradepit.trading.records.rows import RecordBatch

NEXT_DAY = 20250107
BOT_UUID = "11111111-2222-3333-4444-555555555555"
INTENT_UUID = "AAAAAAAA-bbbb-cccc-dddd-eeeeeeeeeeee"
S = OrderStatus
Entry = Sequence[facts.Fact]


class Story:
    """Facts as they are journaled together. Instants rise by a second with every entry."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._trades = 0

    @property
    def now_ns(self) -> int:
        return START_NS + len(self.entries) * 1_000_000_000

    def tell(self, *entry: facts.Fact) -> None:
        self.entries.append([msgspec.structs.replace(fact, time_ns=self.now_ns) for fact in entry])

    def accept(self, intent: OrderIntent) -> None:
        key = {"account": intent.account, "client_order_id": intent.client_order_id}
        self.tell(facts.OrderAccepted(time_ns=0, intent=intent), facts.OrderSending(time_ns=0, epoch=1, **key))

    def order(self, intent: OrderIntent, status: OrderStatus, traded: int = 0, day: int = DAY, **more: object) -> facts.Fact:
        left = 0 if status.terminal else intent.volume_lots - traded
        order = Order(intent=intent, status=status, order_id=f"V-{intent.client_order_id}", traded_lots=traded, left_lots=left)
        report = OrderReport(sequence=0, time_ns=1, trading_day=day, order=msgspec.structs.replace(order, **more))
        return facts.ReportApplied(time_ns=0, report=report)

    def trade(self, intent: OrderIntent, lots: int, ticks: int = PRICE, day: int = DAY, fee: str = "12.35") -> facts.Fact:
        self._trades += 1
        trade = Trade(
            trade_id=f"T{self._trades}",
            order_id=f"V-{intent.client_order_id}",
            client_order_id=intent.client_order_id,
            account=intent.account,
            symbol=intent.symbol,
            exchange=intent.exchange,
            side=intent.side,
            offset=intent.offset,
            price_ticks=ticks,
            volume_lots=lots,
            time_ns=self.now_ns,
            trading_day=day,
            fee=fee,
        )
        return facts.ReportApplied(time_ns=0, report=TradeReport(sequence=0, time_ns=1, trading_day=day, trade=trade))

    def day(self, following: int, settled: int, price: str) -> None:
        report = DayReport(sequence=0, time_ns=1, trading_day=following, settled_day=settled, settlement_prices={"IF2501": price})
        self.tell(facts.ReportApplied(time_ns=0, report=report))


def a_story() -> Story:
    """Two bots and a person trade; one order is refused, one cancelled; a day is settled; limits and states are set."""
    story = Story()
    story.tell(
        facts.TermBegan(time_ns=0, epoch=1, holder="om-1"),
        facts.InstrumentKnown(time_ns=0, instrument=instrument(), reference="3900"),
        facts.AccountKnown(time_ns=0, account="A1", equity="1000000"),
    )
    bought = an_intent("x1", lots=5, bot="b1", sequence=1, client_order_id=INTENT_UUID)
    sold = an_intent("x2", lots=3, bot=BOT_UUID, side=Side.SELL, order_type=OrderType.MARKET, price_ticks=0)
    personal = an_intent("x3", lots=2, reference="by hand")
    for intent in (bought, sold, personal):
        story.accept(intent)
    story.tell(story.order(bought, S.OPEN), story.trade(bought, 2), story.trade(bought, 2), story.order(bought, S.PARTIAL, 4))
    story.tell(story.trade(sold, 3, PRICE + 40), story.order(sold, S.FILLED, 3))
    refused = facts.OrderRefused(
        time_ns=0, intent=an_intent("x4", bot="b1"), code="TOO_MANY", rule="at_most_ten", limit="10", value="11", message="no"
    )
    story.tell(refused)
    story.tell(facts.LimitsSet(time_ns=0, scope="bot:b1", limits='{"order_size":{"max_lots":3}}', who="ann", reason="care"))
    story.tell(facts.StateSet(time_ns=0, scope="account:A1", state=TradingState.REDUCING, who="bob", reason="news"))
    story.tell(facts.RiskWarned(time_ns=0, account="A1", symbol="IF2501", code="ABNORMAL", what="cancels", value=400, limit=500))
    story.tell(facts.CancelRequested(time_ns=0, account="A1", client_order_id=INTENT_UUID), story.order(bought, S.CANCELLED, 4))
    story.tell(facts.OrderUnknown(time_ns=0, account="A1", client_order_id="cx3", reason="TIMEOUT"))
    story.tell(story.trade(personal, 2, PRICE - 10), story.order(personal, S.FILLED, 2))
    story.day(NEXT_DAY, DAY, "3902.4")
    closing = an_intent("x5", lots=4, bot="b1", side=Side.SELL)
    story.accept(closing)
    story.tell(story.trade(closing, 4, PRICE + 20, NEXT_DAY), story.order(closing, S.FILLED, 4, NEXT_DAY))
    return story


def batches(entries: Sequence[Entry], size: int, fold: RecordFold | None = None) -> list[RecordBatch]:
    """What a writer that gathers so many entries tells."""
    fold = fold or RecordFold()
    told = []
    for start in range(0, len(entries), size):
        news = RecordBatch(after=fold.entry, through=fold.entry)
        for facts_together in entries[start : start + size]:
            fold.fold(fold.entry + 1, facts_together, news)
        told.append(news)
    return told


def told_up_to(news: RecordBatch, origin: str = "o1") -> Told:
    return Told(entry=news.through, mark=f"m{news.through}", origin=origin)


def d(text: str) -> Decimal:
    return Decimal(text)
