"""What goes to and comes from SSI FastConnect V2 (source: its specification 2.4 and public SDK), and the same in the words of V3.

SSI writes its names in more than one case (``uniqueID``, ``UniqueID``, ``isForcesell``): what comes is read without regard to it.
"""

import re
from collections.abc import Callable
from typing import Annotated, TypeVar

import msgspec

from tradepit.backends.broker.ssi.frames import Amount, Funds, MasterRow, ToldError, ToldMatch, ToldOrder, ToldPosition
from tradepit.backends.broker.ssi.terms import number
from tradepit.trading.model.errors import BadRequest

MARKET = "VNFE"
CHANNEL = "TA"
_DEEPEST = 8
# An order that never reached the exchange is called by its day, three characters, and the eight digits of its request.
_BY_REQUEST = re.compile(r"T\d{8}\w{3}(\d{8})\Z", re.ASCII)
_ODD_NAMES = {"device_id": "deviceId"}

Text = Annotated[str, msgspec.Meta(max_length=256)] | None
AnswerT = TypeVar("AnswerT")


def _wire(name: str) -> str:
    first, *rest = name.split("_")
    return _ODD_NAMES.get(name) or first + "".join("ID" if word == "id" else word.title() for word in rest)


class _Body(msgspec.Struct, frozen=True, kw_only=True, rename=_wire):
    pass


class NewOrder(_Body, frozen=True, kw_only=True):
    """``POST derNewOrder``. ``price`` is 0 for what is no limit order. This house sends no stop orders."""

    account: str
    request_id: str
    instrument_id: str
    market: str = MARKET
    buy_sell: str
    order_type: str
    price: float
    quantity: int
    stop_order: bool = False
    stop_price: float = 0
    stop_type: str = ""
    stop_step: float = 0
    loss_step: float = 0
    profit_step: float = 0
    channel_id: str = CHANNEL
    code: str = ""
    device_id: str
    user_agent: str


class ModifyOrder(_Body, frozen=True, kw_only=True):
    """``POST derModifyOrder``: price and whole quantity as they are to be, whichever of them changes."""

    account: str
    request_id: str
    order_id: str
    market_id: str = MARKET
    instrument_id: str
    price: float
    quantity: int
    buy_sell: str
    order_type: str
    code: str = ""
    device_id: str
    user_agent: str


class CancelOrder(_Body, frozen=True, kw_only=True):
    """``POST derCancelOrder``."""

    account: str
    request_id: str
    order_id: str
    market_id: str = MARKET
    instrument_id: str
    buy_sell: str
    code: str = ""
    device_id: str
    user_agent: str


def _plain(name: str) -> str:
    return name.replace("_", "")


class _Told(msgspec.Struct, frozen=True, kw_only=True, rename=_plain):
    pass


class Answer(_Told, frozen=True, kw_only=True):
    """What every door answers: ``{"status": 200, "message": "Success", "data": …}``. The status is HTTP's kind of number."""

    status: int | str = 0
    message: str | None = ""
    data: object = None

    @property
    def number(self) -> int:
        """The status as a number; the data doors write a word, which says no more than HTTP's status does."""
        return int(self.status) if str(self.status).isdecimal() else 0


class _Error(_Told, frozen=True, kw_only=True):
    unique_id: Text = ""
    error_code: int | str | None = ""
    message: str | None = ""
    notify_id: int | str | None = ""


class Row(_Told, frozen=True, kw_only=True):
    """An order's state: a row of orderBook, auditOrderBook, orderHistory, or an ``orderEvent``.

    ``unique_id`` is the request that changed it last, ``orig_request_id`` that which placed it, where it is told.
    """

    order_id: Text = ""
    unique_id: Text = ""
    orig_request_id: Text = ""
    account: Text = ""
    instrument_id: Text = ""
    buy_sell: Text = ""
    order_type: Text = ""
    price: Amount = None
    avg_price: Amount = None
    quantity: int | None = 0
    filled_qty: int | None = 0
    cancel_qty: int | None = 0
    order_status: Text = ""
    input_time: int | Text = ""
    reject_reason: str | None = ""
    notify_id: int | str | None = ""
    last_error_event: "Row | None" = None

    def told(self) -> ToldOrder:
        """The same in the words of V3."""
        placed = _BY_REQUEST.match(self.order_id or "")
        reason = self.reject_reason or ""
        return ToldOrder(
            order_id=self.order_id or "",
            client_request_id=self.orig_request_id or self.unique_id or (placed[1] if placed else ""),
            account_no=self.account or "",
            symbol=self.instrument_id or "",
            side=self.buy_sell or "",
            order_type=self.order_type or "",
            price=self.price,
            avg_price=self.avg_price,
            quantity=self.quantity or 0,
            filled_qty=self.filled_qty or 0,
            cancel_qty=self.cancel_qty or 0,
            order_status=(self.order_status or "").upper(),
            input_time=str(self.input_time or ""),
            reject_reason="" if reason == "0" else reason[:256],
            notify_id=self.notify_id or "",
        )

    def error(self) -> ToldError | None:
        """The last request for this order that came to nothing, where SSI's audit tells of one."""
        last = self.last_error_event
        if last is None or not last.unique_id:
            return None
        return ToldError(request_id=last.unique_id, message=(last.reject_reason or "")[:256])


class Orders(_Told, frozen=True, kw_only=True):
    """The data of orderBook, auditOrderBook (``orders``) and orderHistory (``orderHistories``)."""

    orders: tuple[Row, ...] | None = ()
    order_histories: tuple[Row, ...] | None = ()


class _Match(_Told, frozen=True, kw_only=True):
    order_id: Text = ""
    unique_id: Text = ""
    account: Text = ""
    instrument_id: Text = ""
    buy_sell: Text = ""
    match_price: Amount
    match_qty: Annotated[int, msgspec.Meta(gt=0)]
    match_time: int | Text = ""
    notify_id: int | str | None = ""


class _Internal(_Told, frozen=True, kw_only=True):
    margin_req: Amount = 0
    ee: Amount = None


class Balance(_Told, frozen=True, kw_only=True):
    """The data of ``derivAcctBal``: money in VND."""

    account_balance: Amount = 0
    fee: Amount = 0
    commission: Amount = 0
    floating_pl: Amount = 0
    total_pl: Amount = 0
    internal_assets: _Internal | None = None
    internal_margin: _Internal | None = None

    def funds(self) -> Funds:
        """The same in the words of V3, which tells the closed part of the profit and V2 the whole."""
        assets, margin = self.internal_assets or _Internal(), self.internal_margin or _Internal()
        floating = number(self.floating_pl)
        return Funds(
            account_balance=number(self.account_balance),
            fee=number(self.fee),
            commission=number(self.commission),
            floating_pl=floating,
            trading_pl=number(self.total_pl) - floating,
            margin_req_ssi=number(margin.margin_req),
            ee_ssi=None if assets.ee is None else number(assets.ee),
        )


class _Position(_Told, frozen=True, kw_only=True):
    instrument_id: Text = ""
    long_qty: int | None = 0
    short_qty: int | None = 0
    bid_avg_price: Amount = 0
    ask_avg_price: Amount = 0
    floating_pl: Amount = 0

    def told(self) -> ToldPosition:
        return ToldPosition(
            symbol=self.instrument_id or "",
            long=self.long_qty or 0,
            short=self.short_qty or 0,
            bid_avg_price=number(self.bid_avg_price),
            ask_avg_price=number(self.ask_avg_price),
            floating_pl=number(self.floating_pl),
        )


class Positions(_Told, frozen=True, kw_only=True):
    """The data of ``derivPosition``."""

    open_position: tuple[_Position, ...] | None = ()

    def told(self) -> list[ToldPosition]:
        """The same in the words of V3."""
        return [row.told() for row in self.open_position or ()]


class Token(_Told, frozen=True, kw_only=True):
    """The data of ``AccessToken``."""

    access_token: str


class DayPrice(_Told, frozen=True, kw_only=True):
    """A contract's day in ``DailyStockPrice`` of FastConnect Data. ``trading_date`` is dd/mm/yyyy."""

    trading_date: Text = ""
    ceiling_price: Amount = 0
    floor_price: Amount = 0
    ref_price: Amount = 0
    close_price: Amount = 0

    def told(self, symbol: str) -> MasterRow:
        """The same in the words of V3."""
        ceiling, floor = number(self.ceiling_price), number(self.floor_price)
        return MasterRow(symbol=symbol, ceiling=ceiling, floor=floor, ref_price=number(self.ref_price))


class _Event(_Told, frozen=True, kw_only=True):
    type: str = ""
    data: object = None


def _lowered(value: object, depth: int = 0) -> object:
    if depth > _DEEPEST:
        raise ValueError("nested too deep")
    if isinstance(value, dict):
        return {str(name).lower(): _lowered(one, depth + 1) for name, one in value.items()}
    return [_lowered(one, depth + 1) for one in value] if isinstance(value, list) else value


def _guarded(read: Callable[[], AnswerT], what: str) -> AnswerT:
    try:
        return read()
    except (msgspec.MsgspecError, ValueError, ArithmeticError, RecursionError) as error:
        raise BadRequest(f"{what} cannot be read", cause=str(error)[:200]) from error


def read_answer(content: bytes) -> Answer:
    """What a door answered. Raises BadRequest."""
    return _guarded(lambda: msgspec.convert(_lowered(msgspec.json.decode(content)), Answer, strict=False), "an answer of SSI's")


def read_data(answer: Answer, kind: type[AnswerT]) -> AnswerT:
    """An answer's data; no data is an empty one. Raises BadRequest."""
    return _guarded(lambda: msgspec.convert(answer.data or {}, kind, strict=False), "what SSI answered with")


def read_event(argument: bytes) -> ToldOrder | ToldMatch | ToldError | None:
    """What a broadcast tells; None for what is of no concern here. Raises BadRequest for what cannot be read."""
    return _guarded(lambda: _event(argument), "an event of SSI's")


def _event(argument: bytes) -> ToldOrder | ToldMatch | ToldError | None:
    told = msgspec.json.decode(argument)
    if isinstance(told, str):
        # The event is a text that holds JSON.
        told = msgspec.json.decode(told)
    event = msgspec.convert(_lowered(told), _Event, strict=False)
    if event.type == "orderEvent":
        return msgspec.convert(event.data, Row, strict=False).told()
    if event.type == "orderError":
        error = msgspec.convert(event.data, _Error, strict=False)
        return ToldError(
            request_id=error.unique_id or "",
            code=str(error.error_code or "")[:64],
            message=(error.message or "")[:256],
            notify_id=error.notify_id or "",
        )
    if event.type == "orderMatchEvent":
        return _match(msgspec.convert(event.data, _Match, strict=False))
    return None


def _match(told: _Match) -> ToldMatch:
    notify_id, order_id = told.notify_id or "", told.order_id or ""
    return ToldMatch(
        # Numbers of events begin anew each day, numbers of orders do not.
        trade_name=f"{notify_id}/{order_id}" if notify_id else "",
        notify_id=notify_id,
        client_request_id=told.unique_id or "",
        order_id=order_id,
        account_no=told.account or "",
        symbol=told.instrument_id or "",
        side=told.buy_sell or "",
        match_price=number(told.match_price),
        match_qty=told.match_qty,
        match_time=str(told.match_time or ""),
    )
