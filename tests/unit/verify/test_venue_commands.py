"""The exchange's command journal against itself."""

from typing import TYPE_CHECKING

import pytest

from tradepit.verify import UnreadableError

if TYPE_CHECKING:
    from tests.unit.verify.conftest import Paper


def test_time_that_falls_is_unexplained(traded: "Paper") -> None:
    traded.command("time")["now_ns"] -= 1_000_000_000
    assert traded.found() == [("UNEXPLAINED", "TIME_FELL", "")]


def test_the_same_order_sent_again_is_harmless(traded: "Paper") -> None:
    traded.send(traded.orders["b1"]["intent"])
    verdict = traded.verify(strict=True)
    assert verdict.findings == ()
    assert verdict.intents == 2


def test_sessions_are_fenced_one_by_one(traded: "Paper") -> None:
    traded.command("open_session", session="other", epoch=9)
    traded.submit(traded.accept("b2"))
    assert traded.found(strict=True) == []


def test_only_the_first_entry_may_hold_the_founding(traded: "Paper") -> None:
    traded.commands.append((1, {"command": "found", "settings": {}}))
    with pytest.raises(UnreadableError, match="now_ns"):
        traded.verify()
