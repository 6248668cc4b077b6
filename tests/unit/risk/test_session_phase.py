"""Which phase takes which order."""

from collections.abc import Callable

import pytest

from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.terms import OrderType
from tradepit.trading.model.terms import SessionPhase as Phase
from tradepit.trading.risk.exposure import Exposure
from tradepit.trading.risk.session_phase import SessionPhase


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("order_type", OrderType)
def test_an_auction_takes_limit_orders_and_its_own(
    phase: Phase, order_type: OrderType, exposure: Exposure, make_intent: Callable[..., OrderIntent], now: int
) -> None:
    exposure.on_phase("IF2501", phase)
    intent = make_intent(order_type=order_type)
    auctions = {Phase.AUCTION_ORDERING: OrderType.ATO, Phase.CLOSING_AUCTION: OrderType.ATC}
    if phase is Phase.CONTINUOUS:
        taken = order_type not in auctions.values()
    else:
        taken = phase in auctions and order_type in (OrderType.LIMIT, auctions[phase])
    refused = SessionPhase().check(intent, exposure, now)
    assert (refused is None) is taken
    assert refused is None or (refused.code, refused.value) == ("NOT_TRADING_PERIOD", phase)
    if phase.gathers:
        assert SessionPhase(auctions=False).check(intent, exposure, now) is not None


def test_an_unknown_contract_is_the_next_rules_to_refuse(
    exposure: Exposure, make_intent: Callable[..., OrderIntent], now: int
) -> None:
    assert SessionPhase().check(make_intent(symbol="x1"), exposure, now) is None
