"""A dry run of a rule: the recorded orders judged again with another limit, one by one, each as things stood when it came."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.tick import Tick
from tradepit.trading.orders import events as facts
from tradepit.trading.orders.desk import OrderDesk
from tradepit.trading.risk.limits import Setting
from tradepit.trading.risk.refusal import Refused
from tradepit.trading.risk.review import charge
from tradepit.trading.risk.rule import Rule
from tradepit.trading.risk.rules import RULES

ACCEPTED = "accepted"
BLIND = frozenset({"session_phase", "collar", "margin", "daily_loss", "circuit"})
_PLACES = {rule.name: place for place, rule in enumerate(RULES)}
_FLATTENS = "flatten"


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One decision that would have been another one. ``was`` and ``would`` are ``accepted`` or a code; ``rule``, ``limit`` and
    ``value`` are those of the refusal: the new one, or the one that would not have been.
    """

    time_ns: int
    account: str
    bot: str
    symbol: str
    client_order_id: str
    was: str
    would: str
    rule: str
    limit: str
    value: str


class DryRunResult(msgspec.Struct, frozen=True, kw_only=True):
    """``orders`` were judged on the day, ``refused`` of them refused then. ``unsure`` could not be judged again: what the rule said then
    cannot be had again. ``blind``: the rule looks at prices or sessions, which no journal tells, and it was asked without them.
    """

    trading_day: int
    rule: str
    scope: str
    orders: int
    refused: int
    unsure: int
    blind: bool
    differences: list[Difference]


class DryRun:
    """Folds a journal, fact by fact, into two desks: one with the limits as they were, one with ``limits`` of ``rule`` set for ``scope``
    from the beginning on. All other rules have their recorded say.

    History is what it was: an order that would have been refused still trades, so each difference stands for itself. With the
    limits that were in force nothing differs. Raises BadRequest for limits that cannot be set.
    """

    def __init__(self, rules: Sequence[Rule], *, rule: str, scope: str, limits: Mapping[str, Any] | None) -> None:
        self._rule, self._scope, self._limits = rule, scope, limits
        self._was, self._would = OrderDesk(rules), OrderDesk(rules)
        self._orders: Counter[int] = Counter()
        self._refused: Counter[int] = Counter()
        self._unsure: Counter[int] = Counter()
        self._found: list[tuple[int, Difference]] = []
        self._sees = False
        self._lay(0)

    def fold(self, fact: facts.Fact) -> None:
        """The next fact of the journal."""
        if isinstance(fact, facts.OrderAccepted | facts.OrderRefused):
            for desk in (self._was, self._would):
                charge(fact.intent, desk.exposure, desk.limits.rules_for(fact.intent), fact.time_ns)
            if fact.intent.reference != _FLATTENS:
                self._judge(fact)
        for desk in (self._was, self._would):
            desk.apply(fact)
        if isinstance(fact, facts.LimitsSet) and fact.scope == self._scope:
            self._lay(fact.time_ns)

    def see(self, tick: Tick) -> None:
        """A market snapshot as it came, at the journal's time, before the next fact."""
        self._sees = True
        day = self._was.register.trading_day
        for desk in (self._was, self._would):
            desk.exposure.on_tick(msgspec.structs.replace(tick, trading_day=day))

    def result(self, trading_day: int) -> DryRunResult:
        """What was found of a trading day (YYYYMMDD). What came before the journal's first day was told belongs to that day."""
        first = min((day for day in self._orders if day), default=0) or self._was.register.trading_day
        days = {trading_day, 0} if trading_day == first else {trading_day}
        return DryRunResult(
            trading_day=trading_day,
            rule=self._rule,
            scope=self._scope,
            orders=sum(self._orders[day] for day in days),
            refused=sum(self._refused[day] for day in days),
            unsure=sum(self._unsure[day] for day in days),
            blind=self._rule in BLIND and not self._sees,
            differences=[difference for day, difference in self._found if day in days],
        )

    @property
    def days(self) -> list[int]:
        """The trading days of which orders were recorded."""
        return sorted({day or self._was.register.trading_day for day in self._orders})

    def _lay(self, time_ns: int) -> None:
        """Lay the other limits over what is set for the scope."""
        book = self._would.limits
        text = book.changed(self._scope, {self._rule: self._limits})
        book.put(self._scope, Setting(limits=text, who="dry run", reason="dry run", time_ns=time_ns))

    def _judge(self, fact: facts.OrderAccepted | facts.OrderRefused) -> None:
        day, intent = self._was.register.trading_day, fact.intent
        self._orders[day] += 1
        recorded = fact if isinstance(fact, facts.OrderRefused) else None
        self._refused[day] += recorded is not None
        if recorded is not None and _PLACES.get(recorded.rule, -1) < _PLACES[self._rule]:
            # Refused before this rule was asked.
            return
        was = self._ask(self._was, intent, fact.time_ns, (self._rule,))
        would = self._ask(self._would, intent, fact.time_ns, (self._rule,))
        own = recorded is not None and recorded.rule == self._rule
        if (was is not None) is not own:
            self._unsure[day] += 1
            return
        before = ACCEPTED if recorded is None else recorded.code
        if would is None and own:
            behind = [rule.name for rule in RULES if _PLACES[rule.name] > _PLACES[self._rule]]
            later = self._ask(self._would, intent, fact.time_ns, behind)
            self._note(day, fact, before, ACCEPTED if later is None else later.code, later or was)
        elif would is not None and would.code != before:
            self._note(day, fact, before, would.code, would)

    @staticmethod
    def _ask(desk: OrderDesk, intent: OrderIntent, now_ns: int, names: Sequence[str]) -> Refused | None:
        """The first no of the rules of these names, as the review asks them. One that fails refuses."""
        reducing = desk.exposure.reduces(intent)
        for rule in desk.limits.rules_for(intent):
            if rule.name not in names or (reducing and rule.spares_reducing):
                continue
            try:
                refused = rule.check(intent, desk.exposure, now_ns)
            except Exception as error:  # noqa: BLE001 - as in the review: the order does not pass
                return Refused(code="RULE_FAILED", rule=rule.name, limit="a rule that works", value=repr(error), message="failed")
            if refused is not None:
                return refused
        return None

    def _note(
        self, day: int, fact: facts.OrderAccepted | facts.OrderRefused, was: str, would: str, refusal: Refused | None
    ) -> None:
        intent = fact.intent
        difference = Difference(
            time_ns=fact.time_ns,
            account=intent.account,
            bot=intent.bot,
            symbol=intent.symbol,
            client_order_id=intent.client_order_id,
            was=was,
            would=would,
            rule=refusal.rule if refusal is not None else self._rule,
            limit=refusal.limit if refusal is not None else "",
            value=refusal.value if refusal is not None else "",
        )
        self._found.append((day, difference))
