"""The closed vocabularies of futures trading: side, offset, order type, order status, exchange, session phase."""

from enum import StrEnum


class Side(StrEnum):
    """Which way an order trades."""

    BUY = "BUY"
    SELL = "SELL"

    @property
    def opposite(self) -> "Side":
        """The side an order of this side trades against."""
        return Side.SELL if self is Side.BUY else Side.BUY


class Offset(StrEnum):
    """What an order does to the position: open a new one, or close which lots (CTP comb offset flags).

    On SHFE and INE ``CLOSE`` means *close yesterday's lots*; elsewhere it consumes lots first in, first out.
    ``NET`` is for venues without offsets (HNX): the fill reduces the opposite position first, then opens.
    """

    OPEN = "OPEN"
    CLOSE = "CLOSE"
    CLOSETODAY = "CLOSETODAY"
    CLOSEYESTERDAY = "CLOSEYESTERDAY"
    NET = "NET"

    @property
    def closes(self) -> bool:
        """True when the order can only reduce a position."""
        return self in (Offset.CLOSE, Offset.CLOSETODAY, Offset.CLOSEYESTERDAY)


class OrderType(StrEnum):
    """How an order may execute. All are good for the trading day (GFD); none survives settlement."""

    LIMIT = "LIMIT"
    MARKET = "MARKET"
    FAK = "FAK"
    FOK = "FOK"


class OrderStatus(StrEnum):
    """The life of an order, from the moment its intent is known until its outcome is (ARCHITECTURE.md, order states)."""

    RECEIVED = "RECEIVED"
    RISK_REJECTED = "RISK_REJECTED"
    PENDING_NEW = "PENDING_NEW"
    SENDING = "SENDING"
    UNKNOWN = "UNKNOWN"
    SUBMITTED = "SUBMITTED"
    OPEN = "OPEN"
    PARTIAL = "PARTIAL"
    FILLED = "FILLED"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"

    @property
    def terminal(self) -> bool:
        """True when no further event but a late fill can follow."""
        return self in _TERMINAL


_TERMINAL = frozenset(
    {OrderStatus.RISK_REJECTED, OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.REJECTED, OrderStatus.EXPIRED}
)


class Exchange(StrEnum):
    """Futures exchanges, spelled as CTP, vnpy and TqSDK spell them; HNX is Hanoi (Vietnam derivatives)."""

    CFFEX = "CFFEX"
    SHFE = "SHFE"
    INE = "INE"
    DCE = "DCE"
    CZCE = "CZCE"
    GFEX = "GFEX"
    HNX = "HNX"


class SessionPhase(StrEnum):
    """What a product's market is doing (CTP instrument status 0-6)."""

    CLOSED = "CLOSED"
    AUCTION_ORDERING = "AUCTION_ORDERING"
    AUCTION_MATCHING = "AUCTION_MATCHING"
    CONTINUOUS = "CONTINUOUS"
    BREAK = "BREAK"


class TradingState(StrEnum):
    """What risk lets through: everything; only cancels and orders that strictly reduce exposure; only cancels."""

    ACTIVE = "ACTIVE"
    REDUCING = "REDUCING"
    HALTED = "HALTED"


class PriceRule(StrEnum):
    """The price of a trade in continuous matching.

    ``MAKER``: the resting order's price. ``CN_MEDIAN``: the middle of buy price, sell price and previous trade,
    as the Chinese exchanges' rules word it.
    """

    MAKER = "maker"
    CN_MEDIAN = "cn_median"


class SelfTradePolicy(StrEnum):
    """What the venue does when an order would trade with its own account."""

    ALLOW = "allow"
    CANCEL_NEWEST = "cancel_newest"
    CANCEL_RESTING = "cancel_resting"
