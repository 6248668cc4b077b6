"""What goes to and comes from SSI FastConnect V3, field by field, in its own names (source: SSI's public SDK, ssi-sdk 3.3)."""

from decimal import Decimal
from typing import Annotated

import msgspec

from tradepit.trading.model.errors import BadRequest

Text = Annotated[str, msgspec.Meta(max_length=256)]
# Numbers come as numbers or as text, and a price may be the name of the order type.
Amount = int | float | str | None


class _Frame(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    pass


class PlaceOrder(_Frame, frozen=True, kw_only=True):
    """``POST /api/v3/trading/order``. ``price`` is a decimal string, "0" for orders at the market."""

    account_no: str
    symbol: str
    side: str
    quantity: int
    price: str
    order_type: str
    client_request_id: str
    device_id: str
    user_agent: str


class ModifyOrder(_Frame, frozen=True, kw_only=True):
    """``PUT /api/v3/trading/order``: a new whole quantity."""

    account_no: str
    client_modify_id: str
    client_request_id: str
    quantity: int
    device_id: str
    user_agent: str


class CancelOrder(_Frame, frozen=True, kw_only=True):
    """``DELETE /api/v3/trading/order``."""

    account_no: str
    client_cancel_id: str
    client_request_id: str
    device_id: str
    user_agent: str


class Acknowledged(_Frame, frozen=True, kw_only=True):
    """The answer to all three: it was received."""

    order_id: Text = ""
    order_status: Text = ""


class Refusal(_Frame, frozen=True, kw_only=True):
    """An error: ``{"code": 400107, "msg": …}``; some doors write ``message``."""

    code: int | str = 0
    msg: str = ""
    message: str = ""


class Token(_Frame, frozen=True, kw_only=True):
    """``POST /api/v3/auth/token`` and ``…/refresh``. Expiries are epoch seconds, 0 when not told."""

    access_token: str
    expires_at: int = 0
    refresh_token: str = ""
    refresh_expires_at: int = 0


class ToldOrder(_Frame, frozen=True, kw_only=True):
    """An order's state: a row of the order book, or an ``orderEvent`` of the stream. Quantities are lots, cumulative."""

    order_id: Text = ""
    client_request_id: Text = ""
    account_no: Text = ""
    symbol: Text = ""
    instrument_id: Text = ""
    side: Text = ""
    buy_sell: Text = ""
    order_type: Text = ""
    price: Amount = None
    avg_price: Amount = None
    quantity: int = 0
    filled_qty: int = 0
    cancel_qty: int = 0
    order_status: Text = ""
    input_time: Text = ""
    reject_reason: str | None = ""
    message: str | None = ""
    error_code: int | str | None = ""
    error_message: str | None = ""
    notify_id: int | str = ""


class ToldMatch(_Frame, frozen=True, kw_only=True):
    """An ``orderMatchEvent``: one fill. It has no number but ``notify_id``. ``match_time`` is Hanoi's, ``yyyy/MM/dd HH:mm:ss``.

    ``trade_name`` tells it from others where ``notify_id`` alone does not.
    """

    trade_name: str = ""
    notify_id: int | str = ""
    client_request_id: Text = ""
    order_id: Text = ""
    account_no: Text = ""
    symbol: Text = ""
    side: Text = ""
    match_price: Decimal
    match_qty: Annotated[int, msgspec.Meta(gt=0)]
    match_time: Text = ""


class ToldError(_Frame, frozen=True, kw_only=True):
    """A request came to nothing: that of an order, or that of a change to one. Only V2 tells so apart from the order."""

    request_id: Text = ""
    code: Text = ""
    message: str = ""
    notify_id: int | str = ""


class OrderBook(_Frame, frozen=True, kw_only=True):
    """A page of ``GET /api/v3/trading/orderBook``."""

    account_no: Text = ""
    order_list: tuple[ToldOrder, ...] | None = ()


class Funds(_Frame, frozen=True, kw_only=True):
    """The derivative part of ``GET /api/v3/trading/ppmmrAccount``: money in VND."""

    account_balance: Decimal = Decimal(0)
    fee: Decimal = Decimal(0)
    commission: Decimal = Decimal(0)
    floating_pl: Decimal = msgspec.field(default=Decimal(0), name="floatingPL")
    trading_pl: Decimal = msgspec.field(default=Decimal(0), name="tradingPL")
    margin_req_ssi: Decimal = msgspec.field(default=Decimal(0), name="marginReqSSI")
    ee_ssi: Decimal | None = msgspec.field(default=None, name="eeSSI")


class FundsAnswer(_Frame, frozen=True, kw_only=True):
    """``GET /api/v3/trading/ppmmrAccount``."""

    derivative: Funds | None = None


class ToldPosition(_Frame, frozen=True, kw_only=True):
    """A row of the open derivative positions. Prices are index points."""

    symbol: Text = ""
    long: int = 0
    short: int = 0
    bid_avg_price: Decimal = Decimal(0)
    ask_avg_price: Decimal = Decimal(0)
    floating_pl: Decimal = msgspec.field(default=Decimal(0), name="floatingPL")


class OpenPositions(_Frame, frozen=True, kw_only=True):
    """The derivative part of the positions."""

    der_open_positions: tuple[ToldPosition, ...] | None = ()


class PositionsAnswer(_Frame, frozen=True, kw_only=True):
    """``GET /api/v3/trading/position``."""

    derivative: OpenPositions | None = None


class MasterRow(_Frame, frozen=True, kw_only=True):
    """A contract's day in ``GET /api/v3/data/masterdata``."""

    symbol: Text = ""
    ceiling: Decimal = Decimal(0)
    floor: Decimal = Decimal(0)
    ref_price: Decimal = Decimal(0)


class MasterAnswer(_Frame, frozen=True, kw_only=True):
    """A page of ``GET /api/v3/data/masterdata``."""

    data: tuple[MasterRow, ...] | None = ()


class _Data(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    event_type: str = ""


class _Envelope(msgspec.Struct, frozen=True, kw_only=True):
    channel: str = ""
    topic: str = ""
    method: str = ""
    status: str = ""
    code: int | str = 0
    data: msgspec.Raw = msgspec.Raw(b"{}")


_ENVELOPES = msgspec.json.Decoder(_Envelope, strict=False)
_DATA = msgspec.json.Decoder(_Data)
_ORDERS = msgspec.json.Decoder(ToldOrder, strict=False)
_MATCHES = msgspec.json.Decoder(ToldMatch, strict=False)


class Subscribed(msgspec.Struct, frozen=True):
    """The stream took, or (``ok`` False) refused, what was asked of it."""

    ok: bool


def read_frame(frame: bytes) -> ToldOrder | ToldMatch | Subscribed | None:
    """What a frame of the stream tells; None for what is of no concern here. Raises BadRequest for what cannot be read."""
    try:
        envelope = _ENVELOPES.decode(frame)
        if envelope.method == "SUBSCRIBE" or (envelope.code and not envelope.channel):
            return Subscribed(envelope.status.lower() != "error" and not envelope.code)
        if envelope.channel != "TRADING" or not envelope.topic:
            return None
        kind = _DATA.decode(envelope.data).event_type
        if kind == "orderMatchEvent":
            return _MATCHES.decode(envelope.data)
        if kind == "orderEvent" or (not kind and envelope.topic.startswith("order.")):
            return _ORDERS.decode(envelope.data)
    except (msgspec.MsgspecError, UnicodeDecodeError, ArithmeticError) as error:
        raise BadRequest("a frame of the stream cannot be read", cause=str(error)[:200]) from error
    return None
