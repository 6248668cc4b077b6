"""What clients were told must be what happened."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.verify.conftest import Paper


def test_honest_answers_are_clean(traded: "Paper") -> None:
    traded.asked(traded.orders["b1"]["intent"], success=True, orderid=traded.orders["b1"]["order_id"], traded=2)
    traded.asked(traded.refuse("no"), success=False, error="POSITION_LIMIT")
    bad = traded.accept("bad")
    traded.reject(bad, "INSUFFICIENT_MONEY")
    traded.asked(bad, error="INSUFFICIENT_MONEY")
    traded.asked(traded.intent("typo"), error="INVALID_REQUEST")
    traded.asked(traded.intent("nobody-home"), error="SERVICE_UNAVAILABLE")
    verdict = traded.verify(strict=True)
    assert verdict.findings == ()
    assert verdict.fates == {"WORKING": 2, "REFUSED": 2, "REJECTED": 1, "NOT_SENT": 1}


def test_an_acceptance_no_journal_knows_is_lost(traded: "Paper") -> None:
    traded.asked(traded.intent("ghost"), success=True, orderid="IF2501-20250106-9")
    assert traded.found() == [("LOST", "ACCEPTED_AND_GONE", "ghost")]


@pytest.mark.parametrize(
    ("reply", "strict", "codes"),
    [
        ({"error": "OUTCOME_UNKNOWN"}, False, []),
        ({"error": "OUTCOME_UNKNOWN"}, True, ["PROMISED_AND_GONE"]),
        ({"error": "OUTCOME_UNKNOWN", "details": {"last": "OUTCOME_UNKNOWN"}}, False, ["PROMISED_AND_GONE"]),
        ({"error": "OUTCOME_UNKNOWN", "details": {"last": "NOT_ACTIVE"}}, True, []),
        ({"error": "OUTCOME_UNKNOWN", "last": "TIMEOUT"}, True, []),
    ],
)
def test_an_unknown_outcome_no_journal_knows_is_lost_when_the_order_had_been_taken(
    traded: "Paper", reply: dict[str, object], strict: bool, codes: list[str]
) -> None:
    traded.asked(traded.intent("ghost"), **reply)
    assert [code for _, code, _ in traded.found(strict=strict)] == codes


def test_an_unknown_outcome_that_the_journal_settles_is_clean(traded: "Paper") -> None:
    traded.asked(traded.orders["b1"]["intent"], error="OUTCOME_UNKNOWN")
    assert traded.found(strict=True) == []


def test_told_refused_but_executed_is_unexplained(traded: "Paper") -> None:
    traded.asked(traded.orders["b1"]["intent"], error="PRICE_COLLAR")
    assert traded.found() == [("UNEXPLAINED", "TOLD_REFUSED", "b1")]


def test_told_another_reason_is_unexplained(traded: "Paper") -> None:
    traded.asked(traded.refuse("no"), error="PRICE_COLLAR")
    assert traded.found() == [("UNEXPLAINED", "OTHER_REASON_TOLD", "no")]


def test_told_another_order_id_is_unexplained(traded: "Paper") -> None:
    traded.asked(traded.orders["b1"]["intent"], success=True, orderid="IF2501-20250106-77")
    assert traded.found() == [("UNEXPLAINED", "OTHER_ORDER_TOLD", "b1")]


def test_told_accepted_but_refused_is_unexplained(traded: "Paper") -> None:
    traded.asked(traded.refuse("no"), success=True)
    assert traded.found() == [("UNEXPLAINED", "TOLD_ACCEPTED", "no")]


def test_told_of_more_lots_than_traded_is_unexplained(traded: "Paper") -> None:
    traded.asked(traded.orders["b1"]["intent"], success=True, orderid=traded.orders["b1"]["order_id"], traded=3)
    assert traded.found() == [("UNEXPLAINED", "MORE_TOLD_THAN_TRADED", "b1")]


@pytest.mark.parametrize("change", [{"volume_lots": 4}, {"price_ticks": 19001}, {"side": "SELL"}, {"symbol": "IF2502"}])
def test_an_order_other_than_the_one_asked_for_is_unexplained(traded: "Paper", change: dict[str, object]) -> None:
    traded.asked(traded.orders["b1"]["intent"] | change)
    assert traded.found() == [("UNEXPLAINED", "NOT_AS_ASKED", "b1")]


def test_a_second_order_under_a_used_id_is_the_clients_own_mistake(traded: "Paper") -> None:
    intent = traded.orders["b1"]["intent"]
    traded.asked(intent, success=True, orderid=traded.orders["b1"]["order_id"])
    traded.asked(intent | {"volume_lots": 9}, error="DUPLICATE_ID")
    assert traded.found(strict=True) == []
