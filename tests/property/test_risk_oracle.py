"""Seeded random trading, judged by the review and by a naive oracle that keeps lists and counts everything anew for each order.

RISK_ORACLE_ORDERS sets how many orders are judged (a million in the long form).
"""

import os
import random
from collections import Counter
from decimal import Decimal

from tests.property.test_risk_position_limit import make_exposure

from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.product import CloseRule
from tradepit.trading.model.terms import Exchange, Offset, OrderStatus, OrderType, Side, TradingState
from tradepit.trading.model.tick import Tick
from tradepit.trading.model.trade import Trade
from tradepit.trading.risk.review import Approved, review
from tradepit.trading.risk.rules import load_rules

ORDERS = int(os.environ.get("RISK_ORACLE_ORDERS", "20000"))
S = 1_000_000_000
LIMITS = {
    "order_size": {"max_lots": 8, "max_notional": {"CNY": "75000"}},
    "position_limit": {"max_long": 20, "max_short": 15},
    "margin": {"max_risk_ratio": "0.3", "max_leverage": "2.5"},
    "working_cap": {"max_per_symbol": 4, "max_per_account": 4},
    "rate": {"orders_per_s": 4, "order_burst": 6, "max_day_orders": 900},
    "permission": {"bots": {"b1": ["a"]}},
    "daily_loss": {"max_loss": "400", "max_loss_share": None},
    "abnormal_trading": {"enforce": True, "by_exchange": {"DCE": {"cancels": 90, "large_cancels": 1000, "self_trades": 1000}}},
    "circuit": {"max_rejects": 2, "window_ms": 8000, "cooldown_ms": 4000},
    "collar": {"max_away": "0.01", "max_away_ticks": 5, "without_data": "limits", "max_age_ms": 10_000_000},
}
EQUITY, MULTIPLIER, MARGIN = Decimal(100_000), 10, Decimal("0.1")


class Oracle:
    """What the rules mean, said in the plainest way, over plain lists; it shares no code with the rules."""

    def __init__(self) -> None:
        self.fills: list[tuple[Side, Offset, int, int]] = []
        self.working: dict[str, tuple[OrderIntent, int]] = {}
        self.unknown: set[str] = set()
        self.asked_ns: list[int] = []
        self.rejected_ns: list[int] = []
        self.cancelled = 0
        self.level, self.filled_ns = 6.0 * S, 0
        self.state = TradingState.ACTIVE
        self.sequences: Counter[str] = Counter()
        self.last = 1000

    def lots(self) -> tuple[int, int]:
        long = short = 0
        for side, offset, lots, _ in self.fills:
            if offset is Offset.OPEN:
                long, short = (long + lots, short) if side is Side.BUY else (long, short + lots)
            elif side is Side.BUY:
                taken = min(lots, short)
                long, short = long + lots - taken, short - taken
            else:
                taken = min(lots, long)
                long, short = long - taken, short + lots - taken
        return long, short

    def result(self) -> Decimal:
        return sum(
            (Decimal((1 if side is Side.BUY else -1) * lots * MULTIPLIER * (self.last - price)) for side, _, lots, price in self.fills),
            Decimal(0),
        )  # fmt: skip

    def left(self, side: Side, *, opens: bool) -> int:
        return sum(
            left for intent, left in self.working.values() if intent.side is side and (intent.offset is Offset.OPEN) is opens
        )

    def worst(self, side: Side, more_open: int, more_close: int) -> int:
        long, short = self.lots()
        own, other = (long, short) if side is Side.BUY else (short, long)
        return own + self.left(side, opens=True) + more_open + max(0, self.left(side, opens=False) + more_close - other)

    def reduces(self, order: OrderIntent) -> bool:
        if order.offset is Offset.OPEN:
            return False
        long, short = self.lots()
        same = sum(left for intent, left in self.working.values() if intent.side is order.side) + order.volume_lots
        return long - short - same >= 0 if order.side is Side.SELL else long - short + same <= 0

    def ask(self, order: OrderIntent, now: int) -> str:
        token = self._take(now)
        self.asked_ns.append(now)
        reducing = self.reduces(order)
        code = next((code for code, spares, bad in self._rules(order, now, token) if bad and not (spares and reducing)), "")
        if order.bot:
            self.sequences[order.bot] = max(self.sequences[order.bot], order.sequence)
        return code

    def _take(self, now: int) -> bool:
        if self.filled_ns:
            self.level = min(6.0 * S, self.level + (now - self.filled_ns) * 4)
        self.filled_ns = now
        enough = self.level >= S
        self.level -= S if enough else 0
        return enough

    def _rules(self, order: OrderIntent, now: int, token: bool) -> list[tuple[str, bool, bool]]:
        buys = order.side is Side.BUY
        opens = order.volume_lots if order.offset is Offset.OPEN else 0
        closes = order.volume_lots - opens
        long, short = self.lots()
        closable = (short if buys else long) - self.left(order.side, opens=False)
        worst, before = self.worst(order.side, opens, closes), self.worst(order.side, 0, 0)
        price, mark = order.price_ticks, self.mark()
        both = self.worst(Side.BUY, 0, 0) + self.worst(Side.SELL, 0, 0)
        value = Decimal(MULTIPLIER * (price * (worst - before) + mark * both))
        equity, adds = EQUITY + self.result(), worst > before
        others = [intent for intent, _ in self.working.values() if intent.side is not order.side]
        meets = any(price >= each.price_ticks if buys else price <= each.price_ticks for each in others)
        collar = max(int(self.last * 0.01), 5)
        recent = self.rejected_ns[-2:]
        tripped = len(recent) == 2 and now - recent[1] < 4 * S and recent[1] - recent[0] <= 8 * S
        state = self.state
        return [
            ("TRADING_HALTED", False, state is TradingState.HALTED),
            ("TRADING_STATE_REDUCING", False, state is TradingState.REDUCING and not self.reduces(order)),
            ("UNKNOWN_ORDER_PENDING", True, bool(self.unknown)),
            ("DUPLICATE", False, bool(order.bot) and order.sequence <= self.sequences[order.bot]),
            ("SYMBOL_BLOCKED", True, order.bot == "b2"),
            ("PRICE_OVER_LIMIT", False, not 900 <= price <= 1100),
            ("PRICE_COLLAR", True, price > self.last + collar if buys else price < self.last - collar),
            ("QUANTITY_EXCEEDS_MAXIMUM", True, order.volume_lots > 8),
            ("NOTIONAL_EXCEEDS_MAX_PER_ORDER", True, price * order.volume_lots * MULTIPLIER > 75_000),
            ("OVER_CLOSE_POSITION", False, closes > closable),
            ("POSITION_LIMIT", True, worst > (20 if buys else 15)),
            ("INSUFFICIENT_MONEY", True, adds and value * MARGIN > equity),
            ("LEVERAGE", True, adds and (value * MARGIN > equity * Decimal("0.3") or value > equity * Decimal("2.5"))),
            ("MAX_WORKING", True, len(self.working) >= 4),
            ("RATE_LIMIT_EXCEEDED", True, not token or len(self.asked_ns) > 900),
            ("LOSS_CAP", True, -self.result() >= 400),
            ("SELF_TRADE", False, meets),
            ("CANCEL_COUNT", True, self.cancelled + len(self.working) + 1 >= 90),
            ("CIRCUIT_OPEN", True, tripped),
        ]

    def mark(self) -> int:
        return self.last


class Play:
    """One account's days: orders by chance, and an exchange that fills, cancels, refuses and falls silent by chance."""

    def __init__(self, seed: int) -> None:
        self.chance, self.oracle, self.exposure = random.Random(seed), Oracle(), make_exposure(CloseRule.FIFO)
        self.exposure.books["a"].opening_equity = EQUITY
        self.rules, self.now = load_rules(LIMITS), 1_700_000_000 * S
        self.codes: Counter[str] = Counter()
        self.number = 10
        self.price(1000)

    def price(self, ticks: int) -> None:
        self.oracle.last = ticks
        self.exposure.on_tick(
            Tick(
                symbol="x",
                exchange=Exchange.DCE,
                time_ns=self.now,
                trading_day=20250102,
                last_ticks=ticks,
                volume_lots=0,
                turnover=Decimal(0),
                open_interest=0,
                open_ticks=0,
                high_ticks=0,
                low_ticks=0,
                upper_limit_ticks=1100,
                lower_limit_ticks=900,
                pre_close_ticks=0,
                pre_settlement=Decimal(1000),
                bids=(),
                asks=(),
                phase=self.exposure.markets["x"].phase,
            )
        )

    def order(self) -> None:
        chance, self.number = self.chance, self.number + 1
        far = chance.random() < 0.1
        intent = OrderIntent(
            client_order_id=f"o{self.number}",
            account="a",
            symbol="x",
            exchange=Exchange.DCE,
            side=chance.choice(list(Side)),
            offset=chance.choice((Offset.OPEN, Offset.OPEN, Offset.CLOSE)),
            order_type=OrderType.LIMIT,
            price_ticks=chance.randint(880, 1120) if far else self.oracle.last + chance.randint(-12, 12),
            volume_lots=chance.randint(1, 9),
            bot=chance.choice(("", "", "b1", "b1", "b1", "b1", "b2") if far else ("", "b1")),
            sequence=self.number - (chance.random() < 0.05) * chance.randint(0, 3),
        )
        expected = self.oracle.ask(intent, self.now)
        verdict = review(intent, self.exposure, self.rules, self.now)
        told = "" if isinstance(verdict, Approved) else verdict.code
        assert told == expected, (intent, verdict, expected)
        self.codes[told] += 1
        self.exposure.on_request(intent)
        if not told:
            self.exposure.on_accepted(intent)
            self.oracle.working[intent.client_order_id] = (intent, intent.volume_lots)

    def fill(self, key: str) -> None:
        intent, left = self.oracle.working[key]
        lots = self.chance.randint(1, left)
        self.oracle.fills.append((intent.side, intent.offset, lots, intent.price_ticks))
        self.exposure.on_fill(
            Trade(
                trade_id=f"t{self.number}-{left}",
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
        self.oracle.working[key] = (intent, left - lots)
        if lots == left:
            self.end(key, OrderStatus.FILLED)

    def end(self, key: str, status: OrderStatus) -> None:
        intent, left = self.oracle.working.pop(key)
        self.oracle.unknown.discard(key)
        self.oracle.cancelled += status is OrderStatus.CANCELLED
        self.exposure.on_order(Order(intent=intent, status=status, traded_lots=intent.volume_lots - left))
        if status is OrderStatus.REJECTED:
            self.oracle.rejected_ns.append(self.now)
            self.exposure.on_rejected("a", self.now)

    def happen(self) -> None:
        chance, oracle = self.chance, self.oracle
        self.now += chance.choice((S // 20, S // 5, S // 2, 2 * S))
        what, keys = chance.random(), list(oracle.working)
        if what < 0.02:
            oracle.state = chance.choice([TradingState.ACTIVE] * 8 + list(TradingState))
            self.exposure.set_state("account:a", oracle.state)
        elif what < 0.2:
            self.price(min(1080, max(920, oracle.last + chance.randint(-6, 6))))
        elif keys:
            self.exchange(what, chance.choice(keys))

    def exchange(self, what: float, key: str) -> None:
        intent, left = self.oracle.working[key]
        if what < 0.23 and left == intent.volume_lots:
            self.oracle.unknown.add(key)
            self.exposure.on_order(Order(intent=intent, status=OrderStatus.UNKNOWN, left_lots=left))
        elif what < 0.35 and left == intent.volume_lots:
            self.end(key, OrderStatus.REJECTED)
        elif what < 0.5:
            self.end(key, OrderStatus.CANCELLED)
        elif key not in self.oracle.unknown:
            self.fill(key)
        else:
            self.oracle.unknown.discard(key)
            self.exposure.on_order(Order(intent=intent, status=OrderStatus.OPEN, left_lots=left))


def test_the_review_and_a_naive_oracle_agree_on_every_order() -> None:
    codes: Counter[str] = Counter()
    seed = 0
    while codes.total() < ORDERS:
        seed += 1
        play = Play(seed)
        # A play is as long as the oracle's patience: it counts all fills for each order.
        for _ in range(min(1_000, ORDERS - codes.total())):
            play.order()
            play.happen()
        codes += play.codes
    print(f"\n{codes.total()} orders in {seed} plays: {dict(sorted(codes.items()))}")  # noqa: T201 - the long form is for reading
    expected = {code for code, _, _ in Oracle()._rules(_any_order(), 1, token=True)} - {"INSUFFICIENT_MONEY"}
    assert expected <= codes.keys(), expected - codes.keys()
    assert codes[""] > ORDERS / 50


def _any_order() -> OrderIntent:
    return OrderIntent(
        client_order_id="o", account="a", symbol="x", exchange=Exchange.DCE, side=Side.BUY, offset=Offset.OPEN,
        order_type=OrderType.LIMIT, price_ticks=1000, volume_lots=1,
    )  # fmt: skip
