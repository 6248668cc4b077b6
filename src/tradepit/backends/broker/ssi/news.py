"""What SSI tells of a market, whichever of its generations tells it. Prices are index points, 0 where there is none."""

from decimal import Decimal

import msgspec

Levels = tuple[tuple[Decimal, int], ...]
_NONE = Decimal(0)


class ToldTrade(msgspec.Struct, frozen=True, kw_only=True):
    """A trade, and the day's figures with it. ``time`` is SSI's text, with the date where one is told.

    ``volume`` is the day's in lots. ``turnover`` is the day's in VND, 0 where it is not told; ``average`` then is what SSI calls the
    day's average price.
    """

    symbol: str
    time: str
    last: Decimal
    volume: int
    open: Decimal = _NONE
    high: Decimal = _NONE
    low: Decimal = _NONE
    average: Decimal = _NONE
    turnover: Decimal = _NONE


class ToldQuote(msgspec.Struct, frozen=True, kw_only=True):
    """The book: (price, lots), the best first. Orders that name no price, in auctions, are left out.

    A side of which nothing is told (None) is as it was. A price of 0 lots is gone, and says that books are told as changes.
    """

    symbol: str
    time: str
    bids: Levels | None
    asks: Levels | None


class ToldLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The day's limits and its reference price."""

    symbol: str
    ceiling: Decimal
    floor: Decimal
    reference: Decimal


class ToldSession(msgspec.Struct, frozen=True, kw_only=True):
    """What a market is doing, in SSI's words. ``symbol`` is empty for all of it; ``status`` is the contract's own, where it is told."""

    word: str
    time: str = ""
    symbol: str = ""
    status: str = ""


News = ToldTrade | ToldQuote | ToldLimits | ToldSession
