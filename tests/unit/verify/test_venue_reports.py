"""The exchange's events journal against itself."""

from copy import deepcopy
from typing import TYPE_CHECKING

import pytest

from tradepit.verify import UnreadableError

if TYPE_CHECKING:
    from tests.unit.verify.conftest import Paper

TRADE_B1, STATE_B1, TRADE_S1, STATE_S1 = 2, 3, 4, 5


def test_a_gap_in_the_reports_is_unexplained(traded: "Paper") -> None:
    traded.submit(traded.accept("b2"))
    traded.reports[-1]["sequence"] = 8
    traded.facts[-1][1]["report"]["sequence"] = traded.facts[-1][1]["through"] = 8
    assert traded.found() == [("UNEXPLAINED", "REPORT_GAP", "")]


def test_reports_whose_time_falls_are_unexplained(traded: "Paper") -> None:
    traded.reports[-1]["time_ns"] -= 5_000_000
    assert traded.found() == [("UNEXPLAINED", "REPORT_TIME_FELL", "")]


def test_a_trade_and_side_told_twice_is_a_duplicate(traded: "Paper") -> None:
    twice = deepcopy(traded.reports[TRADE_B1])
    traded.reports.append(twice | {"sequence": 7, "time_ns": traded.reports[-1]["time_ns"]})
    assert traded.found() == [("DUPLICATED", "TRADE_TWICE", "b1")]


def test_a_second_order_for_one_id_is_a_duplicate(traded: "Paper") -> None:
    traded.begin_term()
    traded.submit(traded.orders["b1"]["intent"])
    assert ("DUPLICATED", "SECOND_ORDER", "b1") in traded.found()


def test_more_traded_than_asked_for_is_a_duplicate(traded: "Paper") -> None:
    traded.match("b1", "s1", 2)
    assert {(kind, code) for kind, code, _ in traded.found()} >= {("DUPLICATED", "OVERFILLED")}


@pytest.mark.parametrize(("name", "price"), [("b1", 19001), ("s1", 18999)])
def test_a_trade_outside_the_limit_is_unexplained(traded: "Paper", name: str, price: int) -> None:
    traded.change_report(TRADE_B1, price_ticks=price)
    traded.change_report(TRADE_S1, price_ticks=price)
    assert traded.found() == [("UNEXPLAINED", "OUTSIDE_LIMIT", name)]


def test_a_market_order_has_no_limit(paper: "Paper") -> None:
    paper.submit(paper.accept("b1"))
    paper.submit(paper.accept("s1", side="SELL", order_type="MARKET", price_ticks=0))
    paper.match("b1", "s1", 3)
    assert paper.found(strict=True) == []


@pytest.mark.parametrize("change", [{"price_ticks": 18990}, {"symbol": "IF2502"}, {"volume_lots": 1}])
def test_sides_of_a_trade_that_differ_are_unexplained(traded: "Paper", change: dict[str, object]) -> None:
    traded.change_report(TRADE_B1, **change)
    assert ("UNEXPLAINED", "SIDES_DIFFER", "s1") in traded.found()


def test_a_trade_of_no_order_is_unexplained(traded: "Paper") -> None:
    traded.change_report(TRADE_B1, client_order_id="nobody")
    assert ("UNEXPLAINED", "TRADE_OF_NO_ORDER", "nobody") in traded.found()


def test_a_trade_under_another_orders_id_is_unexplained(traded: "Paper") -> None:
    traded.change_report(TRADE_B1, order_id="other")
    assert traded.found() == [("UNEXPLAINED", "TRADE_OF_OTHER_ORDER", "b1")]


def test_a_trade_without_lots_is_unexplained(traded: "Paper") -> None:
    for trade, state in ((TRADE_B1, STATE_B1), (TRADE_S1, STATE_S1)):
        traded.change_report(trade, volume_lots=0)
        traded.change_report(state, traded_lots=0, left_lots=3, status="OPEN")
    assert [(kind, code) for kind, code, _ in traded.found()] == [("UNEXPLAINED", "NO_LOTS")] * 2


def test_a_fill_after_the_end_is_unexplained(traded: "Paper") -> None:
    traded.reject(traded.accept("no"), "INSUFFICIENT_MONEY")
    traded.orders["no"]["left_lots"] = 3
    traded.match("no", "s1", 1)
    codes = [code for _, code, name in traded.found() if name == "no"]
    assert codes == ["FILL_AFTER_END", "REPORT_AFTER_END"]


def test_volumes_that_are_not_the_sum_of_trades_are_unexplained(traded: "Paper") -> None:
    traded.change_report(STATE_S1, traded_lots=1, left_lots=2)
    assert ("UNEXPLAINED", "TRADES_DO_NOT_SUM", "s1") in traded.found()


@pytest.mark.parametrize(
    "change",
    [
        {"status": "OPEN", "left_lots": 0},
        {"status": "FILLED", "left_lots": 1},
        {"status": "CANCELLED", "left_lots": 1, "reason": "X"},
    ],
)
def test_a_status_against_its_volumes_is_unexplained(traded: "Paper", change: dict[str, object]) -> None:
    traded.change_report(STATE_S1, **change)
    assert traded.found() == [("UNEXPLAINED", "STATUS_NOT_TRUE", "s1")]


def test_a_reduced_order_is_filled_with_less(traded: "Paper") -> None:
    traded.command("reduce", reduce_id="r", account="A1", client_order_id="b1", by_lots=1, session="om", epoch=1)
    traded.change("b1", "FILLED", left=0)
    assert traded.found(strict=True) == []


def test_a_state_that_goes_back_is_unexplained(traded: "Paper") -> None:
    traded.command("time")
    traded.change("b1", "PARTIAL", left=1)
    traded.orders["b1"]["left_lots"] = 1
    traded.command("time")
    traded.change("b1", "PARTIAL", left=0)
    traded.change_report(-1, left_lots=1)
    assert traded.found() == []
    traded.change_report(-2, left_lots=0, status="FILLED")
    assert ("UNEXPLAINED", "REPORT_AFTER_END", "b1") in traded.found()
    traded.change_report(STATE_B1, left_lots=1)
    traded.change_report(-2, left_lots=1, status="PARTIAL", traded_lots=1)
    assert ("UNEXPLAINED", "STATE_WENT_BACK", "b1") in traded.found()


def test_an_order_whose_terms_change_is_unexplained(traded: "Paper") -> None:
    traded.command("time")
    traded.change("b1", "CANCELLED", reason="SELF_TRADE")
    traded.change_report(-1, intent=traded.orders["b1"]["intent"] | {"price_ticks": 1})
    assert ("UNEXPLAINED", "ORDER_CHANGED", "b1") in traded.found()


def test_an_unknown_kind_of_report_cannot_be_read(traded: "Paper") -> None:
    traded.reports[-1]["kind"] = "rumour"
    with pytest.raises(UnreadableError, match="rumour"):
        traded.verify()


def test_settlement_days_are_ordinary_reports(traded: "Paper") -> None:
    traded.report("day", settled_day=20250106, settlement_prices={"IF2501": "3800"})
    assert traded.found(strict=True) == []
