"""The choices a broker makes about margin and freezing; the exchange's own rules are in the product."""

from enum import StrEnum

import msgspec

from tradepit.trading.model.at_hand import at_hand


@at_hand
class MarginPrice(StrEnum):
    """The price at which today's lots are margined (CTP MarginPriceType). History lots are always at the previous settlement."""

    OPEN = "open"
    PRE_SETTLEMENT = "pre_settlement"
    LAST = "last"


@at_hand
class FreezePrice(StrEnum):
    """The price at which a working open order freezes margin; ``ORDER`` takes the upper limit price for market orders."""

    PRE_SETTLEMENT = "pre_settlement"
    ORDER = "order"


class LedgerRules(msgspec.Struct, frozen=True, kw_only=True):
    """How money is reckoned for every account of one ledger.

    ``spend_position_profit``: whether unrealised gains may pay for margin and withdrawals (brokers differ; losses always count).
    """

    margin_price: MarginPrice = MarginPrice.OPEN
    freeze_price: FreezePrice = FreezePrice.PRE_SETTLEMENT
    spend_position_profit: bool = True
