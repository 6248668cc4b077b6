"""The dry run of a rule: with the limits that were in force nothing differs; with others exactly what a plain count says."""

import random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.property.test_desk_snapshot import a_tick
from tests.unit.risk.conftest import RB

from tradepit.trading.model.errors import BadRequest
from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.report import DayReport, OrderReport, Report, TradeReport
from tradepit.trading.model.terms import Exchange, Offset, OrderStatus, OrderType, SessionPhase, Side, TradingState
from tradepit.trading.model.tick import Tick
from tradepit.trading.model.trade import Trade
from tradepit.trading.orders import events as facts
from tradepit.trading.orders.desk import OrderDesk
from tradepit.trading.orders.dry_run import ACCEPTED, BLIND, DryRun, DryRunResult
from tradepit.trading.risk.rules import RULES, load_rules

DAY = 20250102
S = 1_000_000_000
CONFIGURED: dict[str, Any] = {
    "order_size": {"max_lots": 7},
    "position_limit": {"max_long": 25, "max_short": 25},
    "working_cap": {"max_per_symbol": 5},
    "rate": {"orders_per_s": 2, "order_burst": 6},
    "bot_lots": {"policy": "refuse"},
    "permission": {"bots": {"b1": ["a"], "b2": ["a"]}},
}
PIPELINE = load_rules(CONFIGURED)
JUDGED = sorted({rule.name for rule in RULES} - BLIND)


class Recorded:
    """A few trading days at a desk, and the journal it kept."""

    def __init__(self, seed: int, orders: int = 120, *, market: bool = False) -> None:
        self.ticks: list[Tick] = []
        self.chance, self.desk, self.journal = random.Random(seed), OrderDesk(PIPELINE), list[facts.Fact]()
        self.now_ns, self.sequence, self.day = 1, 0, DAY
        self.working: dict[str, tuple[OrderIntent, int]] = {}
        self.tell(facts.InstrumentKnown(time_ns=1, instrument=RB, reference="3300"))
        self.tell(facts.AccountKnown(time_ns=1, account="a", equity="1000000"))
        self.roll()
        for number in range(orders):
            self.now_ns += self.chance.choice((0, S // 10, S))
            if not market:
                self.desk.exposure.on_phase(RB.symbol, SessionPhase.CONTINUOUS)
            elif not self.ticks or self.chance.random() < 0.5:
                self.tick()
            self.order(number)
            for _ in range(self.chance.randrange(3)):
                self.happen()

    def tell(self, *news: facts.Fact) -> None:
        for fact in news:
            self.desk.apply(fact)
            self.journal.append(fact)

    def tick(self) -> None:
        self.now_ns += 1
        last = 3300 + self.chance.randint(-60, 60)
        phase = self.chance.choice((SessionPhase.CONTINUOUS,) * 5 + (SessionPhase.BREAK,))
        tick = replace(
            a_tick(RB.symbol, last, self.now_ns),
            exchange=Exchange.SHFE,
            phase=phase,
            upper_limit_ticks=3630,
            lower_limit_ticks=2970,
        )
        self.ticks.append(tick)
        self.desk.exposure.on_tick(replace(tick, trading_day=self.desk.register.trading_day))
        self.now_ns += 1

    def order(self, number: int) -> None:
        chance = self.chance
        intent = OrderIntent(
            client_order_id=f"c{number}", account="a", symbol=RB.symbol, exchange=Exchange.SHFE, side=chance.choice(list(Side)),
            offset=chance.choice((Offset.OPEN, Offset.OPEN, Offset.CLOSETODAY, Offset.CLOSE)), order_type=OrderType.LIMIT,
            price_ticks=3300 + chance.randint(-5, 5), volume_lots=chance.randint(1, 8), bot=chance.choice(("", "b1", "b2", "b3")),
            sequence=number + 1, created_ns=self.now_ns - chance.choice((0, 0, 0, 6 * S)) if chance.random() < 0.5 else 0,
        )  # fmt: skip
        approved, news = self.desk.decide(intent, self.now_ns, 1)
        self.tell(*news)
        if approved is not None:
            self.working[intent.client_order_id] = intent, intent.volume_lots

    def happen(self) -> None:
        what = self.chance.random()
        if what < 0.02:
            self.roll()
        elif what < 0.05:
            state = self.chance.choice(list(TradingState))
            self.tell(facts.StateSet(time_ns=self.now_ns, scope="bot:b1", state=state, who="me", reason="x"))
        elif what < 0.08:
            limits = self.chance.choice(("{}", '{"order_size":{"max_lots":4}}', '{"working_cap":{"max_per_symbol":3}}'))
            self.tell(facts.LimitsSet(time_ns=self.now_ns, scope="bot:b2", limits=limits, who="me", reason="x"))
        elif self.working:
            name = self.chance.choice(sorted(self.working))
            if what < 0.4:
                self.end(name, self.chance.choice((OrderStatus.CANCELLED, OrderStatus.CANCELLED, OrderStatus.REJECTED)))
            else:
                self.fill(name)

    def fill(self, name: str) -> None:
        intent, left = self.working[name]
        lots = self.chance.randint(1, left)
        trade = Trade(
            trade_id=f"t{self.sequence}", order_id="1", client_order_id=name, account="a", symbol=RB.symbol,
            exchange=Exchange.SHFE, side=intent.side, offset=intent.offset, price_ticks=3300, volume_lots=lots, time_ns=1,
            trading_day=self.day,
        )  # fmt: skip
        self.report(TradeReport(sequence=self.sequence, time_ns=1, trading_day=self.day, trade=trade))
        if lots == left:
            self.end(name, OrderStatus.FILLED, traded=lots)
        else:
            self.working[name] = intent, left - lots

    def end(self, name: str, status: OrderStatus, traded: int = 0) -> None:
        intent, left = self.working.pop(name)
        order = Order(intent=intent, status=status, order_id="1", traded_lots=intent.volume_lots - left + traded, left_lots=0)
        self.report(OrderReport(sequence=self.sequence, time_ns=1, trading_day=self.day, order=order))

    def roll(self) -> None:
        for name in sorted(self.working):
            self.end(name, OrderStatus.EXPIRED)
        settled, self.day = self.day, self.day + 1
        told = DayReport(
            sequence=self.sequence, time_ns=1, trading_day=self.day, settled_day=settled, settlement_prices={RB.symbol: "3300"}
        )
        self.report(told)

    def report(self, report: Report) -> None:
        self.sequence += 1
        self.tell(facts.ReportApplied(time_ns=self.now_ns, report=msgspec.structs.replace(report, sequence=self.sequence)))

    def judged(self, rule: str, limits: dict[str, Any] | None, scope: str = "global") -> list[DryRunResult]:
        """All days, from the journal as bytes."""
        dry = DryRun(PIPELINE, rule=rule, scope=scope, limits=limits)
        decoder = msgspec.json.Decoder(facts.Fact)
        ticks = iter(self.ticks)
        waiting = next(ticks, None)
        for fact in self.journal:
            while waiting is not None and waiting.time_ns <= fact.time_ns:
                dry.see(waiting)
                waiting = next(ticks, None)
            dry.fold(decoder.decode(msgspec.json.encode(fact)))
        return [dry.result(day) for day in dry.days]


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), rule=st.sampled_from([each.name for each in RULES]))
def test_with_unchanged_limits_no_decision_differs(seed: int, rule: str) -> None:
    recorded = Recorded(seed)
    results = recorded.judged(rule, CONFIGURED.get(rule, {}))
    assert [result.differences for result in results] == [[] for _ in results]
    assert sum(result.orders for result in results) == 120
    refused = [fact for fact in recorded.journal if isinstance(fact, facts.OrderRefused)]
    assert sum(result.refused for result in results) == len(refused)
    if rule in JUDGED:
        # And every decision of this rule could be made again from the journal alone.
        assert sum(result.unsure for result in results) == 0


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), rule=st.sampled_from(sorted(BLIND)))
def test_with_the_recorded_market_rules_of_price_and_session_decide_as_they_did(seed: int, rule: str) -> None:
    results = Recorded(seed, market=True).judged(rule, CONFIGURED.get(rule, {}))
    assert [(result.differences, result.unsure, result.blind) for result in results] == [([], 0, False) for _ in results]


def test_another_collar_is_judged_by_the_recorded_market() -> None:
    recorded = Recorded(5, market=True)
    away = {"max_away": "0.001", "max_away_ticks": 3}
    found = [each for result in recorded.judged("collar", away) for each in result.differences]
    assert {each.would for each in found} == {"PRICE_COLLAR"}
    # Some passed, others were refused by rules that are asked later.
    assert {ACCEPTED, "SELF_TRADE"} <= {each.was for each in found}
    intents = {fact.intent.client_order_id: fact for fact in recorded.journal if isinstance(fact, facts.OrderAccepted)}
    for fact in [intents[each.client_order_id] for each in found if each.was == ACCEPTED]:
        last = next(tick.last_ticks for tick in reversed(recorded.ticks) if tick.time_ns <= fact.time_ns)
        beyond = fact.intent.price_ticks - last if fact.intent.side is Side.BUY else last - fact.intent.price_ticks
        assert beyond > 3


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), most=st.integers(0, 12))
def test_another_limit_changes_what_a_plain_count_says(seed: int, most: int) -> None:
    recorded = Recorded(seed)
    found = {
        each.client_order_id: each for result in recorded.judged("order_size", {"max_lots": most}) for each in result.differences
    }
    desk = OrderDesk(PIPELINE)
    for fact in recorded.journal:
        if isinstance(fact, facts.OrderAccepted | facts.OrderRefused):
            intent = fact.intent
            spared = desk.exposure.reduces(intent)
            over = intent.volume_lots > most and not spared
            told = found.pop(intent.client_order_id, None)
            if isinstance(fact, facts.OrderAccepted):
                assert (told is not None) is over
                if told is not None:
                    assert (told.was, told.would, told.rule, told.limit, told.value) == (
                        ACCEPTED, "QUANTITY_EXCEEDS_MAXIMUM", "order_size", str(most), str(intent.volume_lots),
                    )  # fmt: skip
            elif told is not None:
                assert (told.was == "QUANTITY_EXCEEDS_MAXIMUM") is not over
        desk.apply(fact, replayed=True)
    assert not found


def test_a_scope_of_its_own_is_tightened_alone_and_stays_so() -> None:
    recorded = Recorded(7)
    results = recorded.judged("order_size", {"max_lots": 0}, "bot:b2")
    differences = [each for result in results for each in result.differences]
    assert differences
    assert {each.bot for each in differences} == {"b2"}
    assert recorded.judged("order_size", {"max_lots": 0}, "bot:b2") == results


def test_a_lifted_limit_shows_what_would_have_stopped_the_order_next() -> None:
    lifted = [each for seed in range(6) for result in Recorded(seed).judged("rate", {"order_burst": 999, "orders_per_s": 999})
              for each in result.differences]  # fmt: skip
    assert {each.was for each in lifted} == {"RATE_LIMIT_EXCEEDED"}
    assert ACCEPTED in {each.would for each in lifted}


@pytest.mark.parametrize(("rule", "limits"), [("nothing", {}), ("order_size", {"max_lots": -1}), ("margin", {"none": 1})])
def test_limits_that_cannot_be_set_are_refused(rule: str, limits: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        DryRun(PIPELINE, rule=rule, scope="global", limits=limits)
