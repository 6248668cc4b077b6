"""Order validity: what the exchange would refuse anyway (contract, lots, order type, price limits) is refused here first."""

from typing import ClassVar

from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.product import CloseRule
from tradepit.trading.model.terms import Offset
from tradepit.trading.risk.exposure import Exposure
from tradepit.trading.risk.market import Market
from tradepit.trading.risk.refusal import Refused
from tradepit.trading.risk.rule import Rule

_NETS, _NET = CloseRule.NET, Offset.NET  # named for each order: see ``at_hand``


class Validity(Rule, frozen=True, kw_only=True):
    """The contract's own facts, so no numbers to set. ``limits_required`` False leaves prices to the exchange while the day's
    limits are not known; by default an order with a price is refused then.
    """

    name: ClassVar[str] = "validity"
    spares_reducing: ClassVar[bool] = False

    limits_required: bool = True

    def check(self, intent: OrderIntent, exposure: Exposure, now_ns: int) -> Refused | None:  # noqa: ARG002 - the trading day is told
        if intent.account not in exposure.books:
            return self.refuse("ACCOUNT_NOT_FOUND", limit="open accounts", value=intent.account, message="no such account")
        market = exposure.markets.get(intent.symbol)
        if market is None:
            message = "no such instrument is listed"
            return self.refuse("INSTRUMENT_NOT_FOUND", limit="listed instruments", value=intent.symbol, message=message)
        if exposure.trading_day > market.expiry_day:
            message = f"{intent.symbol} has expired"
            return self.refuse("INSTRUMENT_NOT_TRADING", limit=market.expiry_day, value=exposure.trading_day, message=message)
        return self._terms(intent, market) or self._lots(intent, market) or self._price(intent, market)

    def _terms(self, intent: OrderIntent, market: Market) -> Refused | None:
        product = market.instrument.product
        if intent.exchange is not product.exchange:
            message = f"{intent.symbol} is not listed there"
            return self.refuse("EXCHANGE_NOT_VALID", limit=product.exchange, value=intent.exchange, message=message)
        if (intent.offset is _NET) is not (product.close_rule is _NETS):
            limit = "NET" if product.close_rule is _NETS else "OPEN, CLOSE, CLOSETODAY, CLOSEYESTERDAY"
            return self.refuse(
                "OFFSET_NOT_VALID", limit=limit, value=intent.offset, message=f"not an offset of {product.exchange}"
            )
        if intent.order_type not in product.order_types:
            limit, message = ", ".join(sorted(product.order_types)), f"not an order type of {product.exchange}"
            return self.refuse("ORDER_TYPE_NOT_SUPPORTED", limit=limit, value=intent.order_type, message=message)
        return None

    def _lots(self, intent: OrderIntent, market: Market) -> Refused | None:
        product, lots = market.instrument.product, intent.volume_lots
        lowest = product.min_close_lots if intent.offset.closes else product.min_open_lots
        highest = product.max_limit_lots if intent.order_type.priced else product.max_market_lots
        if 1 <= lots <= highest and lots >= lowest:
            return None
        lowest = max(1, lowest)
        return self.refuse("VOLUME_NOT_VALID", limit=f"{lowest}..{highest}", value=lots, message="lots per order out of range")

    def _price(self, intent: OrderIntent, market: Market) -> Refused | None:
        price = intent.price_ticks
        if not intent.order_type.priced:
            if price == 0:
                return None
            return self.refuse("PRICE_NOT_VALID", limit=0, value=price, message="an order at the market has no price")
        if price <= 0:
            return self.refuse("PRICE_NOT_VALID", limit="> 0 ticks", value=price, message="not a price")
        if not market.upper_ticks:
            if not self.limits_required:
                return None
            message = f"the day's price limits of {intent.symbol} are not known yet"
            return self.refuse("PRICE_OVER_LIMIT", limit="unknown", value=price, message=message)
        if market.lower_ticks <= price <= market.upper_ticks:
            return None
        limit = f"{market.lower_ticks}..{market.upper_ticks} ticks"
        return self.refuse("PRICE_OVER_LIMIT", limit=limit, value=price, message="outside the day's price limits")
