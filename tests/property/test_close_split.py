"""Random flows of concurrent closers: the exchange's own ledger never finds too few lots, and no lot is invented or lost.

``SPLIT_FLOWS`` is how many seeded flows are played beside hypothesis's own (``make split-flows`` plays 100,000).
"""

import os
import sys
from collections import deque
from datetime import date
from decimal import Decimal
from random import Random

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tradepit.trading.ledger.close_split import POSITION_UNKNOWN, CloseReservations, split_close
from tradepit.trading.ledger.ledger import Ledger
from tradepit.trading.model.errors import RiskRefused
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.position import Position
from tradepit.trading.model.product import CloseRule, FeeSchedule, Product, SettlementRule
from tradepit.trading.model.terms import Exchange, Offset, OrderStatus, OrderType, Side
from tradepit.trading.orders.parent_order import fold_parent

FLOWS = int(os.environ.get("SPLIT_FLOWS", "1500"))
ACCOUNT, PRICE = "A", 3000
RULES = {
    Exchange.SHFE: CloseRule.NAMED,
    Exchange.INE: CloseRule.NAMED,
    Exchange.DCE: CloseRule.FIFO,
    Exchange.CZCE: CloseRule.FIFO,
    Exchange.GFEX: CloseRule.FIFO,
    Exchange.CFFEX: CloseRule.FIFO_FEE_TODAY_FIRST,
}
SUFFIX = {Offset.CLOSETODAY: "_closetoday", Offset.CLOSE: "_close"}


def listed(exchange: Exchange, rule: CloseRule) -> Instrument:
    product = Product(
        product_id=exchange.value.lower(),
        exchange=exchange,
        name=exchange.value,
        multiplier=10,
        tick_size=Decimal(1),
        max_limit_lots=500,
        max_market_lots=500,
        limit_pct=Decimal("0.1"),
        margin_ratio=Decimal("0.1"),
        fees=FeeSchedule(),
        session_group="x",
        close_rule=rule,
        settlement_rule=SettlementRule.DAY_VWAP,
        settlement_step=Decimal(1),
        order_types=frozenset(OrderType),
    )
    return Instrument(symbol=f"{exchange.value}2505", product=product, expiry=date(2025, 5, 15), listing_price=Decimal(PRICE))


CONTRACTS = [listed(exchange, rule) for exchange, rule in RULES.items()]


class Flow:
    """The exchange, orders on their way to it, its news on their way back, and the closers between them."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.instrument = chance.choice(CONTRACTS)
        self.rule = self.instrument.product.close_rule
        self.venue = Ledger(20250106)
        self.venue.list_instrument(self.instrument, Decimal(PRICE))
        self.venue.open_account(ACCOUNT, Decimal(10) ** 12)
        self.reservations = CloseReservations()
        self.under_way: list[OrderIntent] = []
        self.working: dict[str, Order] = {}
        self.news: deque[Order] = deque()
        self.known: dict[str, Order] = {}
        self.parents: list[tuple[OrderIntent, tuple[OrderIntent, ...]]] = []
        self.seen: dict[Side, Position] = {}
        self.opened, self.closed = dict.fromkeys(Side, 0), dict.fromkeys(Side, 0)
        self.count = self.refused = 0

    def play(self, steps: int) -> None:
        actions = (self.open, self.open, self.close, self.close, self.close, self.deliver, self.deliver, self.fill, self.fill,
                   self.cancel, self.tell, self.tell, self.look, self.ask_unknown, self.outsider, self.settle)  # fmt: skip
        for action in (self.open, self.open, self.settle, self.open, self.open):
            action()
        weights = (1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0.2, 0.3, 0.3)
        for action in self.chance.choices(actions, weights, k=steps):
            action()
        self.finish()

    def intent(self, side: Side, offset: Offset, lots: int) -> OrderIntent:
        self.count += 1
        return OrderIntent(
            client_order_id=f"o{self.count}",
            account=ACCOUNT,
            symbol=self.instrument.symbol,
            exchange=self.instrument.product.exchange,
            side=side,
            offset=offset,
            order_type=OrderType.LIMIT,
            price_ticks=PRICE,
            volume_lots=lots,
        )

    def open(self) -> None:
        intent = self.intent(self.chance.choice(list(Side)), Offset.OPEN, self.chance.randint(1, 12))
        self.venue.reserve(intent)
        self.venue.apply_fill(intent, PRICE, intent.volume_lots)
        self.opened[intent.side] += intent.volume_lots

    def look(self) -> None:
        """The broker tells the positions: later closes may be judged by them as long as no news was folded since."""
        self.seen = {side: self.venue.position(ACCOUNT, self.instrument.symbol, side) for side in Side}

    def split(self, intent: OrderIntent, position: Position | None) -> tuple[OrderIntent, ...]:
        held = self.reservations.held(ACCOUNT, intent.symbol, intent.side)
        return split_close(intent, self.rule, position, held, lambda parent, offset: parent + SUFFIX[offset])

    def close(self) -> None:
        """One of the concurrent closers: its children go out in any order, among those of the others."""
        offset = self.chance.choice((Offset.CLOSE, Offset.CLOSE, Offset.CLOSETODAY))
        intent = self.intent(self.chance.choice(list(Side)), offset, self.chance.randint(1, 9))
        if not self.seen or self.chance.random() < 0.7:
            self.look()
            fresh = not self.under_way and not self.news
        else:
            fresh = False
        try:
            children = self.split(intent, self.seen[intent.side.opposite])
        except RiskRefused as error:
            assert error.reason_code.startswith("OVER_CLOSE")
            self.refused += 1
            if fresh:
                assert intent.volume_lots > self.there(intent), "what there is to close is not refused"
            return
        assert sum(child.volume_lots for child in children) == intent.volume_lots
        assert all(child.volume_lots > 0 for child in children)
        assert children == (intent,) or (self.rule is CloseRule.NAMED and intent.offset is Offset.CLOSE)
        for child in children:
            self.reservations.reserve(child)
            self.known[child.client_order_id] = Order(intent=child, status=OrderStatus.SENDING, left_lots=child.volume_lots)
            self.reservations.follow(self.known[child.client_order_id])
        self.under_way += children
        self.parents.append((intent, children))

    def there(self, intent: OrderIntent) -> int:
        offsets: tuple[Offset, ...] = (Offset.CLOSETODAY, Offset.CLOSE)
        if self.rule is not CloseRule.NAMED or intent.offset is Offset.CLOSETODAY:
            offsets = offsets[:1]
        return sum(self.venue.closable(ACCOUNT, intent.symbol, intent.side, offset) for offset in offsets)

    def ask_unknown(self) -> None:
        intent = self.intent(Side.SELL, Offset.CLOSE, 1)
        try:
            assert self.split(intent, None) == (intent,)
            assert self.rule is not CloseRule.NAMED
        except RiskRefused as error:
            assert (self.rule, error.reason_code) == (CloseRule.NAMED, POSITION_UNKNOWN)

    def deliver(self) -> None:
        """An order reaches the exchange. That it takes it is the property; for other reasons it may refuse."""
        if not self.under_way:
            return
        intent = self.under_way.pop(self.chance.randrange(len(self.under_way)))
        if self.chance.random() < 0.1:
            self.news.append(Order(intent=intent, status=OrderStatus.REJECTED, reason="PRICE_OVER_LIMIT"))
            return
        self.venue.reserve(intent)
        order = Order(intent=intent, status=OrderStatus.OPEN, left_lots=intent.volume_lots)
        self.working[intent.client_order_id] = order
        self.news.append(order)

    def some_working(self) -> Order | None:
        return self.chance.choice(list(self.working.values())) if self.working else None

    def fill(self) -> None:
        order = self.some_working()
        if order is None:
            return
        lots = self.chance.randint(1, order.left_lots)
        self.venue.apply_fill(order.intent, PRICE, lots)
        self.closed[order.intent.side.opposite] += lots
        left = order.left_lots - lots
        status = OrderStatus.PARTIAL if left else OrderStatus.FILLED
        self.change(msgspec.structs.replace(order, status=status, traded_lots=order.traded_lots + lots, left_lots=left))

    def cancel(self) -> None:
        order = self.some_working()
        if order is not None:
            assert self.venue.release(ACCOUNT, order.client_order_id) == order.left_lots
            self.change(msgspec.structs.replace(order, status=OrderStatus.CANCELLED, left_lots=0))

    def change(self, order: Order) -> None:
        if order.active:
            self.working[order.client_order_id] = order
        else:
            del self.working[order.client_order_id]
        self.news.append(order)

    def tell(self) -> None:
        """News come back late; positions seen before them are no longer good enough."""
        for _ in range(min(len(self.news), self.chance.randint(1, 4))):
            order = self.news.popleft()
            self.reservations.follow(order)
            self.known[order.client_order_id] = order
            self.seen = {}

    def outsider(self) -> None:
        """Somebody closes by hand what nobody counts on; the positions tell it."""
        if self.under_way:
            return
        for side in Side:
            there = self.venue.closable(ACCOUNT, self.instrument.symbol, side, Offset.CLOSE)
            if there:
                intent = self.intent(side, Offset.CLOSE, self.chance.randint(1, there))
                self.venue.reserve(intent)
                self.working[intent.client_order_id] = Order(intent=intent, status=OrderStatus.OPEN, left_lots=intent.volume_lots)
        self.seen = {}

    def settle(self) -> None:
        """The day ends with nothing on its way; what works is cancelled, today's lots are yesterday's."""
        self.drain()
        for order in list(self.working.values()):
            self.change(msgspec.structs.replace(order, status=OrderStatus.EXPIRED, left_lots=0))
        self.drain()
        self.venue.settle(self.venue.trading_day + 1, {})
        self.seen = {}

    def drain(self) -> None:
        while self.under_way:
            self.deliver()
        while self.news:
            self.tell()

    def finish(self) -> None:
        self.drain()
        while self.working:
            self.chance.choice((self.fill, self.fill, self.cancel))()
        self.drain()
        for side in Side:
            held = self.venue.position(ACCOUNT, self.instrument.symbol, side)
            assert held.lots == self.opened[side] - self.closed[side], "opened less closed is what there is"
            assert held.frozen_lots == 0
            assert self.reservations.held(ACCOUNT, self.instrument.symbol, side) == (), "what ended is not held"
        for intent, children in self.parents:
            parent = fold_parent(intent, [self.known[child.client_order_id] for child in children])
            assert parent.status.terminal
            assert parent.left_lots == 0
            assert parent.traded_lots == sum(self.known[child.client_order_id].traded_lots for child in children)
            assert (parent.status is OrderStatus.FILLED) == (parent.traded_lots == intent.volume_lots)


@given(chance=st.randoms(use_true_random=False), steps=st.integers(1, 40))
@settings(deadline=None, max_examples=100)
def test_any_flow_of_closers(chance: Random, steps: int) -> None:
    Flow(chance).play(steps)


def test_seeded_flows_over_all_exchanges() -> None:
    split = refused = closes = 0
    for seed in range(FLOWS):
        flow = Flow(Random(seed))
        flow.play(40)
        closes += len(flow.parents)
        split += sum(len(children) == 2 for _, children in flow.parents)
        refused += flow.refused
    figures = f"{closes} closes let through, {split} split in two, {refused} refused, 0 refused by the exchange"
    sys.stdout.write(f"{FLOWS} flows: {figures}\n")
    assert closes > FLOWS
    assert split > FLOWS // 20
    assert refused > FLOWS // 2
