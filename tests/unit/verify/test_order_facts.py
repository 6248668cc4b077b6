"""Order management's journal against itself."""

from copy import deepcopy
from typing import TYPE_CHECKING

import pytest

from tradepit.verify import UnreadableError

if TYPE_CHECKING:
    from tests.unit.verify.conftest import Paper


def test_a_trade_applied_twice_is_a_duplicate(traded: "Paper") -> None:
    again = next(row for _, row in traded.facts if row["fact"] == "report_applied" and row["report"]["kind"] == "trade")
    traded.facts.append((1, deepcopy(again) | {"through": 6}))
    assert traded.found() == [("DUPLICATED", "FILL_APPLIED_TWICE", "b1")]


def test_an_intent_accepted_twice_is_a_duplicate(traded: "Paper") -> None:
    traded.fact("order_accepted", intent=traded.intent("b1"))
    assert traded.found() == [("DUPLICATED", "DECIDED_TWICE", "b1")]


def test_an_intent_accepted_and_refused_is_a_duplicate(traded: "Paper") -> None:
    traded.refuse("b1")
    assert traded.found() == [("DUPLICATED", "DECIDED_TWICE", "b1")]


def test_an_intent_sent_twice_is_a_duplicate(traded: "Paper") -> None:
    traded.fact("order_sending", account="A1", client_order_id="b1", epoch=1)
    assert traded.found() == [("DUPLICATED", "SENT_TWICE", "b1")]


def test_an_order_sent_without_acceptance_is_unexplained(paper: "Paper") -> None:
    paper.fact("order_sending", account="A1", client_order_id="b1", epoch=1)
    assert paper.found() == [("UNEXPLAINED", "SENT_UNACCEPTED", "b1")]


def test_an_acceptance_behind_the_exchanges_report_is_unexplained(paper: "Paper") -> None:
    intent = paper.accept("b1")
    paper.submit(intent)
    accepted = paper.facts.pop(2)
    paper.facts.append(accepted)
    assert ("UNEXPLAINED", "ACCEPTED_LATE", "b1") in paper.found()


def test_a_term_that_does_not_rise_is_unexplained(paper: "Paper") -> None:
    paper.begin_term()
    paper.facts[-1] = (2, paper.facts[-1][1] | {"epoch": 1})
    assert paper.found() == [("UNEXPLAINED", "EPOCH_NOT_RISING", "")]


def test_a_record_of_another_epoch_than_its_writers_is_unexplained(paper: "Paper") -> None:
    paper.submit(paper.accept("b1"))
    sending = next(row for _, row in paper.facts if row["fact"] == "order_sending")
    sending["epoch"] = 7
    assert paper.found() == [("UNEXPLAINED", "EPOCH_OF_SENDING", "b1")]


def test_reports_read_backwards_are_unexplained(traded: "Paper") -> None:
    traded.facts[-1][1]["through"] = 1
    assert ("UNEXPLAINED", "THROUGH_FELL", "") in traded.found()


def test_doubt_ends_with_the_first_report_only(paper: "Paper") -> None:
    intent = paper.accept("b1")
    paper.submit(intent)
    paper.unknown(intent)
    assert paper.verify(strict=True).fates == {"WORKING": 1}
    assert paper.found(strict=True) == []


def test_an_answer_about_another_order_is_unexplained(paper: "Paper") -> None:
    paper.submit(paper.accept("b1"), read=False)
    paper.answer("b1")
    paper.facts[-1][1]["report"]["order"]["intent"]["price_ticks"] += 1
    assert paper.found() == [("UNEXPLAINED", "ANSWER_DIFFERS", "b1")]


@pytest.mark.parametrize("missing", ["intent", "time_ns", "fact"])
def test_a_record_without_its_fields_cannot_be_read(paper: "Paper", missing: str) -> None:
    paper.accept("b1")
    del paper.facts[2][1][missing]
    with pytest.raises(UnreadableError, match="entry 3") as error:
        paper.verify()
    assert error.value.offset == 3
