"""What enters a market in which phase."""

import pytest

from tradepit.trading.calendar.acceptance import cancel_accepted, order_accepted
from tradepit.trading.calendar.trading_calendar import load_calendar
from tradepit.trading.model.terms import OrderType, SessionPhase

CHINA, HANOI = load_calendar().group("cn_day"), load_calendar().group("hnx")


@pytest.mark.parametrize("order_type", list(OrderType))
def test_continuous_trading_takes_every_type(order_type: OrderType) -> None:
    assert order_accepted(order_type, SessionPhase.CONTINUOUS)


def test_auctions_take_limit_orders_only() -> None:
    taken = [kind for kind in OrderType if order_accepted(kind, SessionPhase.AUCTION_ORDERING)]
    assert taken == [OrderType.LIMIT]


@pytest.mark.parametrize("phase", [SessionPhase.AUCTION_MATCHING, SessionPhase.BREAK, SessionPhase.CLOSED])
def test_nothing_enters_otherwise(phase: SessionPhase) -> None:
    assert not any(order_accepted(kind, phase) for kind in OrderType)
    assert not cancel_accepted(phase, CHINA)


def test_hanoi_takes_no_cancel_in_auctions() -> None:
    assert cancel_accepted(SessionPhase.AUCTION_ORDERING, CHINA)
    assert not cancel_accepted(SessionPhase.AUCTION_ORDERING, HANOI)
    assert cancel_accepted(SessionPhase.CONTINUOUS, HANOI)
