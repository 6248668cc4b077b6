"""The register of orders: a pure fold of order management's facts into the state of every order, algorithm and trading state."""

from collections.abc import Callable
from typing import Any

import msgspec

from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.report import DayReport, OrderReport, Report, TradeReport
from tradepit.trading.model.terms import OrderStatus, TradingState
from tradepit.trading.model.trade import Trade
from tradepit.trading.orders import events as facts
from tradepit.trading.orders.by_day import ByDay

Key = tuple[str, str]
Number = tuple[str, str, int]
TradeId = tuple[str, str, str]
_IN_DOUBT = (OrderStatus.SENDING, OrderStatus.UNKNOWN)
_ENDED = (OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.EXPIRED)
_NOT_ANSWERED = (OrderStatus.PENDING_NEW, *_IN_DOUBT)


class AlgoRecord(msgspec.Struct, kw_only=True):
    """What is known of one algorithm order: its request, the last control, and how it ended (empty while it runs)."""

    algo_id: str
    account: str
    topic: str
    body: str
    state: str = ""
    filled_lots: int = 0
    controls: list[str] = []


class OrderRegister:
    """Orders by (account, client_order_id). ``apply`` is idempotent for reports: trade id and cumulative volume decide.

    ``children`` are the orders that carry an accepted algorithm's id as their reference, by that id. ``trade_ids`` are the trades
    counted, by trading day; ``first_seen`` and ``ended_algos`` say when orders and finished algorithms may be forgotten.

    Finished orders, their ids and those of their trades are remembered for the running trading day and the one before, as the
    exchange does; an order that still works, is in doubt or belongs to a running algorithm stays however old it is. An id used
    again after that is a new order.
    """

    def __init__(self) -> None:
        self.orders: dict[Key, Order] = {}
        self.working: dict[Key, Order] = {}
        self.in_doubt: dict[Key, Order] = {}
        self.by_order_id: dict[str, Key] = {}
        self.by_number: dict[Number, Key] = {}
        self.cancel_wanted: set[Key] = set()
        self.algos: dict[str, AlgoRecord] = {}
        self.children: dict[str, dict[Key, Order]] = {}
        self.states: dict[str, TradingState] = {}
        self.instruments: dict[str, Instrument] = {}
        self.accounts: set[str] = set()
        self.epoch = 0
        self.report_sequence = 0
        self.trading_day = 0
        self.trade_lots: dict[Key, int] = {}
        self.trade_ids: dict[int, set[TradeId]] = {}
        self.first_seen: ByDay[Key] = ByDay()
        self.ended_algos: ByDay[str] = ByDay()
        self._folds: dict[type, Callable[[Any], object]] = {
            facts.TermBegan: self._term_began,
            facts.InstrumentKnown: self._instrument_known,
            facts.AccountKnown: self._account_known,
            facts.OrderAccepted: self._accepted,
            facts.OrderRefused: self._refused,
            facts.OrderSending: self._sending,
            facts.OrderUnknown: self._unknown,
            facts.CancelRequested: self._cancel_requested,
            facts.ReportApplied: lambda fact: self.apply_report(fact.report, fact.through),
            facts.StateSet: self._state_set,
            # Limits, remarks and warnings are the desk's: they judge orders and change none.
            facts.LimitsSet: lambda _: None,
            facts.RiskWarned: lambda _: None,
            facts.OrderRemarked: lambda _: None,
            facts.AlgoAccepted: self._algo_accepted,
            facts.AlgoControlled: self._algo_controlled,
            facts.AlgoEnded: self._algo_ended,
        }

    def apply(self, fact: facts.Fact) -> None:
        """Fold one fact into the state."""
        self._folds[type(fact)](fact)

    def apply_report(self, report: Report, through: int = 0) -> bool:
        """Fold what the broker told; False when nothing of it was new. ``through`` as in ``ReportApplied``."""
        news = self._reported(report)
        if not self.trading_day:
            self._name_first_day(report.trading_day)
        if through > self.report_sequence:  # noqa: PLR1730 - max() is a slow call
            self.report_sequence = through
        return news

    def send(self, intent: OrderIntent, time_ns: int) -> None:
        """Fold at once that an order was accepted and that it is being sent."""
        self._enter(_order_of(intent, OrderStatus.SENDING, time_ns, left=intent.volume_lots))

    def find(self, account: str, client_order_id: str) -> Order | None:
        """The order by its sender's id."""
        return self.orders.get((account, client_order_id))

    def find_numbered(self, account: str, bot: str, sequence: int) -> Order | None:
        """The order a bot gave this number on the account, None when it is not remembered."""
        key = self.by_number.get((account, bot, sequence))
        return self.orders.get(key) if key is not None else None

    def is_new(self, report: OrderReport | TradeReport | DayReport) -> bool:
        """True when the report says something not yet known.

        Sequences do not decide it: an answer may overtake the stream, and a stream read again after a crash repeats itself.
        """
        if isinstance(report, DayReport):
            return report.trading_day > self.trading_day
        if isinstance(report, TradeReport):
            return _identity(report.trade) not in self.trade_ids.get(report.trade.trading_day, ())
        known = self.find(report.order.intent.account, report.order.client_order_id)
        return known is None or _is_later(known, report.order)

    def _store(self, key: Key, before: Order | None, order: Order) -> None:
        """An order is now this; ``before`` is what it was, None for a new one."""
        intent, status = order.intent, order.status
        if before is None:
            self.first_seen.add(self.trading_day, key)
            self.name(key, intent)
        elif before.intent is not intent and number_of(before) != number_of(order):
            # Somebody else's order may be told with another number later.
            self._unname(before)
            self.name(key, intent)
        self.orders[key] = order
        if self.children and intent.reference in self.children:
            self.children[intent.reference][key] = order
        if order.order_id:
            self.by_order_id[order.order_id] = key
        if status.terminal:
            self.working.pop(key, None)
            self.cancel_wanted.discard(key)
        else:
            self.working[key] = order
        if status in _IN_DOUBT:
            self.in_doubt[key] = order
        else:
            self.in_doubt.pop(key, None)

    def name(self, key: Key, intent: OrderIntent) -> None:
        """Remember the number a bot gave its order; the first order under it counts."""
        if intent.bot and intent.sequence:
            self.by_number.setdefault((intent.account, intent.bot, intent.sequence), key)

    def _unname(self, order: Order) -> None:
        if self.by_number.get(number_of(order)) == (order.intent.account, order.client_order_id):
            del self.by_number[number_of(order)]

    def _with_status(self, account: str, client_order_id: str, status: OrderStatus, now_ns: int, reason: str = "") -> None:
        key = (account, client_order_id)
        order = self.orders.get(key)
        if order is not None and order.status in _NOT_ANSWERED:
            # Still working, under its own ids, and in doubt from now on: nothing else of it can change by this.
            order = msgspec.structs.replace(order, status=status, updated_ns=now_ns, reason=reason)
            self.orders[key] = self.working[key] = self.in_doubt[key] = order
            if self.children and order.intent.reference in self.children:
                self.children[order.intent.reference][key] = order

    def _term_began(self, fact: facts.TermBegan) -> None:
        self.epoch = max(self.epoch, fact.epoch)

    def _instrument_known(self, fact: facts.InstrumentKnown) -> None:
        self.instruments[fact.instrument.symbol] = fact.instrument

    def _account_known(self, fact: facts.AccountKnown) -> None:
        self.accounts.add(fact.account)

    def _accepted(self, fact: facts.OrderAccepted) -> None:
        self._enter(_order_of(fact.intent, OrderStatus.PENDING_NEW, fact.time_ns, left=fact.intent.volume_lots))

    def _refused(self, fact: facts.OrderRefused) -> None:
        order = _order_of(fact.intent, OrderStatus.RISK_REJECTED, fact.time_ns, left=0)
        self._enter(msgspec.structs.replace(order, reason=fact.code, message=fact.message))

    def _enter(self, order: Order) -> None:
        key = (order.intent.account, order.intent.client_order_id)
        self._store(key, self.orders.get(key), order)

    def _sending(self, fact: facts.OrderSending) -> None:
        self._with_status(fact.account, fact.client_order_id, OrderStatus.SENDING, fact.time_ns)

    def _unknown(self, fact: facts.OrderUnknown) -> None:
        self._with_status(fact.account, fact.client_order_id, OrderStatus.UNKNOWN, fact.time_ns, fact.reason)

    def _cancel_requested(self, fact: facts.CancelRequested) -> None:
        key = (fact.account, fact.client_order_id)
        if key in self.working:
            self.cancel_wanted.add(key)

    def _reported(self, report: Report) -> bool:
        if isinstance(report, TradeReport):
            return self._count_trade(report.trade)
        if isinstance(report, DayReport):
            if report.trading_day <= self.trading_day:
                return False
            self._begin_day(report)
            return True
        order = report.order
        key = (order.intent.account, order.intent.client_order_id)
        known = self.orders.get(key)
        if known is not None and not _is_later(known, order):
            return False
        self._store(key, known, order if known is None else _folded(known, order))
        return True

    def _count_trade(self, trade: Trade) -> bool:
        known, identity = self.trade_ids.setdefault(trade.trading_day, set()), _identity(trade)
        if identity in known:
            return False
        known.add(identity)
        key = (trade.account, trade.client_order_id)
        self.trade_lots[key] = self.trade_lots.get(key, 0) + trade.volume_lots
        return True

    def _name_first_day(self, trading_day: int) -> None:
        """What came before the first report belongs to the day that report names."""
        if trading_day:
            self.trading_day = trading_day
            self.first_seen.name_first_day(trading_day)
            self.ended_algos.name_first_day(trading_day)

    def _begin_day(self, report: DayReport) -> None:
        """A new trading day: forget what finished on days before the one that was just settled."""
        if not self.trading_day:
            self._name_first_day(report.settled_day)
        self.trading_day, settled = report.trading_day, report.settled_day
        for algo_id in self.ended_algos.take_before(settled):
            self.algos.pop(algo_id, None)
            self.children.pop(algo_id, None)
        for day in [day for day in self.trade_ids if day < settled]:
            del self.trade_ids[day]
        kept = [key for key in self.first_seen.take_before(settled) if not self._forget(key)]
        self.first_seen.add(settled, *kept)

    def _forget(self, key: Key) -> bool:
        """Drop an order that nobody needs any more; False when it is kept."""
        order = self.orders[key]
        algo = self.algos.get(order.intent.reference)
        if order.active or (algo is not None and not algo.state):
            return False
        del self.orders[key]
        self.by_order_id.pop(order.order_id, None)
        self._unname(order)
        self.trade_lots.pop(key, None)
        self.children.get(order.intent.reference, {}).pop(key, None)
        return True

    def _state_set(self, fact: facts.StateSet) -> None:
        self.states[fact.scope] = fact.state

    def _algo_accepted(self, fact: facts.AlgoAccepted) -> None:
        self.children.setdefault(fact.algo_id, {})
        self.algos.setdefault(
            fact.algo_id, AlgoRecord(algo_id=fact.algo_id, account=fact.account, topic=fact.topic, body=fact.body)
        )

    def _algo_controlled(self, fact: facts.AlgoControlled) -> None:
        record = self.algos.get(fact.algo_id)
        if record is not None:
            record.controls.append(fact.body)

    def _algo_ended(self, fact: facts.AlgoEnded) -> None:
        record = self.algos.get(fact.algo_id)
        if record is not None:
            if not record.state:
                self.ended_algos.add(self.trading_day, fact.algo_id)
            record.state, record.filled_lots = fact.state, fact.filled_lots


def _order_of(intent: OrderIntent, status: OrderStatus, now_ns: int, *, left: int) -> Order:
    return Order(intent=intent, status=status, left_lots=left, inserted_ns=now_ns, updated_ns=now_ns)


def number_of(order: Order) -> Number:
    """What a bot tells its orders apart by."""
    return order.intent.account, order.intent.bot, order.intent.sequence


def _identity(trade: Trade) -> TradeId:
    """What tells a trade of one trading day from all others: both sides of a match share the exchange's number."""
    return (trade.exchange, trade.trade_id, trade.side)


def _is_later(known: Order, told: Order) -> bool:
    """Volume traded never falls and a terminal order never reopens; only a late fill may still change a finished one."""
    if told.traded_lots != known.traded_lots:
        return told.traded_lots > known.traded_lots
    now, before = told.status, known.status
    if before.terminal:
        return False
    if now.progress != before.progress:
        return now.progress > before.progress
    return told.left_lots < known.left_lots


def _folded(known: Order, told: Order) -> Order:
    """The later news, except that a late fill of a finished order raises its volume and does not open it again."""
    if told.status.terminal or known.status not in _ENDED:
        return told
    status = OrderStatus.FILLED if told.traded_lots >= known.intent.volume_lots else known.status
    return msgspec.structs.replace(known, status=status, traded_lots=told.traded_lots, updated_ns=told.updated_ns)
