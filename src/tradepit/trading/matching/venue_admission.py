"""What an order must satisfy to enter the book: instrument, type, phase, volume, price, and then the ledger's money and lots."""

from tradepit.trading.calendar.acceptance import order_accepted
from tradepit.trading.matching.venue_floor import Floor
from tradepit.trading.matching.venue_market import Market
from tradepit.trading.model.errors import InstrumentNotFound, PriceNotValid, VenueRefused, VolumeNotValid
from tradepit.trading.model.order import OrderIntent
from tradepit.trading.model.terms import OrderType

ACCOUNT_NOT_FOUND = "ACCOUNT_NOT_FOUND"
NOT_TRADING_PERIOD = "NOT_TRADING_PERIOD"
PRICE_OVER_LIMIT = "PRICE_OVER_LIMIT"
PRICETYPE_NOT_SUPPORTED = "PRICETYPE_NOT_SUPPORTED"


def admit(floor: Floor, intent: OrderIntent) -> Market:
    """The market of an order that may enter, with what it needs frozen in the ledger. An order that may not changes nothing.

    Raises RequestRefused with the CTP counter's names (domain codes): ACCOUNT_NOT_FOUND, INSTRUMENT_NOT_FOUND,
    PRICETYPE_NOT_SUPPORTED, NOT_TRADING_PERIOD, VOLUME_NOT_VALID, PRICE_NOT_VALID, PRICE_OVER_LIMIT; and what the ledger refuses:
    OVER_CLOSE_POSITION, OVER_CLOSETODAY, OVER_CLOSEYESTERDAY, INSUFFICIENT_MONEY, OFFSET_NOT_VALID, CURRENCY_MISMATCH.
    """
    if intent.account not in floor.accounts:
        raise VenueRefused(ACCOUNT_NOT_FOUND, "No such account.", account=intent.account)
    market = floor.markets.get(intent.symbol)
    if market is None or market.product.exchange is not intent.exchange:
        raise InstrumentNotFound(symbol=intent.symbol, exchange=intent.exchange)
    _check_type(market, intent.order_type)
    _check_volume(market, intent)
    _check_price(market, intent)
    floor.ledger.reserve(intent)
    return market


def _check_type(market: Market, order_type: OrderType) -> None:
    product = market.product
    if order_type not in product.order_types or not (order_type.priced or product.max_market_lots):
        raise VenueRefused(PRICETYPE_NOT_SUPPORTED, "The exchange has no such order type.", order_type=order_type)
    if order_accepted(order_type, market.phase):
        return
    if order_accepted(OrderType.LIMIT, market.phase):
        taken = ",".join(kind for kind in OrderType if kind in product.order_types and order_accepted(kind, market.phase))
        message = "Not an order type of this session."
        raise VenueRefused(PRICETYPE_NOT_SUPPORTED, message, order_type=order_type, phase=market.phase, taken=taken)
    raise VenueRefused(NOT_TRADING_PERIOD, "The market takes no orders now.", phase=market.phase)


def _check_volume(market: Market, intent: OrderIntent) -> None:
    product = market.product
    least = product.min_close_lots if intent.offset.closes else product.min_open_lots
    most = product.max_limit_lots if intent.order_type.priced else product.max_market_lots
    if not least <= intent.volume_lots <= most:
        raise VolumeNotValid(volume=intent.volume_lots, least=least, most=most)


def _check_price(market: Market, intent: OrderIntent) -> None:
    price = intent.price_ticks
    if not intent.order_type.priced:
        if price:
            raise PriceNotValid("A market order has no price.", price_ticks=price)
    elif price <= 0:
        raise PriceNotValid(price_ticks=price)
    elif not market.low <= price <= market.high:
        raise VenueRefused(PRICE_OVER_LIMIT, "Outside the day's limits.", price_ticks=price, low=market.low, high=market.high)
