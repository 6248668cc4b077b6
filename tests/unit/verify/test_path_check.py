"""Order management against the exchange: every lie about an order or a fill is found."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.verify.conftest import Paper


def test_an_order_the_exchange_never_heard_of_is_lost(paper: "Paper") -> None:
    paper.submit(paper.accept("gone"))
    paper.reports.clear()
    paper.commands.pop()
    paper.facts[-1][1]["through"] = paper.facts[-1][1]["report"]["sequence"] = 0
    assert paper.found() == [("LOST", "VENUE_FORGOT", "gone")]


def test_reports_that_vanished_from_the_exchange_are_lost(traded: "Paper") -> None:
    traded.reports = traded.reports[:-2]
    assert ("LOST", "REPORTS_GONE", "") in traded.found()


def test_a_doubt_is_lost_when_the_exchange_went_on_answering_others(paper: "Paper") -> None:
    paper.accept("stuck")
    for name in ("first", "second"):
        assert paper.found() == []
        paper.now += 11_000_000_000
        paper.submit(paper.accept(name), read=False)
        paper.answer(name)
    assert paper.found() == [("LOST", "NEVER_ARRIVED", "stuck")]


def test_a_doubt_stays_honest_while_the_exchange_answers_nobody(paper: "Paper") -> None:
    paper.accept("stuck")
    paper.now += 60_000_000_000
    paper.accept("stuck-too")
    assert paper.found() == []


def test_a_report_that_was_read_but_not_applied_is_lost(traded: "Paper") -> None:
    traded.submit(traded.accept("b2"))
    traded.forget("report_applied", -2 + len([row for _, row in traded.facts if row["fact"] == "report_applied"]))
    assert traded.found() == [("LOST", "REPORT_NOT_APPLIED", "s1")]


def test_an_order_still_in_doubt_though_its_report_was_read_is_lost(traded: "Paper") -> None:
    traded.submit(traded.accept("b2"))
    traded.forget("report_applied", 6)
    traded.submit(traded.accept("b3"))
    assert traded.found() == [("LOST", "REPORT_NOT_APPLIED", "b2")]


def test_a_fill_that_was_not_applied_is_lost(traded: "Paper") -> None:
    traded.forget("report_applied", 2)
    assert traded.found() == [("LOST", "FILL_NOT_APPLIED", "b1")]


def test_a_fill_that_the_exchange_never_made_is_unexplained(traded: "Paper") -> None:
    made = next(row for _, row in traded.facts if row["fact"] == "report_applied" and row["report"]["kind"] == "trade")
    made["report"]["trade"]["trade_id"] = "IF2501-20250106-T99"
    assert {(kind, code) for kind, code, _ in traded.found()} == {
        ("LOST", "FILL_NOT_APPLIED"),
        ("UNEXPLAINED", "FILL_OF_NOTHING"),
    }


@pytest.mark.parametrize(("field", "value"), [("volume_lots", 1), ("price_ticks", 18999), ("account", "A7"), ("order_id", "x")])
def test_a_fill_that_differs_is_unexplained(traded: "Paper", field: str, value: object) -> None:
    made = next(row for _, row in traded.facts if row["fact"] == "report_applied" and row["report"]["kind"] == "trade")
    made["report"]["trade"][field] = value
    assert [(kind, code) for kind, code, _ in traded.found()] == [("UNEXPLAINED", "FILL_DIFFERS")]


def test_a_state_the_exchange_never_had_is_unexplained(traded: "Paper") -> None:
    last = traded.facts[-1][1]["report"]["order"]
    last["status"], last["left_lots"], last["updated_ns"] = "CANCELLED", 0, 0
    traded.facts[-1][1]["report"]["sequence"] = 0
    assert traded.found() == [("UNEXPLAINED", "STATE_DIFFERS", "s1")]


def test_a_fill_of_an_order_that_counts_as_rejected_is_unexplained(traded: "Paper") -> None:
    applied = [row for _, row in traded.facts if row["fact"] == "report_applied" and row["report"]["kind"] == "order"]
    for row in applied:
        if row["report"]["order"]["intent"]["client_order_id"] == "b1":
            row["report"]["order"].update(status="REJECTED", left_lots=0, traded_lots=0, updated_ns=0)
            row["report"]["sequence"] = 0
    assert traded.found() == [("UNEXPLAINED", "STATE_DIFFERS", "b1")]


def test_an_order_refused_by_risk_but_alive_at_the_exchange_is_unexplained(paper: "Paper") -> None:
    paper.submit(paper.refuse("no"))
    assert paper.found() == [("UNEXPLAINED", "REFUSED_BUT_SENT", "no")]


def test_an_order_refused_by_risk_but_sent_is_unexplained(paper: "Paper") -> None:
    paper.send(paper.refuse("no"), epoch=1)
    paper.command("time")
    assert ("UNEXPLAINED", "REFUSED_BUT_SENT", "no") in paper.found()


def test_an_order_that_left_before_it_was_written_down_is_unexplained(paper: "Paper") -> None:
    paper.submit(paper.accept("early"))
    paper.forget("order_sending")
    assert paper.found() == [("UNEXPLAINED", "SENT_UNWRITTEN", "early")]


def test_a_command_nobody_accepted_is_unexplained(traded: "Paper") -> None:
    traded.send(traded.intent("ghost"))
    assert traded.found() == [("UNEXPLAINED", "COMMAND_OF_NO_INTENT", "ghost")]


def test_an_order_other_than_the_one_accepted_is_unexplained(paper: "Paper") -> None:
    paper.submit(paper.accept("more") | {"volume_lots": 4})
    applied = paper.facts[-1][1]["report"]["order"]
    assert applied["intent"]["volume_lots"] == 4
    assert paper.found() == [("UNEXPLAINED", "NOT_AS_ACCEPTED", "more")]


@pytest.mark.parametrize("change", [{"traded_lots": 2}, {"status": "CANCELLED"}, {"left_lots": 2}])
def test_a_numbered_report_written_down_otherwise_is_unexplained(paper: "Paper", change: dict[str, object]) -> None:
    paper.submit(paper.accept("b1"))
    paper.command("time")
    applied = paper.facts[-1][1]["report"]["order"]
    paper.change("b1", "EXPIRED", reason="DAY_ENDED")
    applied.update(change)
    assert ("UNEXPLAINED", "REPORT_DIFFERS", "b1") in paper.found()


def test_a_numbered_report_of_another_intent_is_unexplained(paper: "Paper") -> None:
    paper.submit(paper.accept("b1"))
    paper.facts[-1][1]["report"]["order"]["intent"]["volume_lots"] = 4
    assert paper.found() == [("UNEXPLAINED", "REPORT_DIFFERS", "b1")]


def test_another_order_id_is_unexplained(paper: "Paper") -> None:
    paper.submit(paper.accept("b1"))
    paper.facts[-1][1]["report"]["order"]["order_id"] = "elsewhere"
    assert paper.found() == [("UNEXPLAINED", "ORDER_ID_DIFFERS", "b1")]


def test_an_answer_ahead_of_the_stream_and_the_stream_behind_it_agree(paper: "Paper") -> None:
    paper.submit(paper.accept("b1"), read=False)
    paper.answer("b1")
    assert paper.found(strict=True) == []
