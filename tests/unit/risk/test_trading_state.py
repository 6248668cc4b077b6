"""ACTIVE, REDUCING, HALTED at every scope."""

from collections.abc import Callable

import pytest

from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.terms import Offset, Side
from tradepit.trading.model.terms import TradingState as State
from tradepit.trading.risk.exposure import Exposure
from tradepit.trading.risk.trading_state import TradingState

SCOPES = ("global", "account:a", "symbol:IF2501", "reference:bot", "bot:b")


@pytest.mark.parametrize("scope", SCOPES)
def test_each_scope_halts_and_reduces(
    scope: str, exposure: Exposure, make_intent: Callable[..., OrderIntent], hold: Callable[..., None], now: int
) -> None:
    hold(exposure, volume_lots=4)
    opening = make_intent(client_order_id="n", reference="bot", bot="b")
    closing = make_intent(client_order_id="c", reference="bot", bot="b", side=Side.SELL, offset=Offset.CLOSE, volume_lots=3)
    rule = TradingState()
    assert rule.check(opening, exposure, now) is None
    exposure.set_state(scope, State.REDUCING)
    refused = rule.check(opening, exposure, now)
    assert refused is not None
    assert (refused.code, refused.limit, refused.value) == ("TRADING_STATE_REDUCING", "REDUCING", scope)
    assert rule.check(closing, exposure, now) is None
    exposure.on_accepted(closing)
    more = rule.check(make_intent(client_order_id="d", side=Side.SELL, offset=Offset.CLOSE, volume_lots=2), exposure, now)
    assert (more is not None) == (scope not in ("reference:bot", "bot:b"))
    exposure.set_state(scope, State.HALTED)
    halted = rule.check(closing, exposure, now)
    assert halted is not None
    assert halted.code == "TRADING_HALTED"
