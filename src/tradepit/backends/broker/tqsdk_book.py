"""What the TqSDK broker knows: a fold of its journal, in which every report has its number before anybody hears of it."""

from bisect import bisect_right

import msgspec
from loguru import logger

from tradepit.backends.broker.tqsdk_frames import News, ToldOrder, ToldTrade
from tradepit.backends.broker.tqsdk_terms import intent_of, order_of, trade_of
from tradepit.trading.model.errors import TradepitError
from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.report import DayReport, OrderReport, Report, TradeReport
from tradepit.trading.model.terms import OrderStatus

Key = tuple[str, str]
NOT_SENT = "NOT_SENT"
_INDEX_EVERY = 1000


class _Fact(msgspec.Struct, frozen=True, kw_only=True, tag_field="fact"):
    pass


class TermBegan(_Fact, frozen=True, kw_only=True, tag="term_began"):
    """A leader announced its epoch, which is that of the entry."""


class Taken(_Fact, frozen=True, kw_only=True, tag="taken"):
    """An order was taken from the house and may be sent from here on. ``trading_day`` is the broker's."""

    intent: OrderIntent
    trading_day: int


class Told(_Fact, frozen=True, kw_only=True, tag="told"):
    """A report. ``trade_key`` is the broker's own id of a trade."""

    report: Report
    trade_key: str = ""


Fact = TermBegan | Taken | Told


class TqsdkBook:
    """Orders by (account, client_order_id). ``learn`` says what is new, ``apply`` takes it once it is in the journal.

    Finished orders and the ids of trades are forgotten when a second trading day begins after theirs.
    """

    def __init__(self) -> None:
        self.orders: dict[Key, Order] = {}
        self.taken: dict[Key, Taken] = {}
        self.trades: dict[Key, int] = {}
        self.exchange_trades: set[tuple[str, str, str]] = set()
        self.days: dict[Key, int] = {}
        self.trading_day = 0
        self.last_report = 0
        self._index: list[tuple[int, int]] = []

    def entry_before(self, sequence: int) -> int:
        """A journal entry after which every report above ``sequence`` is found."""
        place = bisect_right(self._index, (sequence, 1 << 62)) - 1
        return self._index[place][1] if place >= 0 else 0

    def intent(self, key: Key) -> OrderIntent | None:
        """What was asked for under an id."""
        if key in self.orders:
            return self.orders[key].intent
        taken = self.taken.get(key)
        return taken.intent if taken is not None else None

    def apply(self, fact: Fact, entry: int) -> None:
        """Fold one fact of the journal's entry number ``entry``."""
        if isinstance(fact, Taken):
            key = (fact.intent.account, fact.intent.client_order_id)
            self.taken[key] = fact
        elif isinstance(fact, Told):
            self._apply_report(fact, entry)

    def _apply_report(self, fact: Told, entry: int) -> None:
        report = fact.report
        if self.last_report % _INDEX_EVERY == 0:
            self._index.append((self.last_report, entry - 1))
        self.last_report = report.sequence
        if isinstance(report, DayReport):
            self._begin_day(report)
            return
        # Only the report of a new day ends one.
        self.trading_day = self.trading_day or report.trading_day
        if isinstance(report, TradeReport):
            trade = report.trade
            self.trades[trade.account, fact.trade_key] = report.trading_day
            self.exchange_trades.add((trade.exchange, trade.trade_id, trade.side))
        else:
            key = (report.order.intent.account, report.order.client_order_id)
            self.orders[key] = report.order
            self.days[key] = report.trading_day
            self.taken.pop(key, None)

    def _begin_day(self, report: DayReport) -> None:
        self.trading_day, settled = report.trading_day, report.settled_day
        gone = [key for key, day in self.days.items() if day < settled and self.orders[key].status.terminal]
        for key in gone:
            del self.orders[key], self.days[key]
        self.trades = {key: day for key, day in self.trades.items() if day >= settled}
        self.exchange_trades.clear()

    def begin_day(self, trading_day: int, settlement_prices: dict[str, str], now_ns: int) -> list[Told]:
        """The report of a new trading day, when it is one."""
        if not self.trading_day or trading_day <= self.trading_day:
            return []
        left = [order for order in self.orders.values() if order.active]
        for order in left:
            logger.error(
                "order {} was left over the end of its day: its last fills are in the statement only", order.client_order_id
            )
        report = DayReport(
            sequence=self.last_report + 1,
            time_ns=now_ns,
            trading_day=trading_day,
            settled_day=self.trading_day,
            settlement_prices=settlement_prices,
        )
        return [Told(report=report)]

    def learn(self, news: News, now_ns: int) -> list[Told]:
        """What is new in what the broker told, as numbered reports: the trades, then the orders."""
        found: list[Told] = []
        named: set[tuple[str, str, str]] = set()
        numbers = {(told.account, told.order_id): told.exchange_order_id.strip() for told in news.orders}
        for told_trade in news.trades:
            report = self._trade_report(told_trade, numbers, news.trading_day, self.last_report + len(found) + 1, named)
            if report is not None:
                named.add((report.trade.exchange, report.trade.trade_id, report.trade.side))
                found.append(Told(report=report, trade_key=told_trade.trade_id))
        for told in news.orders:
            order = self._order(told, now_ns)
            if order is not None:
                sequence = self.last_report + len(found) + 1
                found.append(
                    Told(report=OrderReport(sequence=sequence, time_ns=now_ns, trading_day=news.trading_day, order=order))
                )
        return found

    def _trade_report(
        self, told: ToldTrade, numbers: dict[Key, str], day: int, sequence: int, named: set[tuple[str, str, str]]
    ) -> TradeReport | None:
        key = (told.account, told.order_id)
        if (told.account, told.trade_id) in self.trades:
            return None
        known = self.orders.get(key)
        order_id = numbers.get(key) or (known.order_id if known is not None else "")
        # Both sides of a match share the exchange's number; where it is missing or used before, the broker's own one stands in.
        trade_id = told.exchange_trade_id.strip()
        name = (told.exchange_id, trade_id, told.direction)
        if not trade_id or name in self.exchange_trades or name in named:
            trade_id = told.trade_id
        try:
            trade = trade_of(told, trade_id, order_id, day)
        except ValueError as error:
            logger.error("a trade of {} has no place here: {}", told.instrument_id, error)
            return None
        return TradeReport(sequence=sequence, time_ns=told.time_ns, trading_day=day, trade=trade)

    def _order(self, told: ToldOrder, now_ns: int) -> Order | None:
        key = (told.account, told.order_id)
        known = self.orders.get(key)
        try:
            order = order_of(told, self.intent(key) or intent_of(told), known, now_ns)
        except (TradepitError, ValueError) as error:
            logger.error("order {} of {} has no place here: {}", told.order_id, told.instrument_id, error)
            return None
        if known is None:
            return order
        if known.status.terminal:
            # It never opens again; only a late fill may still change it.
            return order if order.traded_lots > known.traded_lots else None
        return order if _news_of(order) != _news_of(known) and order.traded_lots >= known.traded_lots else None

    def returned(self, news: News) -> list[Key]:
        """Orders that were given up as never sent and now turn out to work."""
        keys = [(told.account, told.order_id) for told in news.orders if told.status != "FINISHED"]
        return [key for key in keys if key in self.orders and self.orders[key].reason == NOT_SENT]

    def end_all(self, now_ns: int, trading_day: int) -> list[Told]:
        """The reports of a simulated account's end: whatever worked there works no more."""
        found: list[Told] = []
        for order in [order for order in self.orders.values() if order.active]:
            ended = msgspec.structs.replace(
                order,
                status=OrderStatus.CANCELLED,
                left_lots=0,
                message="the simulated account has begun anew",
                updated_ns=now_ns,
            )
            sequence = self.last_report + len(found) + 1
            found.append(Told(report=OrderReport(sequence=sequence, time_ns=now_ns, trading_day=trading_day, order=ended)))
        return found

    def void(self, intent: OrderIntent, now_ns: int, trading_day: int) -> Told:
        """The report of an order that was never sent and never will be."""
        order = Order(
            intent=intent,
            status=OrderStatus.REJECTED,
            reason=NOT_SENT,
            message="the order never left for the broker",
            inserted_ns=now_ns,
            updated_ns=now_ns,
        )
        return Told(report=OrderReport(sequence=self.last_report + 1, time_ns=now_ns, trading_day=trading_day, order=order))


def _news_of(order: Order) -> tuple[object, ...]:
    return order.status, order.traded_lots, order.left_lots, order.order_id
