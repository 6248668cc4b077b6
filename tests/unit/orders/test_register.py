"""The register: facts in, the state of every order out, whatever comes twice, late or in the wrong order."""

from typing import Any

import msgspec
import pytest
from tests.order_path import DAY, PRICE, an_intent, instrument

from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.report import DayReport, OrderReport, Report, TradeReport
from tradepit.trading.model.terms import OrderStatus, Side, TradingState
from tradepit.trading.model.trade import Trade
from tradepit.trading.orders import events as facts
from tradepit.trading.orders.register import OrderRegister

C1 = ("A1", "c1")
S = OrderStatus


def an_order(status: OrderStatus, traded: int = 0, *, intent: OrderIntent | None = None, **more: Any) -> Order:
    intent = intent or an_intent()
    left = 0 if status.terminal else intent.volume_lots - traded
    told = Order(intent=intent, status=status, order_id="V1", traded_lots=traded, left_lots=left)
    return msgspec.structs.replace(told, **more)


def a_trade(number: int = 1, lots: int = 1, *, side: Side = Side.BUY, day: int = DAY, intent: OrderIntent | None = None) -> Trade:
    intent = intent or an_intent()
    return Trade(
        trade_id=f"T{number}",
        order_id="V1",
        client_order_id=intent.client_order_id,
        account=intent.account,
        symbol=intent.symbol,
        exchange=intent.exchange,
        side=side,
        offset=intent.offset,
        price_ticks=PRICE,
        volume_lots=lots,
        time_ns=1,
        trading_day=day,
    )


class Told:
    """A register and short words for telling it things."""

    def __init__(self) -> None:
        self.register = OrderRegister()

    def accept(self, intent: OrderIntent | None = None) -> "Told":
        intent = intent or an_intent()
        key = {"account": intent.account, "client_order_id": intent.client_order_id}
        self.register.apply(facts.OrderAccepted(time_ns=1, intent=intent))
        self.register.apply(facts.OrderSending(time_ns=2, epoch=1, **key))
        return self

    def order(self, order: Order, through: int = 0, day: int = DAY) -> "Told":
        return self.report(OrderReport(sequence=through, time_ns=3, trading_day=day, order=order), through)

    def trade(self, trade: Trade) -> "Told":
        return self.report(TradeReport(sequence=0, time_ns=3, trading_day=trade.trading_day, trade=trade))

    def day(self, new: int, settled: int) -> "Told":
        return self.report(DayReport(sequence=0, time_ns=3, trading_day=new, settled_day=settled, settlement_prices={}))

    def report(self, report: Report, through: int = 0) -> "Told":
        self.register.apply(facts.ReportApplied(time_ns=3, report=report, through=through))
        return self

    @property
    def now(self) -> tuple[OrderStatus, int, int]:
        order = self.register.orders[C1]
        return order.status, order.traded_lots, order.left_lots


@pytest.fixture
def told() -> Told:
    return Told()


def test_the_life_of_an_order_on_its_way(told: Told) -> None:
    register = told.register
    register.apply(facts.OrderAccepted(time_ns=1, intent=an_intent()))
    assert told.now == (S.PENDING_NEW, 0, 5)
    assert (list(register.working), list(register.in_doubt)) == ([C1], [])
    register.apply(facts.OrderSending(time_ns=2, account="A1", client_order_id="c1", epoch=1))
    assert told.now == (S.SENDING, 0, 5)
    register.apply(facts.OrderUnknown(time_ns=3, account="A1", client_order_id="c1", reason="TIMEOUT"))
    assert (register.orders[C1].status, register.orders[C1].reason, list(register.in_doubt)) == (S.UNKNOWN, "TIMEOUT", [C1])
    told.order(an_order(S.OPEN), through=7)
    assert (told.now, register.in_doubt, register.report_sequence) == ((S.OPEN, 0, 5), {}, 7)
    assert register.by_order_id == {"V1": C1}
    told.order(an_order(S.FILLED, 5))
    assert (register.working, told.now) == ({}, (S.FILLED, 5, 0))


@pytest.mark.parametrize("status", [S.OPEN, S.PARTIAL, S.FILLED, S.CANCELLED, S.REJECTED])
def test_doubt_comes_too_late_for_what_is_known(told: Told, status: OrderStatus) -> None:
    told.accept().order(an_order(status, 5 if status is S.FILLED else 1 if status is S.PARTIAL else 0))
    before = told.now
    told.register.apply(facts.OrderUnknown(time_ns=3, account="A1", client_order_id="c1", reason="TIMEOUT"))
    told.register.apply(facts.OrderSending(time_ns=3, account="A1", client_order_id="c1", epoch=2))
    assert told.now == before
    assert told.register.in_doubt == {}


def test_facts_about_orders_not_known_change_nothing(told: Told) -> None:
    key = {"account": "A1", "client_order_id": "c9"}
    told.register.apply(facts.OrderUnknown(time_ns=3, reason="x", **key))
    told.register.apply(facts.OrderSending(time_ns=3, epoch=2, **key))
    told.register.apply(facts.CancelRequested(time_ns=3, **key))
    told.register.apply(facts.AlgoControlled(time_ns=3, algo_id="a", action="pause", body="{}"))
    told.register.apply(facts.AlgoEnded(time_ns=3, algo_id="a", state="DONE", filled_lots=1))
    assert (told.register.orders, told.register.cancel_wanted, told.register.algos) == ({}, set(), {})


def test_a_refusal_is_kept_with_its_reason(told: Told) -> None:
    refused = facts.OrderRefused(time_ns=1, intent=an_intent(), code="TOO_MANY", rule="r", limit="1", value="5", message="no")
    told.register.apply(refused)
    order = told.register.orders[C1]
    assert (order.status, order.reason, order.message, order.left_lots) == (S.RISK_REJECTED, "TOO_MANY", "no", 0)
    assert told.register.working == {}


@pytest.mark.parametrize(
    ("known", "news", "after"),
    [
        # Later, whatever was heard of it before.
        ((S.SENDING, 0), (S.SUBMITTED, 0), (S.SUBMITTED, 0, 5)),
        ((S.SUBMITTED, 0), (S.OPEN, 0), (S.OPEN, 0, 5)),
        ((S.UNKNOWN, 0), (S.REJECTED, 0), (S.REJECTED, 0, 0)),
        ((S.OPEN, 0), (S.PARTIAL, 2), (S.PARTIAL, 2, 3)),
        ((S.PARTIAL, 2), (S.CANCELLED, 2), (S.CANCELLED, 2, 0)),
        ((S.PARTIAL, 2), (S.CANCELLED, 3), (S.CANCELLED, 3, 0)),
        # Old news.
        ((S.OPEN, 0), (S.SUBMITTED, 0), (S.OPEN, 0, 5)),
        ((S.PARTIAL, 3), (S.PARTIAL, 2), (S.PARTIAL, 3, 2)),
        ((S.PARTIAL, 3), (S.OPEN, 0), (S.PARTIAL, 3, 2)),
        ((S.PARTIAL, 3), (S.CANCELLED, 2), (S.PARTIAL, 3, 2)),
        ((S.FILLED, 5), (S.PARTIAL, 2), (S.FILLED, 5, 0)),
        ((S.CANCELLED, 2), (S.PARTIAL, 2), (S.CANCELLED, 2, 0)),
        ((S.CANCELLED, 2), (S.OPEN, 0), (S.CANCELLED, 2, 0)),
        # A broker that does not know either says nothing new.
        ((S.SENDING, 0), (S.UNKNOWN, 0), (S.SENDING, 0, 5)),
        # A late fill counts and does not open a finished order again.
        ((S.CANCELLED, 2), (S.CANCELLED, 3), (S.CANCELLED, 3, 0)),
        ((S.CANCELLED, 2), (S.PARTIAL, 3), (S.CANCELLED, 3, 0)),
        ((S.EXPIRED, 0), (S.PARTIAL, 3), (S.EXPIRED, 3, 0)),
        ((S.CANCELLED, 2), (S.FILLED, 5), (S.FILLED, 5, 0)),
        # The broker traded what was taken for rejected: it was not.
        ((S.REJECTED, 0), (S.PARTIAL, 2), (S.PARTIAL, 2, 3)),
    ],
)
def test_what_is_later(
    told: Told, known: tuple[OrderStatus, int], news: tuple[OrderStatus, int], after: tuple[OrderStatus, int, int]
) -> None:
    told.accept()
    told.register._enter(an_order(*known))
    report = OrderReport(sequence=0, time_ns=1, trading_day=DAY, order=an_order(*news))
    changed = told.register.orders[C1]
    new = told.register.is_new(report)
    told.report(report)
    assert told.now == after
    assert new is (told.register.orders[C1] is not changed)
    assert (C1 in told.register.working) is told.register.orders[C1].active
    assert not told.register.is_new(report)


def test_a_reduction_is_news(told: Told) -> None:
    told.accept().order(an_order(S.OPEN)).order(an_order(S.OPEN, left_lots=2))
    assert told.now == (S.OPEN, 0, 2)
    told.order(an_order(S.OPEN))
    assert told.now == (S.OPEN, 0, 2)


def test_a_trade_counts_once_by_day_exchange_number_and_side(told: Told) -> None:
    told.accept()
    for _ in range(3):
        told.trade(a_trade(1, 2))
    told.trade(a_trade(2, 1))
    # Both sides of one match share the number; the next day may use it again.
    told.trade(a_trade(1, 2, side=Side.SELL)).trade(a_trade(1, 2, day=20250107))
    assert told.register.trade_lots == {C1: 7}
    again = TradeReport(sequence=9, time_ns=1, trading_day=DAY, trade=a_trade(1, 2))
    assert not told.register.is_new(again)
    assert told.register.is_new(TradeReport(sequence=9, time_ns=1, trading_day=DAY, trade=a_trade(3)))


def test_an_order_somebody_else_placed_is_known_from_its_report(told: Told) -> None:
    other = an_intent("x", account="A2")
    told.order(an_order(S.OPEN, intent=other), through=1)
    assert list(told.register.working) == [("A2", "cx")]


def test_reading_never_goes_back(told: Told) -> None:
    told.order(an_order(S.OPEN), through=5).order(an_order(S.PARTIAL, 1), through=0).order(an_order(S.PARTIAL, 2), through=4)
    assert told.register.report_sequence == 5


def test_a_cancel_is_wanted_until_the_order_is_finished(told: Told) -> None:
    wish = facts.CancelRequested(time_ns=1, account="A1", client_order_id="c1")
    told.accept().register.apply(wish)
    assert told.register.cancel_wanted == {C1}
    told.order(an_order(S.CANCELLED))
    assert told.register.cancel_wanted == set()
    told.register.apply(wish)
    assert told.register.cancel_wanted == set()


def test_terms_instruments_accounts_states(told: Told) -> None:
    register = told.register
    register.apply(facts.TermBegan(time_ns=1, epoch=3, holder="x"))
    register.apply(facts.TermBegan(time_ns=1, epoch=2, holder="y"))
    register.apply(facts.InstrumentKnown(time_ns=1, instrument=instrument(), reference="3900"))
    register.apply(facts.AccountKnown(time_ns=1, account="A1", equity="5"))
    register.apply(facts.StateSet(time_ns=1, scope="global", state=TradingState.HALTED, who="me", reason=""))
    assert (register.epoch, list(register.instruments), register.accounts) == (3, ["IF2501"], {"A1"})
    assert register.states == {"global": TradingState.HALTED}


def an_algo(algo_id: str = "twap") -> facts.AlgoAccepted:
    return facts.AlgoAccepted(time_ns=1, algo_id=algo_id, account="A1", topic="orders.algo.twap", body="{}")


def test_an_algorithm_its_controls_its_children_and_its_end(told: Told) -> None:
    register = told.register
    register.apply(an_algo())
    register.apply(an_algo())
    register.apply(facts.AlgoControlled(time_ns=1, algo_id="twap", action="pause", body='{"action":"pause"}'))
    told.accept(an_intent(1, reference="twap")).accept(an_intent(2, reference="other"))
    register.apply(facts.AlgoEnded(time_ns=1, algo_id="twap", state="DONE", filled_lots=3))
    record = register.algos["twap"]
    assert (record.state, record.filled_lots, record.controls) == ("DONE", 3, ['{"action":"pause"}'])
    assert list(register.children["twap"]) == [C1]
    assert "other" not in register.children


# Days


def finished(told: Told, number: int, day: int, **more: Any) -> tuple[str, str]:
    intent = an_intent(number, lots=1, **more)
    told.accept(intent).order(an_order(S.FILLED, 1, intent=intent, order_id=f"V{number}"), day=day)
    told.trade(a_trade(number, 1, day=day, intent=intent))
    return ("A1", f"c{number}")


def test_the_day_comes_from_the_settlements_alone(told: Told) -> None:
    finished(told, 1, DAY)
    assert told.register.trading_day == DAY
    # A report that names the next day does not make the settlement old news.
    told.order(an_order(S.OPEN, intent=an_intent(2)), day=20250107)
    settlement = DayReport(sequence=0, time_ns=3, trading_day=20250107, settled_day=DAY, settlement_prices={})
    assert told.register.is_new(settlement)
    told.report(settlement)
    assert told.register.trading_day == 20250107
    assert not told.register.is_new(settlement)
    told.day(20250103, 20250102)
    assert told.register.trading_day == 20250107


def test_what_finished_is_known_for_two_days(told: Told) -> None:
    first = finished(told, 1, DAY)
    told.day(20250107, DAY)
    second = finished(told, 2, 20250107)
    assert set(told.register.orders) == {first, second}
    told.day(20250108, 20250107)
    assert set(told.register.orders) == {second}
    assert told.register.trade_lots == {second: 1}
    assert list(told.register.by_order_id) == ["V2"]
    assert list(told.register.trade_ids) == [20250107]
    told.day(20250109, 20250108)
    assert (told.register.orders, told.register.trade_lots, told.register.trade_ids) == ({}, {}, {})


def test_what_works_or_is_in_doubt_stays_however_old(told: Told) -> None:
    told.accept(an_intent(1))
    told.accept(an_intent(2)).order(an_order(S.OPEN, intent=an_intent(2)))
    told.order(an_order(S.OPEN, intent=an_intent(3)))
    for day in (20250107, 20250108, 20250109):
        told.day(day, day - 1)
    assert set(told.register.orders) == {("A1", "c1"), ("A1", "c2"), ("A1", "c3")}
    assert told.register.orders[C1].status is S.SENDING
    told.order(an_order(S.EXPIRED), day=20250109)
    told.day(20250110, 20250109).day(20250113, 20250110)
    assert C1 not in told.register.orders


def test_children_stay_while_their_algorithm_runs_and_two_days_longer(told: Told) -> None:
    register = told.register
    register.apply(an_algo())
    child = finished(told, 1, DAY, reference="twap")
    for day in (20250107, 20250108):
        told.day(day, day - 1)
    assert child in register.orders
    assert register.children["twap"][child].traded_lots == 1
    ended = facts.AlgoEnded(time_ns=1, algo_id="twap", state="DONE", filled_lots=1)
    register.apply(ended)
    register.apply(ended)
    told.day(20250109, 20250108)
    assert "twap" in register.algos
    told.day(20250110, 20250109)
    assert (register.algos, register.children, register.orders) == ({}, {}, {})


def test_orders_before_the_first_report_belong_to_its_day(told: Told) -> None:
    refused = facts.OrderRefused(time_ns=1, intent=an_intent(9), code="TOO_MANY", rule="r", limit="1", value="5", message="no")
    told.register.apply(refused)
    finished(told, 1, DAY)
    told.day(20250107, DAY)
    assert len(told.register.orders) == 2
    told.day(20250108, 20250107)
    assert told.register.orders == {}


def test_a_settlement_may_be_the_first_thing_heard(told: Told) -> None:
    told.accept(an_intent(1))
    told.day(20250107, DAY)
    assert told.register.trading_day == 20250107
    assert C1 in told.register.orders


def test_a_register_without_any_day_keeps_everything(told: Told) -> None:
    told.order(an_order(S.FILLED, 5), day=0)
    assert told.register.trading_day == 0
    assert C1 in told.register.orders
