"""Random play of accounts that trade with each other: no money and no lots appear or vanish, and every running sum is the sum."""

from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tradepit.trading.ledger.ledger import Ledger
from tradepit.trading.ledger.lots import Lot
from tradepit.trading.ledger.rules import FreezePrice, LedgerRules, MarginPrice
from tradepit.trading.ledger.snapshot import BookState, ContractState, FundsState, LedgerState, LotsState
from tradepit.trading.model.errors import RequestRefused
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.product import CloseRule, FeeRate, FeeSchedule, Product, SettlementRule
from tradepit.trading.model.terms import Exchange, Offset, OrderType, Side

ACCOUNTS = ("ann", "bob", "cy")
FIRST_DAY = 20250106
FEES = FeeSchedule(
    open=FeeRate(by_money=Decimal("0.000023"), by_volume=Decimal("0.01")),
    close_yesterday=FeeRate(by_money=Decimal("0.0001")),
    close_today=FeeRate(by_money=Decimal("0.000345"), by_volume=Decimal("1.2")),
)


def contract(symbol: str, product_id: str, rule: CloseRule, expiry: date = date(2025, 12, 15)) -> Instrument:
    product = Product(
        product_id=product_id,
        exchange=Exchange.SHFE,
        name=product_id,
        multiplier=300,
        tick_size=Decimal("0.2"),
        max_limit_lots=500,
        max_market_lots=500,
        limit_pct=Decimal("0.1"),
        margin_ratio=Decimal("0.12"),
        fees=FEES,
        session_group="x",
        close_rule=rule,
        settlement_rule=SettlementRule.DAY_VWAP,
        settlement_step=Decimal("0.1"),
        order_types=frozenset(OrderType),
        larger_side_margin=rule is not CloseRule.FIFO,
    )
    return Instrument(symbol=symbol, product=product, expiry=expiry, listing_price=Decimal(4000))


CONTRACTS = {
    item.symbol: item
    for item in (
        contract("named2505", "named", CloseRule.NAMED),
        contract("named2501", "named", CloseRule.NAMED, expiry=date(2025, 1, 8)),
        contract("fifo2505", "fifo", CloseRule.FIFO),
        contract("cffex2505", "cffex", CloseRule.FIFO_FEE_TODAY_FIRST),
        contract("net2505", "net", CloseRule.NET),
    )
}
OFFSETS = (Offset.OPEN, Offset.CLOSE, Offset.CLOSETODAY, Offset.CLOSEYESTERDAY)

ticks = st.integers(19_900, 20_100)
symbols = st.sampled_from(sorted(CONTRACTS))
offsets = st.sampled_from(OFFSETS)
volumes = st.integers(1, 6)
trades = st.tuples(st.just("trade"), symbols, st.permutations(ACCOUNTS), offsets, offsets, ticks, volumes)
orders = st.tuples(
    st.just("order"),
    symbols,
    st.sampled_from(ACCOUNTS),
    st.sampled_from(list(Side)),
    offsets,
    st.one_of(st.just(0), ticks),
    volumes,
)
others = st.one_of(
    st.tuples(st.just("release"), st.integers(0, 50), st.one_of(st.none(), st.integers(0, 4))),
    st.tuples(st.just("transfer"), st.sampled_from(ACCOUNTS), st.integers(-90_000_000, 90_000_000)),
    st.tuples(st.just("mark"), symbols, ticks),
    st.tuples(st.just("settle"), st.integers(39_800, 40_200)),
    st.tuples(st.just("restore")),
)
steps = st.lists(st.one_of(trades, trades, trades, orders, others), min_size=30, max_size=80)
ledger_rules = st.builds(
    LedgerRules,
    margin_price=st.sampled_from(list(MarginPrice)),
    freeze_price=st.sampled_from(list(FreezePrice)),
    spend_position_profit=st.booleans(),
)


class World:
    """A ledger and, beside it, the plainest possible bookkeeping of the same play."""

    def __init__(self, rules: LedgerRules) -> None:
        self.ledger = Ledger(FIRST_DAY, rules)
        for item in CONTRACTS.values():
            self.ledger.list_instrument(item, Decimal(4000))
        for account in ACCOUNTS:
            self.ledger.open_account(account, Decimal(1_500_000))
        self.paid_in = dict.fromkeys(ACCOUNTS, Decimal(1_500_000))
        self.fees = dict.fromkeys(ACCOUNTS, Decimal(0))
        self.net: dict[tuple[str, str], int] = {}
        self.working: list[OrderIntent] = []
        self.count = 0

    def play(self, step: tuple[Any, ...]) -> None:
        getattr(self, f"_{step[0]}")(*step[1:])

    def _fitting(self, account: str, symbol: str, side: Side, wish: Offset, lots: int) -> tuple[Offset, int]:
        """A close when it is wished for and there is something to close in any bucket, else an open."""
        if wish.closes:
            for offset in (wish, *OFFSETS[1:]):
                there = self.ledger.closable(account, symbol, side, offset)
                if there:
                    return offset, min(lots, there)
        return Offset.OPEN, lots

    def _intent(self, account: str, symbol: str, side: Side, offset: Offset, price_ticks: int, lots: int) -> OrderIntent:
        self.count += 1
        return OrderIntent(
            client_order_id=f"o{self.count}",
            account=account,
            symbol=symbol,
            exchange=Exchange.SHFE,
            side=side,
            offset=offset,
            order_type=OrderType.LIMIT,
            price_ticks=price_ticks,
            volume_lots=lots,
        )

    def _trade(self, symbol: str, names: list[str], buys: Offset, sells: Offset, price_ticks: int, lots: int) -> None:
        if symbol not in self.ledger.symbols():
            return
        buys, lots = self._fitting(names[0], symbol, Side.BUY, buys, lots)
        sells, lots = self._fitting(names[1], symbol, Side.SELL, sells, lots)
        buy = self._intent(names[0], symbol, Side.BUY, buys, price_ticks, lots)
        sell = self._intent(names[1], symbol, Side.SELL, sells, price_ticks, lots)
        before = self.ledger.digest()
        try:
            self.ledger.reserve(buy)
            self.ledger.reserve(sell)
        except RequestRefused:
            self.ledger.release(buy.account, buy.client_order_id)
            assert self.ledger.digest() == before, "reserving and releasing leaves no trace"
            return
        for intent, sign in ((buy, 1), (sell, -1)):
            for part in (1, lots - 1) if lots > 1 else (1,):
                self.fees[intent.account] += self.ledger.apply_fill(intent, price_ticks, part).fee
            key = (intent.account, symbol)
            self.net[key] = self.net.get(key, 0) + sign * lots

    def _order(self, symbol: str, account: str, side: Side, offset: Offset, price_ticks: int, lots: int) -> None:
        intent = self._intent(account, symbol, side, offset, price_ticks, lots)
        before = self.ledger.digest()
        try:
            self.ledger.reserve(intent)
        except RequestRefused:
            assert self.ledger.digest() == before
        else:
            self.working.append(intent)

    def _release(self, which: int, lots: int | None) -> None:
        if self.working:
            intent = self.working[which % len(self.working)]
            self.ledger.release(intent.account, intent.client_order_id, lots)

    def _transfer(self, account: str, cents: int) -> None:
        amount = Decimal(cents) / 100
        try:
            (self.ledger.deposit if amount > 0 else self.ledger.withdraw)(account, abs(amount))
        except RequestRefused:
            return
        self.paid_in[account] += amount

    def _mark(self, symbol: str, last_ticks: int) -> None:
        if symbol in self.ledger.symbols():
            self.ledger.mark(symbol, last_ticks)

    def _settle(self, tenths: int) -> None:
        prices = {symbol: Decimal(tenths + index) / 10 for index, symbol in enumerate(self.ledger.symbols())}
        before = {name: self.ledger.account(name) for name in ACCOUNTS}
        statements = self.ledger.settle(self.ledger.trading_day + 1, prices)
        for statement in statements:
            day = before[statement.account]
            assert (statement.opening, statement.deposits, statement.withdrawals) == (day.pre_balance, day.deposit, day.withdraw)
            assert statement.fees == day.fee
            assert statement.closing == (
                statement.opening
                + statement.deposits
                - statement.withdrawals
                + statement.realised
                + statement.mark_to_market
                - statement.fees
            )
            assert statement.mark_to_market == sum(position.position_profit for position in statement.positions)
            account = self.ledger.account(statement.account)
            assert (account.balance, account.margin, account.available) == (
                statement.closing,
                statement.margin,
                statement.available,
            )
        self.working.clear()
        self.net = {key: lots for key, lots in self.net.items() if key[1] in self.ledger.symbols()}

    def _restore(self) -> None:
        stored = msgspec.msgpack.encode(self.ledger.to_state())
        twin = Ledger.from_state(msgspec.msgpack.decode(stored, type=LedgerState))
        assert twin.digest() == self.ledger.digest()
        assert [twin.account(name) for name in ACCOUNTS] == [self.ledger.account(name) for name in ACCOUNTS]
        self.ledger = twin

    def check(self) -> None:
        state = self.ledger.to_state()
        listed = {item.instrument.symbol: item for item in state.contracts}
        total = Decimal(0)
        for funds in state.accounts:
            account = self.ledger.account(funds.account)
            total += account.balance - self.paid_in[funds.account] + self.fees[funds.account]
            assert account.available == account.balance - account.margin - account.frozen_margin - account.frozen_fee
            assert account.position_profit == sum(_profit(listed[book.symbol], book) for book in funds.books)
            assert account.margin == _margin(state, funds)
            assert min(account.frozen_margin, account.frozen_fee, account.margin) >= 0
            if not funds.holds:
                assert account.frozen_margin == account.frozen_fee == 0
            for symbol in listed:
                self._check_lots(funds, symbol)
        assert total == 0, "what one account gains another one loses, fees apart"

    def _check_lots(self, funds: FundsState, symbol: str) -> None:
        long, short = (self.ledger.position(funds.account, symbol, side) for side in (Side.BUY, Side.SELL))
        assert long.lots - short.lots == self.net.get((funds.account, symbol), 0)
        for position, closing in ((long, Side.SELL), (short, Side.BUY)):
            assert 0 <= position.frozen_today_lots <= position.today_lots
            assert 0 <= position.frozen_yesterday_lots <= position.yesterday_lots
            held = [
                hold.lots
                for hold in funds.holds.values()
                if hold.symbol == symbol and hold.side is closing and hold.offset.closes
            ]
            if CONTRACTS[symbol].product.close_rule is CloseRule.NET:
                assert not (long.lots and short.lots)
            else:
                assert position.frozen_lots == sum(held)


def _value(lots: tuple[Lot, ...]) -> Decimal:
    return sum((lot.price_ticks * lot.lots * Decimal("0.2") for lot in lots), Decimal(0)) * 300


def _count(lots: tuple[Lot, ...]) -> int:
    return sum(lot.lots for lot in lots)


def _profit(listed: ContractState, book: BookState) -> Decimal:
    def side(lots: LotsState) -> Decimal:
        everything = (_count(lots.history) + _count(lots.today)) * listed.mark * 300
        return everything - _value(lots.today) - _count(lots.history) * listed.pre_settlement * 300

    return side(book.long) - side(book.short)


def _margin(state: LedgerState, funds: FundsState) -> Decimal:
    listed = {item.instrument.symbol: item for item in state.contracts}
    products: dict[str, list[Decimal]] = {}
    for book in funds.books:
        item = listed[book.symbol]
        sums = products.setdefault(item.instrument.product.product_id, [Decimal(0), Decimal(0)])
        for index, lots in enumerate((book.long, book.short)):
            today = {
                MarginPrice.OPEN: _value(lots.today),
                MarginPrice.PRE_SETTLEMENT: _count(lots.today) * item.pre_settlement * 300,
                MarginPrice.LAST: _count(lots.today) * item.mark * 300,
            }[state.rules.margin_price]
            sums[index] += (today + _count(lots.history) * item.pre_settlement * 300) * Decimal("0.12")
    return sum((long + short if name == "fifo" else max(long, short) for name, (long, short) in products.items()), Decimal(0))


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rules=ledger_rules, play=steps)
def test_no_money_and_no_lots_appear_or_vanish(rules: LedgerRules, play: list[tuple[Any, ...]]) -> None:
    world = World(rules)
    for step in play:
        world.play(step)
        world.check()


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rules=ledger_rules, play=steps)
def test_the_same_play_gives_the_same_ledger(rules: LedgerRules, play: list[tuple[Any, ...]]) -> None:
    one, other = World(rules), World(rules)
    for step in play:
        one.play(step)
    for step in play:
        if step[0] != "restore":
            other.play(step)
    assert one.ledger.digest() == other.ledger.digest()
