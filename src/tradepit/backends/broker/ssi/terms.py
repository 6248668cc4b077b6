"""SSI's words in the house's: order types, statuses, reasons, contract codes, money; and an order's way back to SSI."""

import re
from collections.abc import Container
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from hashlib import sha256

from tradepit.backends.broker.ssi.frames import Amount, Funds, ToldMatch, ToldOrder, ToldPosition
from tradepit.trading.calendar.contracts import KRX_FIRST_YEAR, KRX_MONTHS, KRX_YEARS, ContractMonth
from tradepit.trading.model.account import Account
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.order import Order, OrderIntent
from tradepit.trading.model.position import Position
from tradepit.trading.model.terms import Exchange, Offset, OrderStatus, OrderType, Side
from tradepit.trading.model.trade import Trade

HANOI = timedelta(hours=7)
MAX_REQUEST_ID = 20
_FIRST_SHORT, _SHORT_IDS = 10_000_000, 90_000_000
SIDES = {Side.BUY: "B", Side.SELL: "S"}
TYPES = {
    OrderType.LIMIT: "LO",
    OrderType.ATO: "ATO",
    OrderType.ATC: "ATC",
    OrderType.MTL: "MTL",
    OrderType.MOK: "MOK",
    OrderType.MAK: "MAK",
}
_TYPES = {word: kind for kind, word in TYPES.items()} | {"MP": OrderType.MTL}
_SIDES = {word: side for side, word in SIDES.items()}
# On the way to the exchange: over in moments, so nobody is told of them.
PASSING = frozenset({"", "PD", "RQ", "RS", "SD", "PAS"})
_STATUSES = {
    "WA": OrderStatus.SUBMITTED,
    "IAV": OrderStatus.SUBMITTED,
    "SOI": OrderStatus.SUBMITTED,
    "SOR": OrderStatus.SUBMITTED,
    "SOS": OrderStatus.SUBMITTED,
    "QU": OrderStatus.OPEN,
    "PF": OrderStatus.PARTIAL,
    "FF": OrderStatus.FILLED,
    "FFPC": OrderStatus.CANCELLED,
    "CL": OrderStatus.CANCELLED,
    "RJ": OrderStatus.REJECTED,
    "ERR": OrderStatus.REJECTED,
    "EX": OrderStatus.EXPIRED,
}
# While a change is asked for, the order works as before.
_CHANGING = frozenset({"WM", "WC", "CPL"})
_REASONS = (
    ("ceiling", "PRICE_OVER_LIMIT"),
    ("floor", "PRICE_OVER_LIMIT"),
    ("price step", "PRICE_WRONG_TICK"),
    ("tick", "PRICE_WRONG_TICK"),
    ("market status", "NOT_TRADING_PERIOD"),
    ("session", "NOT_TRADING_PERIOD"),
    ("order type", "PRICETYPE_NOT_SUPPORTED"),
    ("margin", "INSUFFICIENT_MONEY"),
    ("purchasing power", "INSUFFICIENT_MONEY"),
    ("balance", "INSUFFICIENT_MONEY"),
    ("account", "ACCOUNT_NOT_FOUND"),
    ("quantity", "VOLUME_NOT_VALID"),
    ("symbol", "INSTRUMENT_NOT_FOUND"),
    ("instrument", "INSTRUMENT_NOT_FOUND"),
    ("price", "PRICE_NOT_VALID"),
)
REFUSED = "VENUE_REFUSED"
_NO_TOKEN = re.compile(r"[^A-Za-z0-9_-]")


def request_id(account: str, client_order_id: str, trading_day: int) -> str:
    """The id under which SSI knows an order: 20 characters that follow from it, so that whoever sends it again sends the same."""
    text = f"{account}/{client_order_id}/{trading_day}"
    return sha256(text.encode()).hexdigest()[:MAX_REQUEST_ID]


def short_request_id(owner: str, name: str, stamp: int, used: Container[str]) -> str:
    """Eight digits, none of ``used``, that follow from what a request is about as long as nobody else has them.

    The first is never 0: SSI tells the digits here with leading zeros and there without.
    """
    start = int(sha256(f"{owner}/{name}/{stamp}".encode()).hexdigest()[:15], 16)
    found = (str(_FIRST_SHORT + (start + step) % _SHORT_IDS) for step in range(_SHORT_IDS))
    return next(text for text in found if text not in used)


def krx_symbol(prefix: str, month: ContractMonth) -> str:
    """A contract's code at the exchange: 41I1F1000 is the VN30 future of January 2025."""
    return f"{prefix}{KRX_YEARS[month.year - KRX_FIRST_YEAR]}{KRX_MONTHS[month.month - 1]}000"


def reason_of(message: str) -> str:
    """A stable code for SSI's text."""
    told = message.lower()
    return next((code for text, code in _REASONS if text in told), REFUSED)


def number(value: Amount) -> Decimal:
    """A figure as a number; the name of an order type and nothing at all are 0."""
    try:
        found = Decimal(str(value or 0))
    except InvalidOperation:
        return Decimal(0)
    return found if found.is_finite() else Decimal(0)


def instant_ns(text: str, otherwise_ns: int) -> int:
    """UTC ns of Hanoi's ``yyyy/MM/dd HH:mm:ss`` or of epoch milliseconds; ``otherwise_ns`` for anything else."""
    try:
        if text.isdecimal():
            return int(text) * 1_000_000
        moment = datetime.strptime(text, "%Y/%m/%d %H:%M:%S").replace(tzinfo=UTC) - HANOI
    except ValueError:
        return otherwise_ns
    return int(moment.timestamp()) * 1_000_000_000


def day_text(trading_day: int) -> str:
    """A trading day (YYYYMMDD) as SSI writes dates: yyyy/MM/dd."""
    return date.fromisoformat(str(trading_day)).strftime("%Y/%m/%d")


def status_of(told: ToldOrder) -> OrderStatus:
    """The status of an order that is no longer on its way. Raises ValueError for a word nobody has told us of."""
    if told.order_status in _CHANGING:
        return OrderStatus.PARTIAL if told.filled_qty else OrderStatus.OPEN
    try:
        status = _STATUSES[told.order_status]
    except KeyError:
        raise ValueError(f"unknown order status {told.order_status[:16]!r}") from None
    if status is OrderStatus.OPEN and told.filled_qty:
        return OrderStatus.PARTIAL
    return status


def order_of(told: ToldOrder, intent: OrderIntent, known: Order | None, now_ns: int) -> Order:
    """The order as it is now; ``now_ns`` (UTC) is when this was learned. Raises ValueError."""
    status = status_of(told)
    message = told.reject_reason or told.error_message or told.message or ""
    left = max(0, (told.quantity or intent.volume_lots) - told.filled_qty - told.cancel_qty)
    return Order(
        intent=intent,
        status=status,
        order_id=token(told.order_id),
        traded_lots=told.filled_qty,
        left_lots=0 if status.terminal else left,
        reason=reason_of(message) if status is OrderStatus.REJECTED else "",
        message=message[:256] if status is OrderStatus.REJECTED else "",
        inserted_ns=known.inserted_ns if known is not None else instant_ns(told.input_time, now_ns),
        updated_ns=now_ns,
    )


def intent_of(told: ToldOrder, account: str, client_order_id: str, instrument: Instrument) -> OrderIntent:
    """What an order that this house did not send was meant to be. Raises ValueError, TradepitError for what has no place here."""
    kind, side = _TYPES.get(told.order_type), _SIDES.get(told.side or told.buy_sell)
    if kind is None or side is None:
        raise ValueError(f"unknown order type or side {told.order_type[:16]!r}")
    return OrderIntent(
        client_order_id=client_order_id,
        account=account,
        symbol=instrument.symbol,
        exchange=Exchange.HNX,
        side=side,
        offset=Offset.NET,
        order_type=kind,
        price_ticks=instrument.to_ticks(number(told.price)) if kind.priced else 0,
        volume_lots=told.quantity,
    )


def trade_of(intent: OrderIntent, trade_id: str, order_id: str, ticks: int, lots: int, time_ns: int, trading_day: int) -> Trade:
    """A fill of an order. SSI tells no fee with it."""
    return Trade(
        trade_id=token(trade_id),
        order_id=token(order_id),
        client_order_id=intent.client_order_id,
        account=intent.account,
        symbol=intent.symbol,
        exchange=intent.exchange,
        side=intent.side,
        offset=Offset.NET,
        price_ticks=ticks,
        volume_lots=lots,
        time_ns=time_ns,
        trading_day=trading_day,
    )


def match_name(told: ToldMatch) -> str:
    """What tells one fill from another."""
    return told.trade_name or str(told.notify_id) or f"{told.order_id}/{told.match_time}/{told.match_price}/{told.match_qty}"


def account_of(name: str, told: Funds) -> Account:
    """An account's money in VND.

    SSI does not name what working orders hold back: it is what is missing between equity less margin, and excess equity.
    """
    fee = told.fee + told.commission
    equity = told.account_balance + told.trading_pl + told.floating_pl - fee
    held = Decimal(0) if told.ee_ssi is None else max(Decimal(0), equity - told.margin_req_ssi - told.ee_ssi)
    return Account(
        account=name,
        currency="VND",
        pre_balance=told.account_balance,
        close_profit=told.trading_pl,
        position_profit=told.floating_pl,
        float_profit=told.floating_pl,
        fee=fee,
        margin=told.margin_req_ssi,
        frozen_margin=held,
    )


def positions_of(account: str, told: ToldPosition, instrument: Instrument) -> list[Position]:
    """The sides of a position that hold lots. Whether they are today's SSI does not tell: lots net on any day (T+0)."""
    found = []
    for side, lots, price in ((Side.BUY, told.long, told.bid_avg_price), (Side.SELL, told.short, told.ask_avg_price)):
        if lots > 0:
            found.append(
                Position(
                    account=account,
                    symbol=instrument.symbol,
                    exchange=Exchange.HNX,
                    side=side,
                    today_lots=lots,
                    open_cost=price * lots * instrument.product.multiplier,
                    float_profit=told.floating_pl,
                    position_profit=told.floating_pl,
                )
            )
    return found


def token(text: str) -> str:
    """Text of SSI's as an id of the house: other characters become dashes."""
    return _NO_TOKEN.sub("-", text)[:64]
