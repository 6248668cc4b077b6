"""Intents, and the limits they set."""

import pytest

from tradepit.trading.model.errors import InternalError, NotActive, OutcomeUnknown, StaleEpoch, TimedOut, Unavailable
from tradepit.trading.model.terms import OrderStatus
from tradepit.verify.vocabulary import IN_DOUBT, TERMINAL, UNSETTLED, Intent


@pytest.mark.parametrize(
    ("side", "order_type", "price", "allowed"),
    [
        ("BUY", "LIMIT", 100, True),
        ("BUY", "LIMIT", 99, True),
        ("BUY", "LIMIT", 101, False),
        ("SELL", "FAK", 101, True),
        ("SELL", "FOK", 99, False),
        ("SELL", "MARKET", 1, True),
    ],
)
def test_a_limit_is_a_limit(side: str, order_type: str, price: int, allowed: bool) -> None:
    assert Intent("IF2501", side, "OPEN", order_type, 100, 1).allows(price) is allowed


def test_the_words_written_down_twice_are_the_same() -> None:
    assert {status.value for status in OrderStatus if status.terminal} == TERMINAL
    assert {"PENDING_NEW", "SENDING", "UNKNOWN"} == IN_DOUBT
    assert {kind.code for kind in (NotActive, OutcomeUnknown, Unavailable, TimedOut, InternalError, StaleEpoch)} == UNSETTLED
