"""What is the same for every contract of a product: size, tick, lots, fees, margin and the exchange's rules."""

from decimal import Decimal
from enum import StrEnum

import msgspec

from tradepit.trading.model.at_hand import at_hand
from tradepit.trading.model.terms import Exchange, OrderType


class FeeRate(msgspec.Struct, frozen=True, kw_only=True):
    """One fee: ``volume * (price * multiplier * by_money + by_volume)``, in the product's currency (domain: CTP)."""

    by_money: Decimal = Decimal(0)
    by_volume: Decimal = Decimal(0)


class FeeSchedule(msgspec.Struct, frozen=True, kw_only=True):
    """Fees per fill by what the fill does to the position."""

    open: FeeRate = FeeRate()
    close_yesterday: FeeRate = FeeRate()
    close_today: FeeRate = FeeRate()


@at_hand
class CloseRule(StrEnum):
    """Which lots a close consumes, and which fee it pays.

    ``NAMED``: SHFE, INE; the order names the bucket (CLOSE = yesterday), first in first out inside it.
    ``FIFO``: DCE, CZCE, GFEX; history lots first, then today's; CLOSETODAY is treated as CLOSE.
    ``FIFO_FEE_TODAY_FIRST``: CFFEX; lots are consumed FIFO, the fee by a parallel ledger that closes today's lots first.
    ``NET``: no offsets (HNX); a fill reduces the opposite side first and opens with what is left.
    """

    NAMED = "named"
    FIFO = "fifo"
    FIFO_FEE_TODAY_FIRST = "fifo_fee_today_first"
    NET = "net"


@at_hand
class SettlementRule(StrEnum):
    """How the daily settlement price is made.

    ``DAY_VWAP``: the whole day's average; ``LAST_HOUR_VWAP``: the last trading hour's (CFFEX); ``CLOSING_PRICE``: that of the
    last trade, which is the closing auction's where it traded (HNX).
    """

    DAY_VWAP = "day_vwap"
    LAST_HOUR_VWAP = "last_hour_vwap"
    CLOSING_PRICE = "closing_price"


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """A futures product, for example IF on CFFEX. Money is in ``currency``; prices in quoted units per lot unit."""

    product_id: str
    exchange: Exchange
    name: str
    multiplier: int
    tick_size: Decimal
    max_limit_lots: int
    max_market_lots: int
    limit_pct: Decimal
    margin_ratio: Decimal
    fees: FeeSchedule
    session_group: str
    close_rule: CloseRule
    settlement_rule: SettlementRule
    settlement_step: Decimal
    order_types: frozenset[OrderType]
    larger_side_margin: bool = False
    min_open_lots: int = 1
    min_close_lots: int = 1
    depth_levels: int = 5
    currency: str = "CNY"
