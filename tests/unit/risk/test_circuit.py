"""The breaker opens at its number, stays open for its time, and closes by itself."""

from collections.abc import Callable

import pytest

from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.terms import SessionPhase
from tradepit.trading.risk.circuit import Circuit
from tradepit.trading.risk.exposure import Exposure

MS = 1_000_000


@pytest.mark.parametrize("what", ["rejects", "errors"])
def test_so_many_in_a_window_open_it_for_a_while(
    what: str, exposure: Exposure, make_intent: Callable[..., OrderIntent], now: int
) -> None:
    happens = exposure.on_rejected if what == "rejects" else exposure.on_no_answer
    rule = Circuit(max_rejects=3, max_errors=3, window_ms=1_000, cooldown_ms=2_000)
    happens("nobody", now)
    happens("a", now)
    happens("a", now + 500 * MS)
    assert rule.check(make_intent(), exposure, now + 600 * MS) is None
    happens("a", now + 1_001 * MS)
    assert rule.check(make_intent(), exposure, now + 1_001 * MS) is None
    happens("a", now + 1_500 * MS)
    refused = rule.check(make_intent(), exposure, now + 3_499 * MS)
    assert refused is not None
    assert (refused.code, refused.limit) == ("CIRCUIT_OPEN", "3 in 1000 ms")
    assert rule.check(make_intent(), exposure, now + 3_500 * MS) is None
    assert Circuit(max_rejects=None).check(make_intent(), exposure, now + 1_500 * MS) is None


def test_old_market_data_opens_it_in_continuous_trading(
    exposure: Exposure, make_intent: Callable[..., OrderIntent], now: int
) -> None:
    rule = Circuit(max_tick_age_ms=500)
    assert rule.check(make_intent(), exposure, now + 500 * MS) is None
    refused = rule.check(make_intent(), exposure, now + 501 * MS)
    assert refused is not None
    assert (refused.code, refused.value) == ("CIRCUIT_OPEN", "501 ms")
    exposure.markets["IF2501"].seen_ns = 0
    never = rule.check(make_intent(), exposure, now)
    assert never is not None
    assert never.value == "never"
    exposure.on_phase("IF2501", SessionPhase.AUCTION_ORDERING)
    assert rule.check(make_intent(), exposure, now + 900 * MS) is None


def test_only_the_last_sixty_four_are_kept(exposure: Exposure, now: int) -> None:
    for number in range(100):
        exposure.on_rejected("a", now + number)
    assert len(exposure.books["a"].rejects.instants) == 64
    assert exposure.books["a"].rejects.instants[-1] == now + 99
