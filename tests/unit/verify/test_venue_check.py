"""The exchange's reports must follow from its commands."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.verify.conftest import Paper


def test_a_stale_submit_that_was_executed_is_unexplained(traded: "Paper") -> None:
    intent = traded.accept("old")
    traded.begin_term()
    traded.submit(intent, epoch=1)
    assert traded.found() == [("UNEXPLAINED", "STALE_EXECUTED", "old")]


def test_a_stale_submit_executed_before_its_resolution_is_unexplained(traded: "Paper") -> None:
    intent = traded.accept("old")
    traded.begin_term()
    traded.submit(intent, epoch=1)
    traded.send(intent, kind="resolve")
    assert traded.found() == [("UNEXPLAINED", "STALE_EXECUTED", "old")]


def test_a_stale_leader_is_fenced_by_any_newer_command(traded: "Paper") -> None:
    traded.begin_term()
    traded.commands.pop()
    traded.submit(traded.accept("new"))
    traded.submit(traded.accept("old"), epoch=1)
    assert traded.found() == [("UNEXPLAINED", "STALE_EXECUTED", "old")]


def test_an_order_without_a_command_is_unexplained(traded: "Paper") -> None:
    intent = traded.accept("b2")
    traded.enter(intent, "OPEN", order_id="x", left=3)
    assert traded.found() == [("UNEXPLAINED", "ORDER_OF_NO_COMMAND", "b2")]


def test_an_order_entered_at_no_command_is_unexplained(traded: "Paper") -> None:
    intent = traded.accept("b2")
    traded.send(intent)
    traded.command("time")
    traded.enter(intent, "OPEN", order_id="x", left=3)
    assert traded.found() == [("UNEXPLAINED", "ENTERED_AT_NO_COMMAND", "b2")]


def test_a_voided_order_that_was_executed_is_unexplained(traded: "Paper") -> None:
    intent = traded.accept("b2")
    traded.send(intent, kind="resolve")
    traded.enter(intent, "OPEN", order_id="x", left=3)
    assert traded.found() == [("UNEXPLAINED", "VOIDED_EXECUTED", "b2")]


def test_an_order_that_arrived_and_was_voided_is_lost(traded: "Paper") -> None:
    intent = traded.accept("b2")
    traded.reject(intent, "NOT_SENT")
    assert traded.found() == [("LOST", "ARRIVED_BUT_VOIDED", "b2")]


def test_an_order_other_than_the_one_sent_is_unexplained(traded: "Paper") -> None:
    intent = traded.accept("b2")
    traded.send(intent | {"price_ticks": 18000})
    traded.enter(intent, "OPEN", order_id="x", left=3)
    assert traded.found() == [("UNEXPLAINED", "NOT_AS_SENT", "b2")]


def test_a_cancel_by_a_former_leader_is_unexplained(traded: "Paper") -> None:
    traded.begin_term()
    traded.cancel("b1", epoch=1)
    assert traded.found() == [("UNEXPLAINED", "STALE_CANCEL", "b1")]


def test_a_cancel_nobody_asked_for_is_unexplained(traded: "Paper") -> None:
    traded.command("time")
    traded.change("b1", "CANCELLED")
    assert traded.found() == [("UNEXPLAINED", "CANCELLED_BY_NOBODY", "b1")]


def test_the_exchanges_own_cancels_have_a_reason(traded: "Paper") -> None:
    traded.command("time")
    traded.change("b1", "CANCELLED", reason="SELF_TRADE")
    assert traded.found() == []


def test_a_command_that_was_taken_and_never_told_of_is_lost(traded: "Paper") -> None:
    traded.send(traded.accept("b2"))
    traded.submit(traded.accept("b3"))
    assert traded.found() == [("LOST", "NEVER_REPORTED", "b2")]


def test_a_trade_with_the_outside_needs_an_outside(traded: "Paper") -> None:
    traded.match("b1", "", 1)
    traded.command("time")
    traded.change("s1", "CANCELLED", reason="SELF_TRADE")
    assert traded.found() == [("UNEXPLAINED", "ONE_SIDE_ONLY", "b1")]
    traded.command("tick", tick={"symbol": "IF2501"})
    assert traded.found() == []


@pytest.mark.parametrize(("strict", "codes"), [(False, []), (True, [("UNEXPLAINED", "TRADES_DO_NOT_SUM", "s1")])])
def test_the_journal_may_end_between_a_trade_and_its_orders_state(
    traded: "Paper", strict: bool, codes: list[tuple[str, str, str]]
) -> None:
    traded.command("time")
    traded.match("b1", "s1", 1)
    traded.reports.pop()
    ended = traded.facts.pop()[1]
    assert ended["report"]["order"]["status"] == "FILLED"
    assert traded.found(strict=strict) == codes
