"""The desk: it decides from what it knows, and the facts it returns are all that changes it."""

from typing import ClassVar

import msgspec
import pytest
from tests.order_path import DAY, START_NS, AtMostTen, an_intent, instrument
from tests.unit.orders.test_register import a_trade, an_order

from tradepit.trading.model.errors import DuplicateId
from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.report import DayReport, OrderReport, TradeReport
from tradepit.trading.model.terms import OrderStatus, SessionPhase, TradingState
from tradepit.trading.orders import events as facts
from tradepit.trading.orders.desk import OrderDesk
from tradepit.trading.risk.exposure import Exposure
from tradepit.trading.risk.holding import Holding
from tradepit.trading.risk.rate import Rate
from tradepit.trading.risk.refusal import Refused
from tradepit.trading.risk.rule import Rule
from tradepit.trading.risk.rules import default_rules

KEY = {"account": "A1", "client_order_id": "c1"}


class TooMuchLost(Rule, frozen=True, kw_only=True):
    """Refuses everything and asks for the account to be put into REDUCING."""

    name: ClassVar[str] = "too_much_lost"

    def check(self, intent: OrderIntent, exposure: Exposure, now_ns: int) -> Refused | None:
        return self.refuse("LOSS_CAP", limit=1, value=2, message="enough", escalate=TradingState.REDUCING)


def a_desk(*rules: Rule) -> OrderDesk:
    desk = OrderDesk(rules or (AtMostTen(),))
    desk.apply(facts.InstrumentKnown(time_ns=0, instrument=instrument(), reference="3900"))
    desk.apply(facts.AccountKnown(time_ns=0, account="A1", equity="1000000"))
    return desk


def holding(desk: OrderDesk) -> Holding:
    found = desk.exposure.holding("A1", "IF2501")
    assert found is not None
    return found


def tell(desk: OrderDesk, *reports: OrderReport | TradeReport | DayReport) -> None:
    for report in reports:
        desk.apply(facts.ReportApplied(time_ns=1, report=report))


def of_order(status: OrderStatus, traded: int = 0) -> OrderReport:
    return OrderReport(sequence=0, time_ns=1, trading_day=DAY, order=an_order(status, traded))


def of_trade(number: int, lots: int) -> TradeReport:
    return TradeReport(sequence=0, time_ns=1, trading_day=DAY, trade=a_trade(number, lots))


def test_deciding_changes_nothing_and_the_facts_change_everything() -> None:
    desk = a_desk()
    approved, news = desk.decide(an_intent(), 5, 3)
    assert approved is not None
    assert approved.intent == an_intent()
    assert [type(fact).__name__ for fact in news] == ["OrderAccepted", "OrderSending"]
    assert (desk.register.orders, desk.exposure.holding("A1", "IF2501")) == ({}, None)
    for fact in news:
        desk.apply(fact)
    assert desk.register.orders[("A1", "c1")].status is OrderStatus.SENDING
    assert holding(desk).long.opening == 5


def test_a_refusal_says_rule_limit_and_value() -> None:
    desk = a_desk()
    approved, news = desk.decide(an_intent(lots=11), 5, 3)
    refused = facts.OrderRefused(
        time_ns=5,
        intent=an_intent(lots=11),
        code="TOO_MANY",
        rule="at_most_ten",
        limit="10",
        value="11",
        message="more than ten lots",
    )
    assert (approved, news) == (None, (refused,))


def test_without_rules_nothing_passes() -> None:
    desk = OrderDesk(())
    approved, news = desk.decide(an_intent(), 5, 3)
    assert approved is None
    assert isinstance(news[0], facts.OrderRefused)
    assert news[0].code == "RULE_FAILED"


def test_a_rule_that_escalates_sets_the_accounts_state_once() -> None:
    desk = a_desk(TooMuchLost())
    _, news = desk.decide(an_intent(), 5, 3)
    assert [type(fact).__name__ for fact in news] == ["OrderRefused", "StateSet"]
    for fact in news:
        desk.apply(fact)
    assert desk.exposure.states == {"account:A1": TradingState.REDUCING}
    assert len(desk.decide(an_intent(2), 5, 3)[1]) == 1
    desk.apply(facts.StateSet(time_ns=1, scope="account:A1", state=TradingState.HALTED, who="me", reason=""))
    assert len(desk.decide(an_intent(3), 5, 3)[1]) == 1


def test_a_known_id_is_the_same_order_or_a_duplicate() -> None:
    desk = a_desk()
    assert desk.known(an_intent()) is None
    desk.apply(facts.OrderAccepted(time_ns=1, intent=an_intent(created_ns=5)))
    known = desk.known(an_intent(created_ns=9))
    assert known is not None
    assert known.intent.created_ns == 5
    with pytest.raises(DuplicateId):
        desk.known(an_intent(lots=6))


@pytest.mark.parametrize("trades_first", [True, False])
def test_trades_and_orders_may_come_in_either_order(trades_first: bool) -> None:
    desk = a_desk()
    desk.apply(facts.OrderAccepted(time_ns=1, intent=an_intent()))
    trades = [of_trade(1, 2), of_trade(2, 3)]
    orders = [of_order(OrderStatus.PARTIAL, 2), of_order(OrderStatus.FILLED, 5)]
    tell(desk, *(trades + orders if trades_first else orders + trades))
    tell(desk, *trades, *orders)
    assert (holding(desk).long.today, holding(desk).long.opening, holding(desk).working) == (5, 0, {})


def test_a_late_fill_of_a_cancelled_order_moves_the_position_and_nothing_works_again() -> None:
    desk = a_desk()
    desk.apply(facts.OrderAccepted(time_ns=1, intent=an_intent()))
    tell(desk, of_order(OrderStatus.CANCELLED), of_trade(1, 2), of_order(OrderStatus.PARTIAL, 2))
    assert (holding(desk).long.today, holding(desk).long.opening, holding(desk).working) == (2, 0, {})
    assert desk.exposure.books["A1"].working_orders == 0
    order = desk.register.orders[("A1", "c1")]
    assert (order.status, order.traded_lots) == (OrderStatus.CANCELLED, 2)


def test_an_order_in_doubt_counts_as_working_until_it_is_settled() -> None:
    desk = a_desk()
    for fact in desk.decide(an_intent(), 1, 1)[1]:
        desk.apply(fact)
    desk.apply(facts.OrderUnknown(time_ns=2, reason="TIMEOUT", **KEY))
    assert (holding(desk).unknown, holding(desk).long.opening) == (["c1"], 5)
    tell(desk, of_order(OrderStatus.REJECTED))
    assert (holding(desk).unknown, holding(desk).long.opening) == ([], 0)
    desk.apply(facts.OrderUnknown(time_ns=2, account="A1", client_order_id="never", reason="TIMEOUT"))


def test_somebody_elses_order_counts_from_its_report_on() -> None:
    desk = a_desk()
    tell(desk, of_order(OrderStatus.OPEN))
    assert holding(desk).long.opening == 5
    tell(desk, of_order(OrderStatus.PARTIAL, 2), of_trade(1, 2))
    assert (holding(desk).long.today, holding(desk).long.opening) == (2, 3)


def test_a_settlement_makes_todays_lots_history_once() -> None:
    desk = a_desk()
    settlement = DayReport(sequence=9, time_ns=1, trading_day=20250107, settled_day=DAY, settlement_prices={"IF2501": "3905"})
    tell(desk, of_trade(1, 2), settlement)
    tell(desk, settlement)
    assert (holding(desk).long.today, holding(desk).long.yesterday) == (0, 2)
    assert desk.exposure.trading_day == 20250107
    assert not desk.is_new(settlement)


def test_replaying_rebuilds_the_request_buckets_too() -> None:
    rules = (Rate(orders_per_s=1, order_burst=2), AtMostTen())
    live, journal = a_desk(*rules), list[facts.Fact]()
    for number, lots in enumerate((5, 11)):
        _, news = live.decide(an_intent(number, lots=lots), 1, 1)
        for fact in news:
            live.apply(fact)
        journal += news
    replayed = a_desk(*rules)
    for fact in journal:
        replayed.apply(msgspec.json.decode(msgspec.json.encode(fact), type=facts.Fact), replayed=True)
    assert replayed.exposure == live.exposure
    assert live.decide(an_intent(7), 1, 1)[0] is None
    assert replayed.decide(an_intent(7), 1, 1)[0] is None


def test_a_bots_number_names_one_order() -> None:
    desk = a_desk()
    first = an_intent(1, bot="b", sequence=7)
    for fact in desk.decide(first, 5, 3)[1]:
        desk.apply(fact)
    again = an_intent("other-id", bot="b", sequence=7)
    known = desk.known(again)
    assert known is not None
    assert known.client_order_id == "c1"
    with pytest.raises(DuplicateId):
        desk.known(an_intent("other-id", bot="b", sequence=7, lots=6))
    assert desk.known(an_intent("next", bot="b", sequence=8)) is None
    assert desk.known(an_intent("other-id", bot="b2", sequence=7)) is None


def test_limits_are_facts_and_a_question_has_no_effect() -> None:
    desk = a_desk(*default_rules())
    opening = an_intent(lots=5, bot="b")
    desk.exposure.on_phase("IF2501", SessionPhase.CONTINUOUS)
    assert desk.evaluate(opening, START_NS) is None
    limits = desk.limits.changed("bot:b", {"order_size": {"max_lots": 4}})
    desk.apply(facts.LimitsSet(time_ns=9, scope="bot:b", limits=limits, who="risk", reason="new bot"))
    for _ in range(50):
        refused = desk.evaluate(opening, START_NS)
        assert refused is not None
        assert refused.code == "QUANTITY_EXCEEDS_MAXIMUM"
    assert desk.exposure.books["A1"].requests.day_orders == 0
    assert desk.limits.settings["bot:b"].who == "risk"


@pytest.mark.parametrize(("reason", "counted"), [("INSUFFICIENT_MONEY", 1), ("NOT_SENT", 0)])
def test_refusals_of_the_exchange_are_counted_lost_orders_are_not(reason: str, counted: int) -> None:
    desk = a_desk()
    for fact in desk.decide(an_intent(), 5, 3)[1]:
        desk.apply(fact)
    refused = msgspec.structs.replace(an_order(OrderStatus.REJECTED), intent=an_intent(), reason=reason)
    for _ in range(2):
        desk.apply(facts.ReportApplied(time_ns=7, report=OrderReport(sequence=0, time_ns=1, trading_day=DAY, order=refused)))
    assert len(desk.exposure.books["A1"].rejects.instants) == counted
