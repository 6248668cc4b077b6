"""The order desk: the pure machine behind order management, register and risk exposure folded from the same facts."""

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from tradepit.trading.model.errors import DuplicateId
from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.report import DayReport, OrderReport, Report, TradeReport
from tradepit.trading.model.terms import OrderStatus, TradingState
from tradepit.trading.orders import events as facts
from tradepit.trading.orders.audit import AuditTrail
from tradepit.trading.orders.register import OrderRegister
from tradepit.trading.risk.closable import Closable
from tradepit.trading.risk.exposure import Exposure
from tradepit.trading.risk.limits import LimitBook, Setting
from tradepit.trading.risk.pipeline import Pipeline
from tradepit.trading.risk.refusal import Refused
from tradepit.trading.risk.review import Approved, charge, evaluate, remarks, review
from tradepit.trading.risk.rule import Rule
from tradepit.trading.risk.self_trade import SelfTrade
from tradepit.trading.risk.tally import RiskTally
from tradepit.trading.risk.trading_state import TradingState as Halt

_CANCELLED, _REJECTED = OrderStatus.CANCELLED, OrderStatus.REJECTED  # named for each order: see ``at_hand``
# A lost order that was voided: the exchange refused nothing.
NOT_SENT = "NOT_SENT"


class OrderDesk:
    """Decides and folds. ``decide`` never changes orders; the facts it returns do, once they are applied.

    Facts are applied in the journal's order. Replaying a journal with ``replayed=True`` rebuilds the same desk, the request
    buckets included. ``limits`` are the rules, as configured and as facts have set them since.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.limits = LimitBook(rules)
        self.register = OrderRegister()
        self.exposure = Exposure()
        self.audit = AuditTrail()
        self.tally = RiskTally()

    def known(self, intent: OrderIntent) -> Order | None:
        """The order this intent already became, None for a new one. Raises DuplicateId when its id, or its bot's number, was used for
        another order.
        """
        order = self.register.find(intent.account, intent.client_order_id)
        if order is None and intent.bot and intent.sequence:
            order = self.register.find_numbered(intent.account, intent.bot, intent.sequence)
            intent = intent if order is None else msgspec.structs.replace(intent, client_order_id=order.client_order_id)
        if order is None:
            return None
        if not _same(order.intent, intent):
            raise DuplicateId(client_order_id=intent.client_order_id)
        return order

    def decide(
        self, intent: OrderIntent, now_ns: int, epoch: int, *, flattens: bool = False
    ) -> tuple[Approved | None, tuple[facts.Fact, ...]]:
        """Review a new order: the approval and the facts to be journaled before it is sent, or no approval and the refusal.

        ``flattens``: an order of the house that closes what is held. It goes even where trading is halted, and our own limits are
        not asked about it; the exchange's conditions are.
        """
        rules = self.limits.rules_for(intent)
        if flattens and (intent.offset.closes or self.exposure.reduces(intent)):
            rules = Pipeline(rule for rule in rules if not rule.spares_reducing and not isinstance(rule, Halt))
        verdict = self._judge(intent, rules, now_ns)
        if isinstance(verdict, Refused):
            return None, self._refusal(intent, verdict, now_ns)
        sending = facts.OrderSending(time_ns=now_ns, account=intent.account, client_order_id=intent.client_order_id, epoch=epoch)
        accepted = facts.OrderAccepted(time_ns=now_ns, intent=intent)
        said = remarks(intent, self.exposure, rules, now_ns)
        return verdict, (accepted, *[_remarked(intent, remark, now_ns) for remark in said], sending)

    def pass_on(self, intent: OrderIntent, now_ns: int) -> tuple[Approved | None, tuple[facts.Fact, ...]]:
        """Review a new order and fold at once what follows, for a house that keeps no journal: the approval of an order that is being
        sent from here on, or the facts of its refusal. The desk is then the one that ``decide`` and applying its facts would leave.
        """
        verdict = self._judge(intent, self.limits.rules_for(intent), now_ns)
        if isinstance(verdict, Refused):
            refusal = self._refusal(intent, verdict, now_ns)
            for fact in refusal:
                self.apply(fact)
            return None, refusal
        self.register.send(intent, now_ns)
        self.exposure.on_request(intent)
        self.exposure.on_accepted(intent)
        return verdict, ()

    def _judge(self, intent: OrderIntent, rules: Pipeline, now_ns: int) -> Approved | Refused:
        verdict = review(intent, self.exposure, rules, now_ns)
        self.tally.count(verdict)
        return verdict

    def in_the_way(self, intent: OrderIntent, now_ns: int) -> list[str]:
        """Resting orders of the account that give way to this one, if nothing but them is against it (rule ``self_trade``)."""
        rules = self.limits.rules_for(intent)
        names = [name for rule in rules if isinstance(rule, SelfTrade) for name in rule.in_the_way(intent, self.exposure)]
        if not names:
            return []
        others = [rule for rule in rules if not isinstance(rule, SelfTrade)]
        return names if not others or evaluate(intent, self.exposure, others, now_ns) is None else []

    def lacks_lots(self, intent: OrderIntent, now_ns: int) -> bool:
        """Whether an order would close more than is known to be free to close."""
        if not intent.offset.closes:
            return False
        rules = self.limits.rules_for(intent)
        return any(isinstance(rule, Closable) and rule.check(intent, self.exposure, now_ns) is not None for rule in rules)

    def evaluate(self, intent: OrderIntent, now_ns: int) -> Refused | None:
        """What the review would say to a new order now; nothing is counted and nothing follows from it."""
        return evaluate(intent, self.exposure, self.limits.rules_for(intent), now_ns)

    def _refusal(self, intent: OrderIntent, verdict: Refused, now_ns: int) -> tuple[facts.Fact, ...]:
        refused = facts.OrderRefused(
            time_ns=now_ns,
            intent=intent,
            code=verdict.code,
            rule=verdict.rule,
            limit=verdict.limit,
            value=verdict.value,
            message=verdict.message,
        )
        scope = f"account:{intent.account}"
        if verdict.escalate is None or self.exposure.states.get(scope) in (verdict.escalate, TradingState.HALTED):
            return (refused,)
        escalation = facts.StateSet(
            time_ns=now_ns, scope=scope, state=verdict.escalate, who=f"rule {verdict.rule}", reason=verdict.code
        )
        return (refused, escalation)

    def apply(self, fact: facts.Fact, *, replayed: bool = False) -> None:
        """Fold one fact into register and exposure."""
        if isinstance(fact, facts.ReportApplied):
            self.apply_report(fact.report, fact.time_ns, fact.through)
            return
        self.register.apply(fact)
        if isinstance(fact, facts.OrderSending):
            return
        if isinstance(fact, facts.OrderAccepted):
            self._requested(fact.intent, fact.time_ns, replayed=replayed)
            self.exposure.on_accepted(fact.intent)
        elif isinstance(fact, facts.OrderRefused):
            self._requested(fact.intent, fact.time_ns, replayed=replayed)
        elif isinstance(fact, facts.OrderUnknown):
            self.exposure.on_no_answer(fact.account, fact.time_ns)
            order = self.register.find(fact.account, fact.client_order_id)
            if order is not None:
                self.exposure.on_order(order)
        elif isinstance(fact, facts.CancelRequested):
            order = self.register.find(fact.account, fact.client_order_id)
            if order is not None:
                self.exposure.on_cancel_asked(order.intent)
        else:
            self._apply_setting(fact)

    def _requested(self, intent: OrderIntent, time_ns: int, *, replayed: bool) -> None:
        if replayed:
            charge(intent, self.exposure, self.limits.rules_for(intent), time_ns)
        self.exposure.on_request(intent)

    def _apply_setting(self, fact: facts.Fact) -> None:
        exposure = self.exposure
        if isinstance(fact, facts.StateSet):
            self.audit.add(fact, exposure.states.get(fact.scope, TradingState.ACTIVE).value)
            exposure.set_state(fact.scope, fact.state)
        elif isinstance(fact, facts.RiskWarned):
            holding = exposure.holding(fact.account, fact.symbol)
            if holding is not None:
                holding.day.warned.append(fact.what)
        elif isinstance(fact, facts.LimitsSet):
            before = self.limits.settings.get(fact.scope)
            self.audit.add(fact, before.limits if before is not None else "{}")
            setting = Setting(
                limits=fact.limits,
                who=fact.who,
                reason=fact.reason,
                time_ns=fact.time_ns,
                revision=self.limits.revision_of(fact.scope) + 1,
            )
            self.limits.put(fact.scope, setting)
        elif isinstance(fact, facts.InstrumentKnown):
            exposure.list_instrument(fact.instrument, Decimal(fact.reference))
        elif isinstance(fact, facts.AccountKnown):
            exposure.open_account(fact.account, Decimal(fact.equity))

    def warnings(self, report: Report, now_ns: int) -> list[facts.RiskWarned]:
        """What a report that was applied is cause to warn of, for the first time this day (rule ``abnormal_trading``)."""
        rule = self.limits.abnormal_trading
        if rule is None or isinstance(report, DayReport):
            return []
        told = report.trade if isinstance(report, TradeReport) else report.order.intent
        holding = self.exposure.holding(told.account, told.symbol)
        ended = isinstance(report, OrderReport) and report.order.status is _CANCELLED
        if holding is None or not (ended or holding.day.self_trades):
            return []
        return [
            facts.RiskWarned(
                time_ns=now_ns,
                account=told.account,
                symbol=told.symbol,
                code=standing.code,
                what=standing.what,
                value=standing.value,
                limit=standing.limit,
            )
            for standing in rule.standings(told.account, told.symbol, self.exposure)
            if standing.what not in holding.day.warned
        ]

    def is_new(self, report: Report) -> bool:
        """True when applying the report would change something."""
        return self.register.is_new(report)

    def apply_report(self, report: Report, time_ns: int, through: int = 0) -> None:
        """Fold what the broker told at ``time_ns``; ``through`` as in ``ReportApplied``."""
        exposure = self.exposure
        if not self.register.apply_report(report, through):
            return
        if isinstance(report, OrderReport):
            # The register's word counts, not the report's: a late fill does not make a finished order work again.
            intent = report.order.intent
            order = self.register.orders[(intent.account, intent.client_order_id)]
            # An order somebody else placed on this account works too, and counts from here on.
            exposure.on_order(order, adopt=not order.status.terminal)
            if order.status is _REJECTED and order.reason != NOT_SENT:
                exposure.on_rejected(order.intent.account, time_ns)
        elif isinstance(report, TradeReport):
            known = self.register.find(report.trade.account, report.trade.client_order_id)
            exposure.on_fill(report.trade, known.intent.bot if known is not None else "")
        else:
            exposure.roll_day(report)


def _remarked(intent: OrderIntent, remark: Refused, now_ns: int) -> facts.OrderRemarked:
    return facts.OrderRemarked(
        time_ns=now_ns,
        account=intent.account,
        bot=intent.bot,
        symbol=intent.symbol,
        client_order_id=intent.client_order_id,
        code=remark.code,
        rule=remark.rule,
        limit=remark.limit,
        value=remark.value,
        message=remark.message,
    )


def _same(known: OrderIntent, told: OrderIntent) -> bool:
    """A retry carries the same order; its instant may differ, because a sender may stamp each attempt."""
    return msgspec.structs.replace(known, created_ns=0) == msgspec.structs.replace(told, created_ns=0)
