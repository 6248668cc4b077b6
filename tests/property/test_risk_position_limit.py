"""Random flows through the review: no limit is ever passed, even if everything that was approved fills."""

import random
from datetime import date
from decimal import Decimal

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.product import CloseRule, FeeSchedule, Product, SettlementRule
from tradepit.trading.model.terms import Exchange, Offset, OrderStatus, OrderType, SessionPhase, Side, TradingState
from tradepit.trading.model.trade import Trade
from tradepit.trading.risk.exposure import Exposure
from tradepit.trading.risk.refusal import Refused
from tradepit.trading.risk.review import Approved, review, review_cancel
from tradepit.trading.risk.rules import load_rules

LIMIT = 12
SECOND_NS = 1_000_000_000
RULES = load_rules({"position_limit": {"max_long": LIMIT, "max_short": LIMIT}, "working_cap": {"max_per_symbol": 6}})

step_strategy = st.tuples(
    st.sampled_from(["order", "order", "order", "fill", "fill", "done", "unknown", "state", "state"]),
    st.integers(0, 30),
    st.sampled_from(Side),
    st.sampled_from(Offset),
    st.integers(1, 9),
    st.integers(990, 1010),
)
Step = tuple[str, int, Side, Offset, int, int]


def make_exposure(rule: CloseRule) -> Exposure:
    product = Product(
        product_id="x",
        exchange=Exchange.DCE,
        name="x",
        multiplier=10,
        tick_size=Decimal(1),
        max_limit_lots=100,
        max_market_lots=100,
        limit_pct=Decimal("0.1"),
        margin_ratio=Decimal("0.1"),
        fees=FeeSchedule(),
        session_group="day",
        close_rule=rule,
        settlement_rule=SettlementRule.DAY_VWAP,
        settlement_step=Decimal(1),
        order_types=frozenset(OrderType),
    )
    exposure = Exposure(trading_day=20250102)
    exposure.list_instrument(
        Instrument(symbol="x", product=product, expiry=date(2025, 6, 1), listing_price=Decimal(1000)), Decimal(1000)
    )
    exposure.on_phase("x", SessionPhase.CONTINUOUS)
    exposure.open_account("a", Decimal(10_000_000))
    return exposure


class Desk:
    """An account's orders at an exchange that fills any part of them in any order."""

    def __init__(self, rule: CloseRule) -> None:
        self.exposure = make_exposure(rule)
        self.net_venue = rule is CloseRule.NET
        self.now = 1_700_000_000 * SECOND_NS
        self.orders: dict[str, OrderIntent] = {}
        self.left: dict[str, int] = {}
        self.net = 0
        self.trades = 0

    def run(self, steps: list[Step]) -> None:
        for number, (what, pick, side, offset, lots, price) in enumerate(steps):
            self.now += SECOND_NS // 3
            if what == "order":
                self.order(number, side, Offset.NET if self.net_venue else offset, lots, price)
            elif what == "state":
                self.exposure.set_state("account:a", list(TradingState)[pick % 3])
            elif self.left:
                self.change(what, sorted(self.left)[pick % len(self.left)], lots)
            self.check()

    def order(self, number: int, side: Side, offset: Offset, lots: int, price: int) -> None:
        intent = OrderIntent(
            client_order_id=f"o{number}",
            account="a",
            symbol="x",
            exchange=Exchange.DCE,
            side=side,
            offset=offset,
            order_type=OrderType.LIMIT,
            price_ticks=price,
            volume_lots=lots,
        )
        state, _ = self.exposure.state_of(intent)
        verdict = review(intent, self.exposure, RULES, self.now)
        if isinstance(verdict, Refused):
            assert verdict.code
            assert verdict.rule
            assert verdict.limit
            assert verdict.value
            return
        assert isinstance(verdict, Approved)
        assert state is not TradingState.HALTED
        if state is TradingState.REDUCING:
            self.check_reducing(intent)
        self.exposure.on_accepted(intent)
        self.orders[intent.client_order_id], self.left[intent.client_order_id] = intent, lots

    def check_reducing(self, intent: OrderIntent) -> None:
        """Whatever fills before it, the order brings the net position nearer to zero."""
        same = sum(left for key, left in self.left.items() if self.orders[key].side is intent.side)
        if intent.side is Side.SELL:
            assert self.net - same - intent.volume_lots >= 0
        else:
            assert self.net + same + intent.volume_lots <= 0

    def change(self, what: str, key: str, lots: int) -> None:
        intent = self.orders[key]
        if what == "fill":
            self.fill(intent, min(lots, self.left[key]))
        elif what == "unknown":
            self.exposure.on_order(Order(intent=intent, status=OrderStatus.UNKNOWN, left_lots=self.left[key]))
        else:
            self.exposure.on_order(
                Order(intent=intent, status=OrderStatus.CANCELLED, traded_lots=intent.volume_lots - self.left.pop(key))
            )

    def fill(self, intent: OrderIntent, lots: int) -> None:
        key = intent.client_order_id
        self.trades += 1
        self.left[key] -= lots
        if not self.left[key]:
            del self.left[key]
        self.net += lots if intent.side is Side.BUY else -lots
        self.exposure.on_fill(
            Trade(
                trade_id=f"t{self.trades}",
                order_id="",
                client_order_id=key,
                account="a",
                symbol="x",
                exchange=Exchange.DCE,
                side=intent.side,
                offset=intent.offset,
                price_ticks=intent.price_ticks,
                volume_lots=lots,
                time_ns=self.now,
                trading_day=20250102,
            )
        )
        if key not in self.left:
            self.exposure.on_order(Order(intent=intent, status=OrderStatus.FILLED, traded_lots=intent.volume_lots))

    def check(self) -> None:
        holding = self.exposure.holding("a", "x")
        if holding is None:
            assert not self.left
            return
        assert holding.long.lots <= LIMIT
        assert holding.short.lots <= LIMIT
        assert holding.net == self.net
        worst = tuple(holding.worst_after(side, Offset.OPEN, 0) for side in (Side.BUY, Side.SELL))
        assert holding.worst_lots() == worst
        assert sum(working.left for working in holding.working.values()) == sum(self.left.values())
        assert holding.buying + holding.selling == sum(self.left.values())
        assert len(holding.working) == self.exposure.books["a"].working_orders == len(self.left)
        assert review_cancel("a", self.exposure, RULES, self.now) <= SECOND_NS


@settings(max_examples=200, deadline=None)
@given(
    rule=st.sampled_from(CloseRule),
    steps=st.lists(step_strategy, min_size=20, max_size=80),
    last=st.randoms(use_true_random=False),
)
def test_no_fill_of_approved_orders_passes_the_position_limit(rule: CloseRule, steps: list[Step], last: random.Random) -> None:
    desk = Desk(rule)
    desk.run(steps)
    keys = sorted(desk.left)
    last.shuffle(keys)
    for key in keys:
        desk.fill(desk.orders[key], desk.left[key])
        desk.check()


@settings(max_examples=50, deadline=None)
@given(rule=st.sampled_from(CloseRule), steps=st.lists(step_strategy, min_size=10, max_size=40))
def test_the_same_flow_gives_the_same_exposure_byte_for_byte(rule: CloseRule, steps: list[Step]) -> None:
    desks = [Desk(rule), Desk(rule)]
    for desk in desks:
        desk.run(steps)
    first, second = (msgspec.msgpack.encode(desk.exposure) for desk in desks)
    assert first == second
    assert msgspec.msgpack.decode(first, type=Exposure) == desks[1].exposure
