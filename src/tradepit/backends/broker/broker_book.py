"""What a broker is known to have been asked and to have told: a fold of a journal, in which every report has its number first."""

from bisect import bisect_right

import msgspec
from loguru import logger

from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.report import DayReport, OrderReport, Report, TradeReport
from tradepit.trading.model.terms import OrderStatus

Key = tuple[str, str]
NOT_SENT = "NOT_SENT"
_INDEX_EVERY = 1000


class BookFact(msgspec.Struct, frozen=True, kw_only=True, tag_field="fact"):
    """One thing that happened; a record of the journal."""


class TermBegan(BookFact, frozen=True, kw_only=True, tag="term_began"):
    """A leader announced its epoch, which is that of the entry."""


class Taken(BookFact, frozen=True, kw_only=True, tag="taken"):
    """An order was taken from the house and may be sent from here on. ``trading_day`` is the broker's.

    ``request_id`` is the id under which it is sent, where that is not the order's own.
    """

    intent: OrderIntent
    trading_day: int
    request_id: str = ""


class Told(BookFact, frozen=True, kw_only=True, tag="told"):
    """A report. ``trade_key`` is the broker's own id of a trade."""

    report: Report
    trade_key: str = ""


Fact = TermBegan | Taken | Told


class BrokerBook:
    """Orders by (account, client_order_id). ``apply`` takes a fact once it is in the journal.

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

    def apply(self, fact: BookFact, entry: int) -> None:
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

    def changed(self, key: Key, order: Order) -> bool:
        """True when ``order`` says something new of the order under ``key``; it never opens again and its fills never get fewer."""
        known = self.orders.get(key)
        if known is None:
            return True
        if known.status.terminal:
            # It never opens again; only a late fill may still change it.
            return order.traded_lots > known.traded_lots
        return _news_of(order) != _news_of(known) and order.traded_lots >= known.traded_lots


def _news_of(order: Order) -> tuple[object, ...]:
    return order.status, order.traded_lots, order.left_lots, order.order_id
