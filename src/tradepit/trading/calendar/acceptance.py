"""What a market takes in which phase: order types and cancels."""

from tradepit.trading.calendar.sessions import SessionGroup
from tradepit.trading.model.terms import OrderType, SessionPhase


def order_accepted(order_type: OrderType, phase: SessionPhase) -> bool:
    """True when an order of this type may enter in this phase.

    Auctions take limit orders only; while an auction is matched, in breaks and when closed nothing enters (rules of the
    Chinese exchanges; HNX's ATO and ATC orders are not offered).
    """
    if phase is SessionPhase.CONTINUOUS:
        return True
    return phase is SessionPhase.AUCTION_ORDERING and order_type is OrderType.LIMIT


def cancel_accepted(phase: SessionPhase, group: SessionGroup) -> bool:
    """True when a cancel or an amendment may enter in this phase: continuous trading, and auctions where the group allows it.

    HNX takes none in ATO and ATC; the Chinese exchanges do while auction orders are taken.
    """
    if phase is SessionPhase.CONTINUOUS:
        return True
    return phase is SessionPhase.AUCTION_ORDERING and group.auction_cancels
