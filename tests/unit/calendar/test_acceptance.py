"""What enters a market in which phase."""

import pytest

from tradepit.trading.calendar.acceptance import cancel_accepted, order_accepted, phases_of
from tradepit.trading.calendar.trading_calendar import load_calendar
from tradepit.trading.model.terms import OrderType, SessionPhase

CHINA, HANOI = load_calendar().group("cn_day"), load_calendar().group("hnx")


AUCTIONS = (SessionPhase.AUCTION_ORDERING, SessionPhase.CLOSING_AUCTION)
ANY_TIME = [kind for kind in OrderType if kind not in (OrderType.ATO, OrderType.ATC)]


@pytest.mark.parametrize("order_type", ANY_TIME)
def test_continuous_trading_takes_every_type_that_is_not_an_auctions_own(order_type: OrderType) -> None:
    assert order_accepted(order_type, SessionPhase.CONTINUOUS)
    assert phases_of(order_type) == (
        (SessionPhase.AUCTION_ORDERING, SessionPhase.CONTINUOUS, SessionPhase.CLOSING_AUCTION)
        if order_type is OrderType.LIMIT
        else (SessionPhase.CONTINUOUS,)
    )


@pytest.mark.parametrize(("phase", "own"), [(AUCTIONS[0], OrderType.ATO), (AUCTIONS[1], OrderType.ATC)])
def test_auctions_take_limit_orders_and_their_own(phase: SessionPhase, own: OrderType) -> None:
    assert [kind for kind in OrderType if order_accepted(kind, phase)] == [OrderType.LIMIT, own]
    assert phases_of(own) == (phase,)


@pytest.mark.parametrize("phase", [SessionPhase.AUCTION_MATCHING, SessionPhase.BREAK, SessionPhase.CLOSED])
def test_nothing_enters_otherwise(phase: SessionPhase) -> None:
    assert not any(order_accepted(kind, phase) for kind in OrderType)
    assert not cancel_accepted(phase, CHINA)


def test_hanoi_takes_no_cancel_in_auctions() -> None:
    for phase in AUCTIONS:
        assert cancel_accepted(phase, CHINA)
        assert not cancel_accepted(phase, HANOI)
    assert cancel_accepted(SessionPhase.CONTINUOUS, HANOI)
