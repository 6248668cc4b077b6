"""The daily settlement statement: where each account's money came from and went."""

from decimal import Decimal

import msgspec

from tradepit.trading.model.position import Position


class SettlementStatement(msgspec.Struct, frozen=True, kw_only=True):
    """One account's trading day ``trading_day`` (YYYYMMDD), in ``currency``, exact.

    closing = opening + deposits - withdrawals + realised + mark_to_market - fees
    available = closing - margin

    ``realised`` includes contracts that expired this day, closed in cash at their final settlement price without a fee.
    ``positions`` are those carried over, by symbol, long before short, with the day's own today/history lots; their
    ``position_profit`` sums to ``mark_to_market``. Their ``margin`` is at the settlement price, before larger-side relief.
    """

    account: str
    currency: str
    trading_day: int
    opening: Decimal
    deposits: Decimal
    withdrawals: Decimal
    realised: Decimal
    mark_to_market: Decimal
    fees: Decimal
    closing: Decimal
    margin: Decimal
    available: Decimal
    positions: tuple[Position, ...] = ()
