"""Whatever limits are set and whatever happened: cancels go, and what strictly reduces exposure goes unless its scope is halted."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.property.test_risk_position_limit import make_exposure

from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.product import CloseRule
from tradepit.trading.model.terms import Exchange, Offset, OrderStatus, OrderType, Side, TradingState
from tradepit.trading.model.trade import Trade
from tradepit.trading.risk.exposure import Exposure
from tradepit.trading.risk.limits import LimitBook, Setting
from tradepit.trading.risk.review import Approved, evaluate, review, review_cancel
from tradepit.trading.risk.rules import RULES, load_rules

NOW = 1_700_000_000_000_000_000
_TIGHTEST: dict[str, dict[str, Any]] = {
    "unknown_order": {"refuse_while_pending": True},
    "permission": {"symbols": [], "disabled_accounts": ["a"], "bots": {}},
    "collar": {"max_away": "0", "max_away_ticks": 0, "without_data": "refuse"},
    "order_size": {"max_lots": 0, "max_notional": {}},
    "position_limit": {"max_long": 0, "max_short": 0},
    "margin": {"max_risk_ratio": "0", "max_leverage": "0"},
    "working_cap": {"max_per_symbol": 0, "max_per_account": 0},
    "rate": {"orders_per_s": 1, "order_burst": 1, "max_day_orders": 0, "max_day_cancels": 0, "max_bot_day_orders": 0},
    "daily_loss": {"max_loss": "0"},
    "abnormal_trading": {"enforce": True, "max_opened_lots": {"x": 0}, "by_exchange": {"DCE": {"cancels": 1, "self_trades": 1}}},
    "circuit": {"max_rejects": 1, "max_errors": 1, "max_tick_age_ms": 1},
    "strange": {},
}
_CANNOT_BE_READ = '{"order_size": {"max_lots": "many"}, "margin": {"max_leverage": "x"}, "nothing": {}}'


def an_intent(number: int, side: Side, offset: Offset, lots: int) -> OrderIntent:
    return OrderIntent(
        client_order_id=f"o{number}", account="a", symbol="x", exchange=Exchange.DCE, side=side, offset=offset,
        order_type=OrderType.LIMIT, price_ticks=1000, volume_lots=lots, bot="b", sequence=number,
    )  # fmt: skip


def hold(exposure: Exposure, side: Side, lots: int) -> None:
    intent = an_intent(0, side, Offset.OPEN, lots)
    exposure.on_fill(
        Trade(
            trade_id="t",
            order_id="",
            client_order_id="",
            account="a",
            symbol="x",
            exchange=Exchange.DCE,
            side=intent.side,
            offset=Offset.OPEN,
            price_ticks=1000,
            volume_lots=lots,
            time_ns=NOW,
            trading_day=20250102,
        )
    )


@settings(max_examples=300, deadline=None)
@given(
    rule=st.sampled_from([CloseRule.FIFO, CloseRule.NET]),
    side=st.sampled_from(Side),
    held=st.integers(1, 50),
    lots=st.integers(1, 50),
    working=st.lists(st.integers(1, 9), max_size=4),
    chosen=st.sets(st.sampled_from(sorted(_TIGHTEST))),
    scoped=st.sampled_from(["", "global", "account:a", "bot:b", "symbol:x"]),
    trouble=st.sets(st.sampled_from(["unknown", "reconciling", "rejected", "silent", "poor", "asked"])),
    state=st.sampled_from(TradingState),
)
def test_the_way_out_is_never_barred(
    rule: CloseRule,
    side: Side,
    held: int,
    lots: int,
    working: list[int],
    chosen: set[str],
    scoped: str,
    trouble: set[str],
    state: TradingState,
) -> None:
    exposure = make_exposure(rule)
    hold(exposure, side, held)
    out = Offset.NET if rule is CloseRule.NET else Offset.CLOSE
    for number, size in enumerate(working):
        exposure.on_accepted(an_intent(100 + number, side.opposite, out, size))
    first = an_intent(100, side.opposite, out, working[0]) if working else None
    if "unknown" in trouble and first is not None:
        exposure.on_order(Order(intent=first, status=OrderStatus.UNKNOWN, left_lots=first.volume_lots))
    exposure.reconcile("a", begins="reconciling" in trouble)
    for _ in range(9):
        if "rejected" in trouble:
            exposure.on_rejected("a", NOW)
        if "silent" in trouble:
            exposure.on_no_answer("a", NOW)
        if "asked" in trouble:
            exposure.on_cancel_asked(an_intent(1, side, out, 1))
    if "poor" in trouble:
        exposure.books["a"].opening_equity -= 20_000_000
    exposure.set_state("account:a", state)
    book = LimitBook(load_rules({name: _TIGHTEST[name] for name in chosen}))
    if scoped:
        book.put(scoped, Setting(limits=_CANNOT_BE_READ, who="", reason="", time_ns=0))
    closing = an_intent(500, side.opposite, out, lots)
    rules = book.rules_for(closing)
    reducing = lots + sum(working) <= held
    assert exposure.reduces(closing) is reducing
    told = evaluate(closing, exposure, rules, NOW)
    passed = isinstance(review(closing, exposure, rules, NOW), Approved)
    assert (told is None) or not passed or not reducing
    if reducing:
        assert passed is (state is not TradingState.HALTED)
    assert 0 <= review_cancel("a", exposure, rules, NOW, bot="b") <= 1_000_000_000


def test_the_limits_of_every_rule_that_spares_are_tried() -> None:
    assert {rule.name for rule in RULES if rule.spares_reducing} <= _TIGHTEST.keys()
