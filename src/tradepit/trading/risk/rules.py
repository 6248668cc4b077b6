"""The risk pipeline: which rules there are, in the order they are asked, and how they are loaded from settings."""

from collections.abc import Mapping
from typing import ClassVar

import msgspec

from tradepit.trading.model.order import OrderIntent
from tradepit.trading.risk.abnormal_trading import AbnormalTrading
from tradepit.trading.risk.bot_lots import BotLots
from tradepit.trading.risk.circuit import Circuit
from tradepit.trading.risk.closable import Closable
from tradepit.trading.risk.collar import Collar
from tradepit.trading.risk.daily_loss import DailyLoss
from tradepit.trading.risk.duplicate import Duplicate
from tradepit.trading.risk.exposure import Exposure
from tradepit.trading.risk.freshness import Freshness
from tradepit.trading.risk.margin import Margin
from tradepit.trading.risk.order_size import OrderSize
from tradepit.trading.risk.permission import Permission
from tradepit.trading.risk.position_limit import PositionLimit
from tradepit.trading.risk.rate import Rate
from tradepit.trading.risk.refusal import Refused
from tradepit.trading.risk.rule import Rule
from tradepit.trading.risk.self_trade import SelfTrade
from tradepit.trading.risk.session_phase import SessionPhase
from tradepit.trading.risk.trading_state import TradingState
from tradepit.trading.risk.unknown_order import UnknownOrder
from tradepit.trading.risk.validity import Validity
from tradepit.trading.risk.working_cap import WorkingCap

RULES: tuple[type[Rule], ...] = (
    TradingState,
    UnknownOrder,
    Freshness,
    Duplicate,
    Permission,
    SessionPhase,
    Validity,
    Collar,
    OrderSize,
    Closable,
    BotLots,
    PositionLimit,
    Margin,
    WorkingCap,
    Rate,
    DailyLoss,
    SelfTrade,
    AbnormalTrading,
    Circuit,
)


class Unloadable(Rule, frozen=True, kw_only=True):
    """Stands where a rule could not be loaded, and refuses every order in its name: better no trading than unguarded trading."""

    name: ClassVar[str] = "unloadable"
    spares_reducing: ClassVar[bool] = False

    rule: str
    problem: str

    def check(self, intent: OrderIntent, exposure: Exposure, now_ns: int) -> Refused | None:  # noqa: ARG002 - it refuses whatever comes
        message = "the rule's settings are not valid"
        return Refused(code="RULE_FAILED", rule=self.rule, limit="valid settings", value=self.problem, message=message)


class UnloadableLimit(Unloadable, frozen=True, kw_only=True):
    """Stands where a limit could not be loaded: like the limit itself it lets strictly reducing orders pass."""

    spares_reducing: ClassVar[bool] = True


def default_rules() -> tuple[Rule, ...]:
    """Every rule with its default limits."""
    return load_rules({})


def load_rules(settings: Mapping[str, object]) -> tuple[Rule, ...]:
    """The pipeline for ``settings`` (rule name to its limits); a rule not mentioned has its defaults, ``False`` switches one off.

    Never raises: a rule with settings it does not know or cannot use, and a name no rule has, refuse orders with RULE_FAILED
    (all of them where a fact is concerned, those that do not strictly reduce exposure where a limit is).
    """
    known = {rule.name for rule in RULES}
    strangers = [UnloadableLimit(rule=str(name), problem="no such rule") for name in settings if name not in known]
    loaded = [_load(rule, settings.get(rule.name, {})) for rule in RULES if settings.get(rule.name) is not False]
    return (*strangers, *loaded)


def _load(rule: type[Rule], limits: object) -> Rule:
    try:
        return msgspec.convert(limits, rule)
    except msgspec.ValidationError as error:
        stand_in = UnloadableLimit if rule.spares_reducing else Unloadable
        return stand_in(rule=rule.name, problem=str(error))
