"""The closed vocabularies of futures trading: side, offset, order type, order status, exchange, session phase."""

from enum import StrEnum
from typing import Self

from tradepit.trading.model.at_hand import at_hand

_FINISHED = 3


@at_hand
class Side(StrEnum):
    """Which way an order trades. ``opposite``: the side an order of this side trades against."""

    opposite: "Side"

    BUY = "BUY"
    SELL = "SELL"


Side.BUY.opposite, Side.SELL.opposite = Side.SELL, Side.BUY


@at_hand
class Offset(StrEnum):
    """What an order does to the position: open a new one, or close which lots (CTP comb offset flags).

    On SHFE and INE ``CLOSE`` means *close yesterday's lots*; elsewhere it consumes lots first in, first out.
    ``NET`` is for venues without offsets (HNX): the fill reduces the opposite position first, then opens.
    ``closes``: the order can only reduce a position.
    """

    closes: bool

    def __new__(cls, value: str, closes: bool = False) -> Self:
        """An offset with whether it closes, kept on the member: it is asked for each order."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.closes = closes
        return member

    OPEN = "OPEN"
    CLOSE = "CLOSE", True
    CLOSETODAY = "CLOSETODAY", True
    CLOSEYESTERDAY = "CLOSEYESTERDAY", True
    NET = "NET"


@at_hand
class OrderType(StrEnum):
    """How an order may execute. All are good for the trading day (GFD); none survives settlement.

    ``priced``: the order names its price; the others have none (0 ticks) and trade at the market's. HNX calls LIMIT LO, and its
    own types are ATO and ATC (in the opening, the closing auction: before every limit order, the rest is cancelled when the
    auction has been matched), MTL (the best opposite price, the rest waits there as a limit order), MOK (all at once or nothing)
    and MAK (what can be had at once, the rest is cancelled).
    """

    priced: bool

    def __new__(cls, value: str, priced: bool = False) -> Self:
        """A type with whether it names a price, kept on the member: it is asked for each order."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.priced = priced
        return member

    LIMIT = "LIMIT", True
    MARKET = "MARKET"
    FAK = "FAK", True
    FOK = "FOK", True
    ATO = "ATO"
    ATC = "ATC"
    MTL = "MTL"
    MOK = "MOK"
    MAK = "MAK"


@at_hand
class OrderStatus(StrEnum):
    """The life of an order, from the moment its intent is known until its outcome is (ARCHITECTURE.md, order states).

    ``progress`` is how far it has come: 0 not known to be there, 1 taken, 2 working, 3 finished. ``terminal``: no further event
    but a late fill can follow.
    """

    progress: int
    terminal: bool

    def __new__(cls, value: str, progress: int) -> Self:
        """A status with its progress, kept on the member: both are asked several times for each report."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.progress, member.terminal = progress, progress == _FINISHED
        return member

    RECEIVED = "RECEIVED", 0
    RISK_REJECTED = "RISK_REJECTED", 3
    PENDING_NEW = "PENDING_NEW", 0
    SENDING = "SENDING", 0
    UNKNOWN = "UNKNOWN", 0
    SUBMITTED = "SUBMITTED", 1
    OPEN = "OPEN", 2
    PARTIAL = "PARTIAL", 2
    FILLED = "FILLED", 3
    CANCELLED = "CANCELLED", 3
    REJECTED = "REJECTED", 3
    EXPIRED = "EXPIRED", 3


@at_hand
class Exchange(StrEnum):
    """Futures exchanges, spelled as CTP, vnpy and TqSDK spell them; HNX is Hanoi (Vietnam derivatives)."""

    CFFEX = "CFFEX"
    SHFE = "SHFE"
    INE = "INE"
    DCE = "DCE"
    CZCE = "CZCE"
    GFEX = "GFEX"
    HNX = "HNX"


@at_hand
class SessionPhase(StrEnum):
    """What a product's market is doing (CTP instrument status 0-6). HNX's opening auction (ATO) is AUCTION_ORDERING.

    ``CLOSING_AUCTION`` gathers orders at the end of the day (HNX's ATC).
    ``gathers``: an auction takes orders, which trade at one price when it ends.
    """

    gathers: bool

    def __new__(cls, value: str, gathers: bool = False) -> Self:
        """A phase with whether it gathers, kept on the member: it is asked for each order and snapshot."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.gathers = gathers
        return member

    CLOSED = "CLOSED"
    AUCTION_ORDERING = "AUCTION_ORDERING", True
    AUCTION_MATCHING = "AUCTION_MATCHING"
    CONTINUOUS = "CONTINUOUS"
    BREAK = "BREAK"
    CLOSING_AUCTION = "CLOSING_AUCTION", True


@at_hand
class TradingState(StrEnum):
    """What risk lets through: everything; only cancels and orders that strictly reduce exposure; only cancels."""

    ACTIVE = "ACTIVE"
    REDUCING = "REDUCING"
    HALTED = "HALTED"


@at_hand
class PriceRule(StrEnum):
    """The price of a trade in continuous matching.

    ``MAKER``: the resting order's price. ``CN_MEDIAN``: the middle of buy price, sell price and previous trade,
    as the Chinese exchanges' rules word it.
    """

    MAKER = "maker"
    CN_MEDIAN = "cn_median"


@at_hand
class SelfTradePolicy(StrEnum):
    """What the venue does when an order would trade with its own account. ``DECREMENT``: both lose the lots they share."""

    ALLOW = "allow"
    CANCEL_NEWEST = "cancel_newest"
    CANCEL_RESTING = "cancel_resting"
    DECREMENT = "decrement"
