"""Old orders and orders from the future."""

from collections.abc import Callable

import pytest

from tradepit.trading.model.order import OrderIntent
from tradepit.trading.risk.exposure import Exposure
from tradepit.trading.risk.freshness import Freshness

MS = 1_000_000


@pytest.mark.parametrize(("age_ms", "fresh"), [(0, True), (5_000, True), (5_001, False), (-1_000, True), (-1_001, False)])
def test_age_and_skew_have_limits(
    age_ms: int, fresh: bool, exposure: Exposure, make_intent: Callable[..., OrderIntent], now: int
) -> None:
    refused = Freshness().check(make_intent(created_ns=now - age_ms * MS), exposure, now)
    assert (refused is None) is fresh
    if refused is not None:
        assert (refused.code, refused.value) == ("STALE_INTENT", f"{age_ms} ms")


def test_an_instant_may_be_required(exposure: Exposure, make_intent: Callable[..., OrderIntent], now: int) -> None:
    untold = make_intent(created_ns=0)
    assert Freshness().check(untold, exposure, now) is None
    refused = Freshness(instant_required=True).check(untold, exposure, now)
    assert refused is not None
    assert refused.code == "STALE_INTENT"


@pytest.mark.parametrize(("left_ns", "fresh"), [(1, True), (0, False), (-5 * MS, False)])
def test_an_expiry_is_kept(
    left_ns: int, fresh: bool, exposure: Exposure, make_intent: Callable[..., OrderIntent], now: int
) -> None:
    refused = Freshness().check(make_intent(expires_ns=now + left_ns), exposure, now)
    assert (refused is None) is fresh
    if refused is not None:
        assert (refused.code, refused.limit, refused.value) == ("STALE_INTENT", "expiry", f"{-left_ns // MS} ms late")
