"""From order management's facts to what bots are told: a fold that gives, for each fact, its events and alerts."""

from collections.abc import Iterable, Iterator

from tradepit.runtime.latency import LatencyMeter
from tradepit.trading.model.order import Order
from tradepit.trading.model.report import DayReport, Report, TradeReport
from tradepit.trading.model.terms import OrderStatus, TradingState
from tradepit.trading.orders import events as facts
from tradepit.trading.orders.bot_books import BotBooks
from tradepit.trading.orders.desk import NOT_SENT
from tradepit.trading.orders.register import Key, OrderRegister
from tradepit.wire import platform as wire
from tradepit.wire import platform_orders as words

Told = tuple[str, wire.OrderEvent | wire.RiskAlert]
_SEVERITIES = {
    TradingState.ACTIVE: wire.Severity.INFO,
    TradingState.REDUCING: wire.Severity.WARNING,
    TradingState.HALTED: wire.Severity.CRITICAL,
}


class OrderOutcomes:
    """Only orders of bots have events; alerts concern every account. The same facts give the same messages, whenever they are folded.

    Figures count since the journal's beginning, latencies are those of the last thousand orders.
    """

    def __init__(self) -> None:
        self.register = OrderRegister()
        self.books = BotBooks()
        self.submitted = self.fills = self.broker_errors = 0
        self.rejected: dict[str, int] = {}
        self.latency = LatencyMeter()
        self._sent_ns: dict[Key, int] = {}
        self._asked_by: dict[Key, wire.Initiator] = {}

    def of(self, entry: Iterable[facts.Fact]) -> Iterator[Told]:
        """Fold the facts that were journaled together; what is to be told of them, in order."""
        together = list(entry)
        halts = any(isinstance(fact, facts.StateSet) for fact in together)
        for fact in together:
            yield from self._reported(fact) if isinstance(fact, facts.ReportApplied) else self._of(fact, halts=halts)

    def count_refusal(self, code: str) -> None:
        """An order was refused, by whomever."""
        self.rejected[code] = self.rejected.get(code, 0) + 1

    def _of(self, fact: facts.Fact, *, halts: bool) -> Iterator[Told]:
        self.register.apply(fact)
        if isinstance(fact, facts.OrderAccepted):
            order = self.register.orders[fact.intent.account, fact.intent.client_order_id]
            yield from _event(order, words.acknowledged(order, fact.time_ns))
        elif isinstance(fact, facts.OrderSending):
            self.submitted += 1
            self._sent_ns[fact.account, fact.client_order_id] = fact.time_ns
        elif isinstance(fact, facts.OrderUnknown):
            self.broker_errors += 1
        elif isinstance(fact, facts.OrderRefused):
            self.count_refusal(fact.code)
            order = self.register.orders[fact.intent.account, fact.intent.client_order_id]
            yield wire.alert_topic(fact.intent.account), words.alert_of(fact, "")
            yield from _event(order, words.rejected(order.client_order_id, fact.code, words.category_of(fact.code), fact.time_ns))
        elif isinstance(fact, facts.CancelRequested):
            asked_by = wire.Initiator.RISK if halts else wire.Initiator.BOT
            self._asked_by.setdefault((fact.account, fact.client_order_id), asked_by)
        elif isinstance(fact, facts.StateSet):
            yield from self._state(fact)
        elif isinstance(fact, facts.RiskWarned):
            yield wire.alert_topic(fact.account), words.warning_of(fact)
        elif isinstance(fact, facts.OrderRemarked):
            yield wire.alert_topic(fact.account), words.remark_of(fact)

    def _state(self, fact: facts.StateSet) -> Iterator[Told]:
        kind, _, name = fact.scope.partition(":")
        for account in [name] if kind == "account" else sorted(self.register.accounts):
            yield (
                wire.alert_topic(account),
                wire.RiskAlert(
                    alert_id="",
                    account_id=account,
                    bot_id=name if kind == "bot" else "",
                    type=wire.AlertType.LOSS_CAP if fact.reason == "LOSS_CAP" else wire.AlertType.SYSTEM,
                    severity=_SEVERITIES[fact.state],
                    message=f"trading is {fact.state.value} for {fact.scope}",
                    context={"scope": fact.scope, "state": fact.state.value, "who": fact.who, "reason": fact.reason},
                    observed_at_ns=fact.time_ns,
                ),
            )

    def _reported(self, fact: facts.ReportApplied) -> Iterator[Told]:
        report = fact.report
        before = self._before(report)
        if not self.register.apply_report(report, fact.through) or isinstance(report, DayReport):
            return
        if isinstance(report, TradeReport):
            yield from self._traded(report)
            return
        key = (report.order.intent.account, report.order.client_order_id)
        sent_ns = self._sent_ns.pop(key, None)
        if sent_ns is not None:
            self.latency.add(fact.time_ns - sent_ns)
        order = self.register.orders[key]
        if not order.active and (before is None or before.active):
            yield from self._ended(order, key, fact.time_ns)

    def _before(self, report: Report) -> Order | None:
        if isinstance(report, TradeReport | DayReport):
            return None
        return self.register.find(report.order.intent.account, report.order.client_order_id)

    def _traded(self, report: TradeReport) -> Iterator[Told]:
        trade = report.trade
        self.fills += 1
        key = (trade.account, trade.client_order_id)
        order, instrument = self.register.orders.get(key), self.register.instruments.get(trade.symbol)
        if instrument is None:
            return
        self.books.on_trade(trade, order, instrument)
        if order is not None:
            yield from _event(order, words.filled(order, trade, instrument, self.register.trade_lots[key]))

    def _ended(self, order: Order, key: Key, time_ns: int) -> Iterator[Told]:
        asked_by = self._asked_by.pop(key, None)
        if order.status is OrderStatus.REJECTED:
            self.count_refusal(order.reason)
            category = wire.RejectionReason.TIMEOUT if order.reason == NOT_SENT else wire.RejectionReason.BROKER_REJECT
            yield from _event(
                order,
                words.rejected(order.client_order_id, order.reason, category, time_ns, executor_order_id=order.client_order_id),
            )
        elif order.status is OrderStatus.CANCELLED:
            yield from _event(order, words.cancelled(order, asked_by or wire.Initiator.BROKER))
        elif order.status is OrderStatus.EXPIRED or order.traded_lots < order.intent.volume_lots:
            # Filled with less than was asked for: the exchange has lessened it (self-trade policy).
            yield from _event(order, words.cancelled(order, wire.Initiator.SYSTEM))


def _event(order: Order, happened: wire.Happened) -> Iterator[Told]:
    intent = order.intent
    if intent.bot:
        event = wire.OrderEvent(event=happened, bot_id=intent.bot, account_id=intent.account)
        yield wire.event_topic(intent.account, intent.bot), event
