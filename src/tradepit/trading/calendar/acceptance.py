"""What a market takes in which phase: order types and cancels."""

from tradepit.trading.calendar.sessions import SessionGroup
from tradepit.trading.model.terms import OrderType, SessionPhase

_CONTINUOUS = SessionPhase.CONTINUOUS  # named for each order: see ``at_hand``
_AUCTION_OF = {OrderType.ATO: SessionPhase.AUCTION_ORDERING, OrderType.ATC: SessionPhase.CLOSING_AUCTION}


def order_accepted(order_type: OrderType, phase: SessionPhase) -> bool:
    """True when an order of this type may enter in this phase.

    Continuous trading takes all types but ATO and ATC, which belong to one auction each; of the others an auction takes limit
    orders only. While an auction is matched, in breaks and when closed nothing enters (rules of the Chinese exchanges and of
    HNX). Which types an exchange has at all is the product's to say.
    """
    auction = _AUCTION_OF.get(order_type)
    if auction is not None:
        return phase is auction
    return phase is _CONTINUOUS or (phase.gathers and order_type is OrderType.LIMIT)


def phases_of(order_type: OrderType) -> tuple[SessionPhase, ...]:
    """The phases in which an order of this type may enter."""
    return tuple(phase for phase in SessionPhase if order_accepted(order_type, phase))


def cancel_accepted(phase: SessionPhase, group: SessionGroup) -> bool:
    """True when a cancel or an amendment may enter in this phase: continuous trading, and auctions where the group allows it.

    HNX takes none in ATO and ATC; the Chinese exchanges do while auction orders are taken.
    """
    return phase is _CONTINUOUS or (phase.gathers and group.auction_cancels)
