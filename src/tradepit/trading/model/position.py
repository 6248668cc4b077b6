"""A position: the lots of one account in one instrument on one side, summed."""

from decimal import Decimal

import msgspec

from tradepit.trading.model.terms import Exchange, Side


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """Long (side BUY) or short (side SELL) lots of an account in an instrument.

    ``frozen_*`` lots are held by working close orders. ``open_cost`` is the sum over lots of open price * multiplier * lots;
    ``float_profit`` is against the open price, ``position_profit`` against the day's basis (previous settlement for history lots).
    """

    account: str
    symbol: str
    exchange: Exchange
    side: Side
    today_lots: int = 0
    yesterday_lots: int = 0
    frozen_today_lots: int = 0
    frozen_yesterday_lots: int = 0
    open_cost: Decimal = Decimal(0)
    margin: Decimal = Decimal(0)
    float_profit: Decimal = Decimal(0)
    position_profit: Decimal = Decimal(0)

    @property
    def lots(self) -> int:
        """Today's and history lots together."""
        return self.today_lots + self.yesterday_lots

    @property
    def frozen_lots(self) -> int:
        """Lots held by working close orders."""
        return self.frozen_today_lots + self.frozen_yesterday_lots
