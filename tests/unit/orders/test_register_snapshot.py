"""The register in pieces: many small ones, which give the same register, odd corners included."""

import pytest
from tests.order_path import DAY, an_intent
from tests.unit.orders.test_register import Told, a_trade, an_order

from tradepit.trading.model.report import DayReport
from tradepit.trading.model.terms import OrderStatus
from tradepit.trading.orders import events as facts
from tradepit.trading.orders.register import OrderRegister
from tradepit.trading.orders.register_snapshot import FirstSeen, RegisterBuilder, Rest, Rows, Trades, take


def copy_of(register: OrderRegister) -> OrderRegister:
    builder = RegisterBuilder()
    for piece in take(register):
        builder.put(piece)
    return builder.register


def known(register: OrderRegister) -> dict[str, object]:
    state = {name: value for name, value in vars(register).items() if name != "_folds"}
    return state | {name: dict(state[name].days()) for name in ("first_seen", "ended_algos")}


def test_an_empty_register_is_one_piece() -> None:
    (piece,) = take(OrderRegister())
    assert isinstance(piece, Rest)
    assert known(copy_of(OrderRegister())) == known(OrderRegister())


def test_many_orders_are_many_pieces_and_none_is_long() -> None:
    told = Told()
    for number in range(2_500):
        told.accept(an_intent(number))
    pieces = list(take(told.register))
    assert [type(piece) for piece in pieces] == [Rows, Rows, Rows, FirstSeen, Rest]
    assert [len(piece.orders) for piece in pieces if isinstance(piece, Rows)] == [1_000, 1_000, 500]
    assert known(copy_of(told.register)) == known(told.register)
    assert list(copy_of(told.register).orders) == list(told.register.orders)


def test_what_no_order_tells_is_kept_too() -> None:
    """Two orders under one id of the venue, an id that changed, and a trade whose order was never told of."""
    told = Told()
    for number in (1, 2):
        told.accept(an_intent(number)).order(an_order(OrderStatus.OPEN, intent=an_intent(number)))
    told.accept(an_intent(3)).order(an_order(OrderStatus.OPEN, intent=an_intent(3), order_id="V3"))
    told.order(an_order(OrderStatus.PARTIAL, 1, intent=an_intent(3), order_id="V4"))
    told.trade(a_trade(1, 2, intent=an_intent("stranger")))
    register = told.register
    assert register.by_order_id == {"V1": ("A1", "c2"), "V3": ("A1", "c3"), "V4": ("A1", "c3")}
    assert register.trade_lots == {("A1", "cstranger"): 2}
    assert [type(piece) for piece in take(register)] == [Rows, FirstSeen, Trades, Rest]
    assert known(copy_of(register)) == known(register)


def test_a_child_that_left_its_family_stays_in_it() -> None:
    told = Told()
    told.register.apply(facts.AlgoAccepted(time_ns=1, algo_id="algo", account="A1", topic="t", body="{}"))
    child = an_intent(reference="algo")
    told.accept(child).order(an_order(OrderStatus.PARTIAL, 1, intent=an_intent(reference="other")))
    copied = copy_of(told.register)
    assert known(copied) == known(told.register)
    assert copied.children["algo"]["A1", "c1"].traded_lots == 0
    assert copied.working["A1", "c1"] is copied.orders["A1", "c1"]


def test_pieces_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(LookupError):
        RegisterBuilder().put(FirstSeen(day=DAY, places=[0]))
    with pytest.raises(ValueError, match="zip"):
        RegisterBuilder().put(Rows(orders=[], lots=[1], unnamed=[], unnumbered=[]))


def test_a_copy_forgets_as_the_register_does() -> None:
    told = Told().accept()
    told.order(an_order(OrderStatus.FILLED, 5)).trade(a_trade())
    copied = copy_of(told.register)
    for settled in (DAY, DAY + 1, DAY + 2):
        report = DayReport(sequence=1, time_ns=1, trading_day=settled + 1, settled_day=settled, settlement_prices={})
        for register in (told.register, copied):
            register.apply(facts.ReportApplied(time_ns=1, report=report))
        assert known(copied) == known(told.register)
    assert (copied.orders, copied.by_order_id, copied.trade_lots, copied.trade_ids) == ({}, {}, {}, {})
