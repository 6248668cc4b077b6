"""TqSDK's words in the house's: prices to ticks, statuses, reasons, contracts; and an order's way back to TqSDK."""

from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

import msgspec

from tradepit.backends.broker.tqsdk.frames import ToldAccount, ToldOrder, ToldPosition, ToldQuote, ToldTick, ToldTrade
from tradepit.ports.broker import Listing
from tradepit.trading.calendar.catalog import Catalog
from tradepit.trading.model.account import Account
from tradepit.trading.model.errors import TradepitError
from tradepit.trading.model.ids import check_id
from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.position import Position
from tradepit.trading.model.terms import Exchange, Offset, OrderStatus, OrderType, Side
from tradepit.trading.model.tick import Level, Tick
from tradepit.trading.model.trade import Trade

OFFSETS = frozenset({Offset.OPEN, Offset.CLOSE, Offset.CLOSETODAY})
# Exchanges that take orders without a price; TqSDK refuses them elsewhere, and FOK on CZCE.
_MARKET = frozenset({Exchange.DCE, Exchange.CZCE, Exchange.GFEX})
_NO_FOK = frozenset({Exchange.CZCE})
_FINEST = Decimal("0.000001")
_ROUNDING = Decimal("0.01")
_REASONS = (
    ("涨停", "PRICE_OVER_LIMIT"),
    ("跌停", "PRICE_OVER_LIMIT"),
    ("最小单位", "PRICE_WRONG_TICK"),
    ("最小变动", "PRICE_WRONG_TICK"),
    ("资金不足", "INSUFFICIENT_MONEY"),
    ("平昨仓", "OVER_CLOSEYESTERDAY"),
    ("平今仓", "OVER_CLOSETODAY"),
    ("仓位不足", "OVER_CLOSE_POSITION"),
    ("手数不足", "OVER_CLOSE_POSITION"),
    ("交易时间", "NOT_TRADING_PERIOD"),
    ("禁止", "NOT_TRADING_PERIOD"),
    ("超过持仓", "OVER_CLOSE_POSITION"),
    ("找不到合约", "INSTRUMENT_NOT_FOUND"),
    ("不支持", "PRICETYPE_NOT_SUPPORTED"),
    ("数量不合法", "VOLUME_NOT_VALID"),
    ("重复", "DUPLICATE_ID"),
)
REFUSED = "VENUE_REFUSED"
_SATURDAY = 5


def order_types(exchange: Exchange) -> frozenset[OrderType]:
    """The order types TqSDK sends to an exchange."""
    types = {OrderType.LIMIT, OrderType.FAK, OrderType.FOK}
    if exchange in _MARKET:
        types.add(OrderType.MARKET)
    return frozenset(types - {OrderType.FOK} if exchange in _NO_FOK else types)


def ticks_of(price: float, tick: float) -> int:
    """Integer ticks of a quoted price, the nearest one; 0 when there is no price."""
    return int((amount(price) / amount(tick)).to_integral_value()) if price and tick else 0


def amount(value: float) -> Decimal:
    """A quoted figure as the decimal it was meant to be."""
    return Decimal(repr(value)).quantize(_FINEST).normalize() + 0


def status_of(told: ToldOrder) -> OrderStatus:
    """The status of an acknowledged order. One that finished without an exchange's number and without a fill was refused."""
    if told.status != "FINISHED":
        return OrderStatus.OPEN if told.volume_left == told.volume_orign else OrderStatus.PARTIAL
    if told.volume_left == 0:
        return OrderStatus.FILLED
    if not told.exchange_order_id.strip() and told.volume_left == told.volume_orign:
        return OrderStatus.REJECTED
    return OrderStatus.CANCELLED


def reason_of(message: str) -> str:
    """A stable code for the broker's text."""
    return next((code for text, code in _REASONS if text in message), REFUSED)


def order_of(told: ToldOrder, intent: OrderIntent, known: Order | None, now_ns: int) -> Order:
    """The order as it is now; ``now_ns`` (UTC) is when this was learned."""
    status = status_of(told)
    return Order(
        intent=intent,
        status=status,
        order_id=told.exchange_order_id.strip(),
        traded_lots=told.volume_orign - told.volume_left,
        left_lots=0 if status.terminal else told.volume_left,
        reason=reason_of(told.last_msg) if status is OrderStatus.REJECTED else "",
        message=told.last_msg,
        inserted_ns=told.insert_ns or (known.inserted_ns if known is not None else now_ns),
        updated_ns=now_ns,
    )


def intent_of(told: ToldOrder) -> OrderIntent:
    """What an order that this house did not send was meant to be. Raises TradepitError, ValueError for what has no place here."""
    types = {("ANY", "IOC"): OrderType.MARKET, ("LIMIT", "GFD"): OrderType.LIMIT}
    immediate = OrderType.FOK if told.volume_condition == "ALL" else OrderType.FAK
    return OrderIntent(
        client_order_id=check_id(told.order_id, "order_id"),
        account=told.account,
        symbol=check_id(told.instrument_id, "instrument_id"),
        exchange=Exchange(told.exchange_id),
        side=Side(told.direction),
        offset=Offset(told.offset),
        order_type=types.get((told.price_type, told.time_condition), immediate),
        price_ticks=ticks_of(told.limit_price, told.price_tick),
        volume_lots=told.volume_orign,
        created_ns=told.insert_ns,
    )


def trade_of(told: ToldTrade, trade_id: str, order_id: str, trading_day: int) -> Trade:
    """A fill. Raises ValueError for what has no place here."""
    return Trade(
        trade_id=trade_id,
        order_id=order_id,
        client_order_id=told.order_id,
        account=told.account,
        symbol=told.instrument_id,
        exchange=Exchange(told.exchange_id),
        side=Side(told.direction),
        offset=Offset(told.offset),
        price_ticks=ticks_of(told.price, told.price_tick),
        volume_lots=told.volume,
        time_ns=told.time_ns,
        trading_day=trading_day,
        fee=format(amount(told.commission), "f"),
    )


def account_of(name: str, told: ToldAccount) -> Account:
    """An account's money. What the broker counts and the house has no name for (premiums, credit) is in its balance all the same:
    as a result of the day, and what it withholds besides as frozen.
    """
    named = Account(
        account=name,
        currency=told.currency,
        pre_balance=amount(told.pre_balance),
        deposit=amount(told.deposit),
        withdraw=amount(told.withdraw),
        close_profit=amount(told.close_profit),
        position_profit=amount(told.position_profit),
        float_profit=amount(told.float_profit),
        fee=amount(told.commission),
        margin=amount(told.margin),
        frozen_margin=amount(told.frozen_margin),
        frozen_fee=amount(told.frozen_commission),
    )
    if not told.balance:
        return named
    whole = msgspec.structs.replace(named, close_profit=named.close_profit + _unnamed(amount(told.balance) - named.balance))
    held = _unnamed(whole.available - amount(told.available))
    return msgspec.structs.replace(whole, frozen_margin=whole.frozen_margin + held)


def _unnamed(difference: Decimal) -> Decimal:
    """An amount that is missing; less than a cent is rounding."""
    return difference if abs(difference) >= _ROUNDING else Decimal(0)


def position_of(account: str, told: ToldPosition) -> Position | None:
    """One side of a position; None on an exchange that has no place here."""
    try:
        exchange = Exchange(told.exchange_id)
    except ValueError:
        return None
    return Position(
        account=account,
        symbol=told.instrument_id,
        exchange=exchange,
        side=Side(told.direction),
        today_lots=told.today,
        yesterday_lots=told.history,
        frozen_today_lots=told.frozen_today,
        frozen_yesterday_lots=told.frozen_history,
        open_cost=amount(told.open_cost),
        margin=amount(told.margin),
        float_profit=amount(told.float_profit),
        position_profit=amount(told.position_profit),
    )


def listing_of(told: ToldQuote, catalog: Catalog, now_ns: int) -> Listing | None:
    """A contract's day at an instant (UTC ns): rules from the catalogue, figures from the broker. None when the house has no rules for it."""
    day = _china_day(now_ns // 1_000_000_000)
    exchange, _, symbol = told.symbol.partition(".")
    settled = amount(told.pre_settlement)
    try:
        expiry = _china_day(told.expire_s).date() if told.expire_s else None
        found = catalog.instrument(symbol, on=day.date(), listing_price=settled, expiry=expiry)
        phase = catalog.calendar.phase_at(now_ns, found.product.session_group)
    except TradepitError:
        return None
    if found.product.exchange != exchange or not told.price_tick:
        return None
    product = msgspec.structs.replace(
        found.product,
        tick_size=amount(told.price_tick),
        multiplier=told.multiplier or found.product.multiplier,
        max_limit_lots=told.max_limit_lots or found.product.max_limit_lots,
        order_types=found.product.order_types & order_types(found.product.exchange),
    )
    instrument = msgspec.structs.replace(found, product=product)
    low, high = instrument.price_band(settled)
    tick = product.tick_size
    if told.lower_limit and told.upper_limit:
        low = int((amount(told.lower_limit) / tick).to_integral_value(rounding=ROUND_CEILING))
        high = int((amount(told.upper_limit) / tick).to_integral_value(rounding=ROUND_FLOOR))
    return Listing(instrument=instrument, phase=phase, lower_limit_ticks=low, upper_limit_ticks=high, pre_settlement=settled)


def tick_of(told: ToldTick, catalog: Catalog, now_ns: int) -> Tick | None:
    """A contract's market at an instant (UTC ns); its phase is the calendar's. None when the house has no rules for the contract."""
    exchange, _, symbol = told.symbol.partition(".")
    try:
        product = catalog.product_of(symbol)
        phase = catalog.calendar.phase_at(now_ns, product.session_group)
    except TradepitError:
        return None
    if product.exchange != exchange or not told.price_tick:
        return None

    def ticks(price: float) -> int:
        return ticks_of(price, told.price_tick)

    return Tick(
        symbol=symbol,
        exchange=product.exchange,
        time_ns=told.time_ns,
        trading_day=told.trading_day,
        last_ticks=ticks(told.last),
        volume_lots=told.volume,
        turnover=amount(told.turnover),
        open_interest=told.open_interest,
        open_ticks=ticks(told.open),
        high_ticks=ticks(told.high),
        low_ticks=ticks(told.low),
        upper_limit_ticks=ticks(told.upper_limit),
        lower_limit_ticks=ticks(told.lower_limit),
        pre_close_ticks=ticks(told.pre_close),
        pre_settlement=amount(told.pre_settlement),
        bids=tuple(Level(ticks(price), lots) for price, lots in told.bids),
        asks=tuple(Level(ticks(price), lots) for price, lots in told.asks),
        phase=phase,
    )


def weekday_before(trading_day: int) -> int:
    """The weekday before a day; both YYYYMMDD."""
    day = date(trading_day // 10_000, trading_day // 100 % 100, trading_day % 100) - timedelta(days=1)
    while day.weekday() >= _SATURDAY:
        day -= timedelta(days=1)
    return day.year * 10_000 + day.month * 100 + day.day


def _china_day(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC) + timedelta(hours=8)
