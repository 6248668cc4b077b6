"""Limits by scope: the pipeline an order is reviewed by, made of the configured rules and of what was set for its scopes since."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from tradepit.trading.model.errors import BadRequest
from tradepit.trading.model.order import OrderIntent
from tradepit.trading.risk.abnormal_trading import AbnormalTrading
from tradepit.trading.risk.exposure import GLOBAL, scopes_of
from tradepit.trading.risk.pipeline import Pipeline
from tradepit.trading.risk.rate import Rate
from tradepit.trading.risk.rule import Rule
from tradepit.trading.risk.rules import RULES, Unloadable, UnloadableLimit

Table = dict[str, dict[str, Any]]
_KNOWN = {rule.name: rule for rule in RULES}
_MOST_PIPELINES = 4_096
_OWN_BUCKETS = ("account", "bot")
_READ = msgspec.json.Decoder(Table)


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """What is set for one scope: rule name to its limits, as JSON text; who set it last, when (UTC ns) and why.

    ``revision`` counts how often the scope's limits were set.
    """

    limits: str
    who: str
    reason: str
    time_ns: int
    revision: int = 1


class LimitBook:
    """The strictest wins: an order must pass the rules as configured and as set for each scope it falls under.

    ``global`` changes the configured limits themselves, field by field, in either direction; a narrower scope (``account:``,
    ``bot:``, ``symbol:``, ``reference:``) can only tighten them for its own orders. What is judged stays the account's: a position
    limit of ``bot:b`` is what the account may come to by that bot's orders. ``rate`` has buckets per account and per bot, so it can
    be set for those scopes alone, and the smaller number of each counts. What cannot be read refuses (RULE_FAILED) in its scope.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.configured = Pipeline(rules)
        self.settings: dict[str, Setting] = {}
        self._base = self.configured
        self._scoped: dict[str, tuple[Rule, ...]] = {}
        self._by_reference = False
        self._pipelines: dict[tuple[str, ...], Pipeline] = {}
        self._of_orders: dict[tuple[str, ...], Pipeline] = {}

    @property
    def base(self) -> Pipeline:
        """The rules of an order for which nothing narrower than ``global`` was set."""
        return self._base

    @property
    def abnormal_trading(self) -> AbnormalTrading | None:
        """The rule that knows when a warning is due, None where it is switched off."""
        return next((rule for rule in self._base if isinstance(rule, AbnormalTrading)), None)

    def rules_for(self, intent: OrderIntent) -> Pipeline:
        """The pipeline for an order, in its order; a scope's own limits follow the configured ones of the same rule."""
        if not self._scoped:
            return self._base
        # References are as many as there are algorithms: they tell orders apart only where a limit is set for one.
        key = (intent.account, intent.symbol, intent.bot, intent.reference if self._by_reference else "")
        found = self._of_orders.get(key)
        if found is None:
            if len(self._of_orders) >= _MOST_PIPELINES:
                self._of_orders.clear()
            found = self._of_orders[key] = self._pipeline_of(tuple(scope for scope in scopes_of(intent) if scope in self._scoped))
        return found

    def _pipeline_of(self, scopes: tuple[str, ...]) -> Pipeline:
        if not scopes:
            return self._base
        found = self._pipelines.get(scopes)
        if found is None:
            if len(self._pipelines) >= _MOST_PIPELINES:
                self._pipelines.clear()
            found = self._pipelines[scopes] = self._joined([rule for scope in scopes for rule in self._scoped[scope]])
        return found

    def revision_of(self, scope: str) -> int:
        """How often the scope's limits were set."""
        setting = self.settings.get(scope)
        return setting.revision if setting is not None else 0

    def is_readable(self, scope: str) -> bool:
        """False when what is set for the scope cannot be used, so that its orders are refused."""
        if scope == GLOBAL:
            return not any(isinstance(rule, Unloadable) for rule in self._base if rule not in self.configured)
        return not any(isinstance(rule, Unloadable) for rule in self._scoped.get(scope, ()))

    def put(self, scope: str, setting: Setting) -> None:
        """Take over what is now set for a scope. Never raises: what cannot be read refuses its orders."""
        self.settings[scope] = setting
        self._pipelines.clear()
        self._of_orders.clear()
        try:
            table = _READ.decode(setting.limits)
        except msgspec.MsgspecError as error:
            loaded: tuple[Rule, ...] = (Unloadable(rule=f"limits of {scope}", problem=str(error)),)
            table = {}
        else:
            loaded = tuple(_load(name, limits, self._configured_as(name)) for name, limits in table.items())
        if scope == GLOBAL:
            replaced = {rule.rule if isinstance(rule, Unloadable) else rule.name for rule in loaded}
            self._base = _in_order([*(rule for rule in self.configured if rule.name not in replaced), *loaded])
        elif loaded:
            self._scoped[scope] = loaded
        else:
            self._scoped.pop(scope, None)
        self._by_reference = any(known.startswith("reference:") for known in self._scoped)

    def changed(self, scope: str, changes: Mapping[str, Mapping[str, Any] | None]) -> str:
        """The JSON text of a scope's limits after ``changes``: a rule's table takes the place of the one before, None removes it.

        Raises BadRequest: no such rule, a limit it does not have or cannot use, a rule that scope cannot have.
        """
        before = self.settings.get(scope)
        try:
            table = _READ.decode(before.limits) if before is not None else {}
        except msgspec.MsgspecError:
            # What could not be read refuses all orders of its scope: setting anything puts that right.
            table = {}
        for name, limits in changes.items():
            if name not in _KNOWN:
                raise BadRequest("there is no such rule", rule=name[:64])
            if name == Rate.name and scope != GLOBAL and scope.partition(":")[0] not in _OWN_BUCKETS:
                raise BadRequest("rate can be set for global, account: and bot: scopes alone", scope=scope[:80])
            if limits is None:
                table.pop(name, None)
                continue
            table[name] = dict(limits)
            loaded = _load(name, table[name], self._configured_as(name))
            if isinstance(loaded, Unloadable):
                raise BadRequest("these limits cannot be used", rule=name, problem=loaded.problem[:200])
        return msgspec.json.encode(table, order="deterministic").decode()

    def _configured_as(self, name: str) -> Rule | None:
        return next((rule for rule in self.configured if rule.name == name), None)

    def _joined(self, narrower: list[Rule]) -> Pipeline:
        rates = [rule for rule in narrower if isinstance(rule, Rate)]
        others = [rule for rule in narrower if not isinstance(rule, Rate)]
        base = [_smallest([rule, *rates]) if isinstance(rule, Rate) else rule for rule in self._base]
        if rates and not any(isinstance(rule, Rate) for rule in base):
            base.append(_smallest(rates))
        return _in_order([*base, *others])


def _load(name: str, limits: Mapping[str, Any], configured: Rule | None) -> Rule:
    """The rule with ``limits`` laid over its configured ones (its defaults, where it is switched off)."""
    kind = _KNOWN.get(name)
    if kind is None:
        return UnloadableLimit(rule=name, problem="no such rule")
    try:
        whole = msgspec.to_builtins(configured) if isinstance(configured, kind) else {}
        return msgspec.convert(whole | dict(limits), kind)
    except (msgspec.ValidationError, TypeError) as error:
        stand_in = UnloadableLimit if kind.spares_reducing else Unloadable
        return stand_in(rule=name, problem=str(error))


def _in_order(rules: list[Rule]) -> Pipeline:
    """In the pipeline's order; what is no rule of it, or stands in for one, comes first."""
    places = {rule.name: place for place, rule in enumerate(RULES)}
    return Pipeline(sorted(rules, key=lambda rule: places.get(rule.name, -1)))


def _smallest(rates: Sequence[Rate]) -> Rate:
    """Each number the smallest of all; a limit that is not set is no number. A bucket then has one size, whoever takes from it."""
    told = [msgspec.structs.asdict(rate) for rate in rates]
    fields: dict[str, Any] = {
        name: min((each[name] for each in told if each[name] is not None), default=None) for name in told[0]
    }
    return Rate(**fields)
