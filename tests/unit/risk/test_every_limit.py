"""A table over all rules and all of their codes: at the limit an order passes the whole review, one step beyond it is refused; and
no limit ever stands in the way out.
"""

import re
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from tests.unit.risk.conftest import NOW

from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.terms import Exchange, Offset, OrderStatus, OrderType, SessionPhase, Side, TradingState
from tradepit.trading.model.trade import Trade
from tradepit.trading.risk.exposure import Exposure
from tradepit.trading.risk.refusal import Refused
from tradepit.trading.risk.review import Approved, review
from tradepit.trading.risk.rules import RULES, load_rules

S, MS = 1_000_000_000, 1_000_000
SHFE: dict[str, Any] = {"symbol": "rb2505", "exchange": Exchange.SHFE, "price_ticks": 3300}


class World:
    """An exposure, and orders and trades in it. ``step`` is 0 at the limit, 1 beyond it."""

    def __init__(
        self,
        exposure: Exposure,
        intent: Callable[..., OrderIntent],
        trade: Callable[..., Trade],
        settings: dict[str, Any],
        step: int,
    ) -> None:
        self.exposure, self._intent, self._trade, self.step = exposure, intent, trade, step
        self.rules = load_rules(settings)
        self.number = 0

    def order(self, **changes: Any) -> OrderIntent:
        self.number += 1
        return self._intent(**({"client_order_id": f"n{self.number}"} | changes))

    def works(self, **changes: Any) -> OrderIntent:
        intent = self.order(**changes)
        self.exposure.on_accepted(intent)
        return intent

    def holds(self, lots: int, *, bot: str = "", **changes: Any) -> None:
        intent = self.works(volume_lots=lots, bot=bot, **changes)
        self.exposure.on_fill(self._trade(intent, lots, trade_id=f"t{self.number}"), bot)
        self.exposure.on_order(Order(intent=intent, status=OrderStatus.FILLED, traded_lots=lots))

    def trades(self, intent: OrderIntent, trade_id: str, **changes: Any) -> None:
        self.exposure.on_fill(self._trade(intent, intent.volume_lots, trade_id=trade_id, **changes))
        self.exposure.on_order(Order(intent=intent, status=OrderStatus.FILLED, traded_lots=intent.volume_lots))

    def cancelled(self, **changes: Any) -> None:
        self.exposure.on_order(Order(intent=self.works(**changes), status=OrderStatus.CANCELLED))

    def account(self, equity: object) -> str:
        self.exposure.open_account("m", Decimal(str(equity)))
        return "m"


def halted(w: World) -> OrderIntent:
    w.exposure.set_state(f"account:{'a' if w.step else 'b'}", TradingState.HALTED)
    return w.order()


def reducing(w: World) -> OrderIntent:
    w.holds(5)
    w.exposure.set_state("global", TradingState.REDUCING)
    return w.order(side=Side.SELL, offset=Offset.CLOSE, volume_lots=5 + w.step)


def doubt(w: World) -> OrderIntent:
    resting = w.works()
    if w.step:
        w.exposure.on_order(Order(intent=resting, status=OrderStatus.UNKNOWN))
    return w.order()


def reconciling(w: World) -> OrderIntent:
    w.exposure.reconcile("a" if w.step else "b", begins=True)
    return w.order()


def number_used(w: World) -> OrderIntent:
    w.exposure.on_request(w.order(bot="b", sequence=5))
    return w.order(bot="b", sequence=6 - w.step)


def expired(w: World) -> OrderIntent:
    w.exposure.trading_day = 20250117 + w.step
    return w.order()


def closes(w: World) -> OrderIntent:
    w.holds(5)
    w.works(side=Side.SELL, offset=Offset.CLOSE, volume_lots=2, price_ticks=25_100)
    return w.order(side=Side.SELL, offset=Offset.CLOSE, volume_lots=3 + w.step)


def closes_today(w: World) -> OrderIntent:
    w.holds(4, **SHFE)
    return w.order(**SHFE, side=Side.SELL, offset=Offset.CLOSETODAY, volume_lots=4 + w.step)


def closes_yesterday(w: World) -> OrderIntent:
    w.holds(4, **SHFE)
    holding = w.exposure.holding("a", "rb2505")
    assert holding is not None
    holding.roll()
    w.holds(3, **SHFE)
    return w.order(**SHFE, side=Side.SELL, offset=Offset.CLOSE, volume_lots=4 + w.step)


def closes_anothers(w: World) -> OrderIntent:
    w.holds(3, bot="b1")
    w.holds(3, bot="b2")
    return w.order(side=Side.SELL, offset=Offset.CLOSE, volume_lots=3 + w.step, bot="b1")


def position(w: World) -> OrderIntent:
    w.holds(3)
    w.works(volume_lots=2, price_ticks=24_900)
    return w.order(volume_lots=1 + w.step)


def working_in_symbol(w: World) -> OrderIntent:
    for _ in range(2 + w.step):
        w.works()
    return w.order()


def working_in_account(w: World) -> OrderIntent:
    w.works(**SHFE)
    return working_in_symbol(w)


def asked(w: World, times: int, **changes: Any) -> OrderIntent:
    for _ in range(times):
        review(w.order(**changes), w.exposure, w.rules, NOW)
    return w.order(**changes)


def cancels_of_the_day(w: World, bot: str = "") -> OrderIntent:
    intent = w.order(bot=bot)
    for _ in range(3 + w.step):
        w.exposure.on_cancel_asked(intent)
    return intent


def loss(w: World) -> OrderIntent:
    # The loss that reaches the limit is one too much.
    w.exposure.books["a"].fees = Decimal("999.99") if not w.step else Decimal(1000)
    return w.order()


def own_order(w: World) -> OrderIntent:
    w.works(side=Side.SELL, price_ticks=25_001)
    return w.order(price_ticks=25_000 + w.step)


def own_group(w: World) -> OrderIntent:
    w.works(side=Side.SELL, price_ticks=25_001, account=w.account(10_000_000))
    return w.order(price_ticks=25_000 + w.step)


def cancels_counted(w: World) -> OrderIntent:
    for _ in range(2 + w.step):
        w.cancelled()
    return w.order()


def self_trades_counted(w: World) -> OrderIntent:
    for number in range(2 + w.step):
        for side in Side:
            w.trades(w.works(side=side), f"s{number}")
    return w.order(price_ticks=24_900)


def opened(w: World) -> OrderIntent:
    w.holds(3)
    w.works(volume_lots=2, price_ticks=24_900)
    return w.order(volume_lots=1 + w.step)


def rejects(w: World) -> OrderIntent:
    for _ in range(2 + w.step):
        w.exposure.on_rejected("a", NOW)
    return w.order()


def silences(w: World) -> OrderIntent:
    for _ in range(2 + w.step):
        w.exposure.on_no_answer("a", NOW)
    return w.order()


def old_market(w: World) -> OrderIntent:
    w.exposure.markets["IF2501"].seen_ns = NOW - 500 * MS - w.step * MS
    return w.order()


def phase(w: World) -> OrderIntent:
    w.exposure.on_phase("IF2501", SessionPhase.BREAK if w.step else SessionPhase.CONTINUOUS)
    return w.order()


Case = tuple[str, str, dict[str, Any], Callable[[World], OrderIntent]]
COUNTS = {"CFFEX": {"cancels": 4, "large_cancels": 99, "self_trades": 4}}
# rule, code, its limits, what leads to the limit and one step beyond
TABLE: tuple[Case, ...] = (
    ("trading_state", "TRADING_HALTED", {}, halted),
    ("trading_state", "TRADING_STATE_REDUCING", {}, reducing),
    ("unknown_order", "UNKNOWN_ORDER_PENDING", {}, doubt),
    ("unknown_order", "STREAM_RECONCILING", {}, reconciling),
    ("freshness", "STALE_INTENT", {"max_age_ms": 200}, lambda w: w.order(created_ns=NOW - 200 * MS - w.step)),
    ("freshness", "STALE_INTENT", {"max_skew_ms": 100}, lambda w: w.order(created_ns=NOW + 100 * MS + w.step)),
    ("freshness", "STALE_INTENT", {}, lambda w: w.order(expires_ns=NOW + 1 - w.step)),
    ("freshness", "STALE_INTENT", {"instant_required": True}, lambda w: w.order(created_ns=0 if w.step else NOW)),
    ("duplicate", "DUPLICATE", {}, number_used),
    ("permission", "SYMBOL_BLOCKED", {"symbols": ["IF"]}, lambda w: w.order(**(SHFE if w.step else {}))),
    ("permission", "SYMBOL_BLOCKED", {"bots": {"b1": ["a"]}}, lambda w: w.order(bot="b2" if w.step else "b1")),
    ("session_phase", "NOT_TRADING_PERIOD", {}, phase),
    ("validity", "ACCOUNT_NOT_FOUND", {}, lambda w: w.order(account="zz" if w.step else "a")),
    ("validity", "INSTRUMENT_NOT_FOUND", {}, lambda w: w.order(symbol="zz" if w.step else "IF2501")),
    ("validity", "INSTRUMENT_NOT_TRADING", {}, expired),
    ("validity", "EXCHANGE_NOT_VALID", {}, lambda w: w.order(exchange=Exchange.DCE if w.step else Exchange.CFFEX)),
    ("validity", "OFFSET_NOT_VALID", {}, lambda w: w.order(offset=Offset.NET if w.step else Offset.OPEN)),
    (
        "validity", "ORDER_TYPE_NOT_SUPPORTED", {},
        lambda w: w.order(**SHFE, order_type=OrderType.FOK if w.step else OrderType.FAK),
    ),
    ("validity", "VOLUME_NOT_VALID", {}, lambda w: w.order(volume_lots=20 + w.step)),
    ("validity", "VOLUME_NOT_VALID", {}, lambda w: w.order(volume_lots=1 - w.step)),
    ("validity", "PRICE_NOT_VALID", {}, lambda w: w.order(price_ticks=w.step, order_type=OrderType.MARKET)),
    ("validity", "PRICE_OVER_LIMIT", {}, lambda w: w.order(price_ticks=22_500 - w.step)),
    ("collar", "PRICE_COLLAR", {"max_away": "0.01", "max_away_ticks": 0}, lambda w: w.order(price_ticks=25_250 + w.step)),
    ("collar", "PRICE_COLLAR", {"max_away": "0.01"}, lambda w: w.order(price_ticks=24_750 - w.step, side=Side.SELL)),
    ("order_size", "QUANTITY_EXCEEDS_MAXIMUM", {"max_lots": 7}, lambda w: w.order(volume_lots=7 + w.step)),
    (
        "order_size", "NOTIONAL_EXCEEDS_MAX_PER_ORDER", {"max_notional": {"CNY": "3000000"}},
        lambda w: w.order(volume_lots=2, price_ticks=25_000 + w.step),
    ),
    ("closable", "OVER_CLOSE_POSITION", {}, closes),
    ("closable", "OVER_CLOSETODAY", {}, closes_today),
    ("closable", "OVER_CLOSEYESTERDAY", {}, closes_yesterday),
    ("bot_lots", "OVER_BOT_POSITION", {"policy": "refuse"}, closes_anothers),
    ("position_limit", "POSITION_LIMIT", {"max_long": 6}, position),
    (
        "position_limit", "POSITION_LIMIT", {"max_short": 0, "by_symbol": {"IF2501": {"max_long": 0, "max_short": 5}}},
        lambda w: w.order(side=Side.SELL, volume_lots=5 + w.step),
    ),
    ("margin", "INSUFFICIENT_MONEY", {}, lambda w: w.order(account=w.account(360_000), volume_lots=2, price_ticks=25_000 + w.step)),
    (
        "margin", "LEVERAGE", {"max_risk_ratio": "0.5"},
        lambda w: w.order(account=w.account(720_000), volume_lots=2, price_ticks=25_000 + w.step),
    ),
    (
        "margin", "LEVERAGE", {"max_leverage": "1.5"},
        lambda w: w.order(account=w.account(2_000_000), volume_lots=2, price_ticks=25_000 + w.step),
    ),
    ("working_cap", "MAX_WORKING", {"max_per_symbol": 3}, working_in_symbol),
    ("working_cap", "MAX_WORKING", {"max_per_account": 4}, working_in_account),
    ("rate", "RATE_LIMIT_EXCEEDED", {"orders_per_s": 1, "order_burst": 4}, lambda w: asked(w, 3 + w.step)),
    ("rate", "RATE_LIMIT_EXCEEDED", {"bot_orders_per_s": 1, "bot_order_burst": 4}, lambda w: asked(w, 3 + w.step, bot="b")),
    ("rate", "RATE_LIMIT_EXCEEDED", {"max_day_orders": 4}, lambda w: asked(w, 3 + w.step)),
    ("rate", "RATE_LIMIT_EXCEEDED", {"max_bot_day_orders": 4}, lambda w: asked(w, 3 + w.step, bot="b")),
    ("rate", "RATE_LIMIT_EXCEEDED", {"max_day_cancels": 3}, cancels_of_the_day),
    ("rate", "RATE_LIMIT_EXCEEDED", {"max_bot_day_cancels": 3}, lambda w: cancels_of_the_day(w, "b")),
    ("daily_loss", "LOSS_CAP", {"max_loss": "1000"}, loss),
    ("self_trade", "SELF_TRADE", {}, own_order),
    ("self_trade", "SELF_TRADE", {"groups": {"owner": ["a", "m"]}}, own_group),
    ("abnormal_trading", "CANCEL_COUNT", {"enforce": True, "by_exchange": COUNTS}, cancels_counted),
    ("abnormal_trading", "SELF_TRADE_COUNT", {"enforce": True, "by_exchange": COUNTS}, self_trades_counted),
    ("abnormal_trading", "OPEN_COUNT", {"max_opened_lots": {"IF2501": 6}}, opened),
    ("circuit", "CIRCUIT_OPEN", {"max_rejects": 3}, rejects),
    ("circuit", "CIRCUIT_OPEN", {"max_errors": 3}, silences),
    ("circuit", "CIRCUIT_OPEN", {"max_tick_age_ms": 500}, old_market),
)  # fmt: skip
NAMES = [f"{rule}-{code}-{number}" for number, (rule, code, _, _) in enumerate(TABLE)]


@pytest.mark.parametrize("step", [0, 1], ids=["at", "beyond"])
@pytest.mark.parametrize("case", TABLE, ids=NAMES)
def test_at_the_limit_it_passes_and_beyond_it_is_refused(
    case: Case, step: int, exposure: Exposure, make_intent: Callable[..., OrderIntent], make_trade: Callable[..., Trade]
) -> None:
    rule, code, limits, lead = case
    world = World(exposure, make_intent, make_trade, {rule: limits}, step)
    verdict = review(lead(world), exposure, world.rules, NOW)
    if step == 0:
        assert isinstance(verdict, Approved), verdict
        return
    assert isinstance(verdict, Refused)
    assert (verdict.rule, verdict.code) == (rule, code)
    assert verdict.limit
    assert verdict.value
    assert verdict.message


LIMITS = [case for case in TABLE if next(rule for rule in RULES if rule.name == case[0]).spares_reducing]


@pytest.mark.parametrize("case", LIMITS, ids=[name for name, case in zip(NAMES, TABLE, strict=True) if case in LIMITS])
def test_no_limit_stands_in_the_way_out(
    case: Case, exposure: Exposure, make_intent: Callable[..., OrderIntent], make_trade: Callable[..., Trade]
) -> None:
    rule, code, limits, lead = case
    world = World(exposure, make_intent, make_trade, {rule: limits}, 1)
    beyond = lead(world)
    # Lots enough that closing a few brings the account nearer to nothing, whatever works.
    world.holds(9, account=beyond.account)
    refused = review(replace(beyond, client_order_id="more"), exposure, world.rules, NOW)
    assert isinstance(refused, Refused)
    out = world.order(
        account=beyond.account, side=Side.SELL, offset=Offset.CLOSE, volume_lots=2, price_ticks=25_100, bot=beyond.bot
    )
    rules = [each for each in world.rules if each.name != "bot_lots"]
    assert isinstance(review(out, exposure, rules, NOW), Approved), (rule, code)


def test_the_table_has_every_rule_and_every_code() -> None:
    assert {rule for rule, _, _, _ in TABLE} == {rule.name for rule in RULES}
    told: set[str] = set()
    for rule in RULES:
        source = Path(sys.modules[rule.__module__].__file__ or "").read_text(encoding="utf-8")
        told |= set(re.findall(r'(?:self\.refuse\(|code=|code = |code, free = )\s*"([A-Z_]+)"', source))
    assert told == {code for _, code, _, _ in TABLE}
