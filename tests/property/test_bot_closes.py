"""Many bots close on one account at once: never more than it holds, today's and history lots apart, and whose they are adds up."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.risk.conftest import RB

from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.report import DayReport, OrderReport, TradeReport
from tradepit.trading.model.terms import Exchange, Offset, OrderStatus, OrderType, SessionPhase, Side
from tradepit.trading.model.trade import Trade
from tradepit.trading.orders import events as facts
from tradepit.trading.orders.desk import OrderDesk
from tradepit.trading.risk.rules import load_rules

RULES = load_rules(
    {
        "session_phase": False, "margin": False, "collar": False, "rate": False, "working_cap": False, "self_trade": False,
        "order_size": False, "unknown_order": False, "bot_lots": {"policy": "allow"}, "position_limit": False,
    }
)  # fmt: skip
BOTS = ("", "b1", "b2", "b3")
Step = tuple[str, int, Side, Offset, int, int]
steps = st.lists(
    st.tuples(
        st.sampled_from(["submit", "submit", "submit", "fill", "cancel", "unknown", "refuse", "day"]),
        st.integers(0, 3),
        st.sampled_from(Side),
        st.sampled_from([Offset.OPEN, Offset.OPEN, Offset.CLOSE, Offset.CLOSETODAY, Offset.CLOSEYESTERDAY]),
        st.integers(1, 6),
        st.integers(0, 50),
    ),
    max_size=80,
)


class Account:
    """A desk with one account in a contract whose close buckets are named, and an exchange that keeps the plainest books."""

    def __init__(self) -> None:
        self.desk, self.number, self.sequence, self.day = OrderDesk(RULES), 0, 0, 20250102
        self.desk.apply(facts.InstrumentKnown(time_ns=1, instrument=RB, reference="3300"))
        self.desk.apply(facts.AccountKnown(time_ns=1, account="a", equity="1000000"))
        self.desk.exposure.on_phase(RB.symbol, SessionPhase.CONTINUOUS)
        self.held = {(side, today): 0 for side in Side for today in (True, False)}
        self.legs = {(bot, side): 0 for bot in BOTS for side in Side}
        self.working: dict[str, tuple[OrderIntent, int]] = {}

    def submit(self, bot: str, side: Side, offset: Offset, lots: int) -> bool:
        self.number += 1
        intent = OrderIntent(
            client_order_id=f"c{self.number}", account="a", symbol=RB.symbol, exchange=Exchange.SHFE, side=side, offset=offset,
            order_type=OrderType.LIMIT, price_ticks=3300, volume_lots=lots, bot=bot, sequence=self.number,
        )  # fmt: skip
        free = self.free(intent)
        approved, news = self.desk.decide(intent, self.number, 1)
        for fact in news:
            self.desk.apply(fact)
        if approved is not None:
            self.working[intent.client_order_id] = intent, lots
        # Refused if and only if the account does not have the lots, whichever bot asked first.
        assert (approved is not None) is (free is None or lots <= free)
        return approved is not None

    def free(self, intent: OrderIntent) -> int | None:
        """Lots of the bucket that no bot's working order closes."""
        if not intent.offset.closes:
            return None
        bucket = intent.side.opposite, intent.offset is Offset.CLOSETODAY
        promised = sum(
            left
            for each, left in self.working.values()
            if each.offset.closes and (each.side.opposite, each.offset is Offset.CLOSETODAY) == bucket
        )
        return self.held[bucket] - promised

    def fill(self, name: str, lots: int) -> None:
        intent, left = self.working[name]
        lots = min(lots, left)
        opens = intent.offset is Offset.OPEN
        side = intent.side if opens else intent.side.opposite
        bucket = side, opens or intent.offset is Offset.CLOSETODAY
        self.held[bucket] += lots if opens else -lots
        self.legs[intent.bot, side] += lots if opens else -lots
        assert self.held[bucket] >= 0, "more was closed than there was"
        self.sequence += 1
        trade = Trade(
            trade_id=f"t{self.sequence}", order_id="1", client_order_id=name, account="a", symbol=RB.symbol,
            exchange=Exchange.SHFE, side=intent.side, offset=intent.offset, price_ticks=3300, volume_lots=lots, time_ns=1,
            trading_day=self.day,
        )  # fmt: skip
        self.report(TradeReport(sequence=self.sequence, time_ns=1, trading_day=self.day, trade=trade))
        traded = intent.volume_lots - left + lots
        self.tell(intent, OrderStatus.PARTIAL if traded < intent.volume_lots else OrderStatus.FILLED, traded)
        if left == lots:
            del self.working[name]
        else:
            self.working[name] = intent, left - lots

    def end(self, name: str, status: OrderStatus) -> None:
        intent, left = self.working.pop(name)
        self.tell(intent, status, intent.volume_lots - left)

    def tell(self, intent: OrderIntent, status: OrderStatus, traded: int) -> None:
        self.sequence += 1
        left = 0 if status.terminal else intent.volume_lots - traded
        order = Order(intent=intent, status=status, order_id="1", traded_lots=traded, left_lots=left)
        self.report(OrderReport(sequence=self.sequence, time_ns=1, trading_day=self.day, order=order))

    def report(self, report: TradeReport | OrderReport | DayReport) -> None:
        self.desk.apply(facts.ReportApplied(time_ns=1, report=report))

    def roll(self) -> None:
        for name in list(self.working):
            self.end(name, OrderStatus.EXPIRED)
        self.sequence += 1
        settled, self.day = self.day, self.day + 1
        self.report(
            DayReport(
                sequence=self.sequence,
                time_ns=1,
                trading_day=self.day,
                settled_day=settled,
                settlement_prices={RB.symbol: "3300"},
            )
        )
        for side in Side:
            self.held[side, False] += self.held.pop((side, True))
            self.held[side, True] = 0

    def check(self) -> None:
        holding = self.desk.exposure.holding("a", RB.symbol)
        if holding is None:
            assert not any(self.held.values())
            return
        for side, leg in ((Side.BUY, holding.long), (Side.SELL, holding.short)):
            assert (leg.today, leg.yesterday) == (self.held[side, True], self.held[side, False])
            whose = {bot: each.long if side is Side.BUY else each.short for bot, each in holding.bots.items()}
            assert whose == {bot: self.legs[bot, side] for bot in whose}
            assert sum(whose.values()) + self.legs["", side] == leg.lots


@settings(max_examples=150, deadline=None)
@given(steps=steps)
def test_bots_never_close_more_than_the_account_has(steps: list[Step]) -> None:
    account = Account()
    for what, bot, side, offset, lots, which in steps:
        names = list(account.working)
        name = names[which % len(names)] if names else ""
        if what == "submit":
            account.submit(BOTS[bot], side, offset, lots)
        elif what == "day":
            account.roll()
        elif name and what == "fill":
            account.fill(name, lots)
        elif name and what == "unknown":
            # In doubt it still has its lots promised to it.
            intent, _ = account.working[name]
            account.desk.apply(facts.OrderUnknown(time_ns=1, account="a", client_order_id=intent.client_order_id, reason="x"))
        elif name:
            fresh = account.working[name][1] == account.working[name][0].volume_lots
            account.end(name, OrderStatus.REJECTED if what == "refuse" and fresh else OrderStatus.CANCELLED)
        account.check()


def test_two_bots_that_close_the_same_lots_share_them_out() -> None:
    account = Account()
    assert account.submit("b1", Side.BUY, Offset.OPEN, 6)
    account.fill("c1", 6)
    account.roll()
    assert account.submit("b2", Side.BUY, Offset.OPEN, 4)
    account.fill("c2", 4)
    # Six of yesterday, four of today, two bots that want all of each.
    assert account.submit("b1", Side.SELL, Offset.CLOSETODAY, 3)
    assert not account.submit("b2", Side.SELL, Offset.CLOSETODAY, 2)
    assert account.submit("b2", Side.SELL, Offset.CLOSETODAY, 1)
    assert account.submit("b2", Side.SELL, Offset.CLOSE, 5)
    assert not account.submit("b1", Side.SELL, Offset.CLOSEYESTERDAY, 2)
    account.end("c6", OrderStatus.CANCELLED)
    assert account.submit("b1", Side.SELL, Offset.CLOSE, 6)
    codes = {order.reason for order in account.desk.register.orders.values() if order.status is OrderStatus.RISK_REJECTED}
    assert codes == {"OVER_CLOSETODAY", "OVER_CLOSEYESTERDAY"}
    assert account.desk.exposure.books["a"].opening_equity == Decimal(1_000_000)
