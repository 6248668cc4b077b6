"""Orders and trades in DIFF: a client's request as the house asks for it, and what became of it as the client reads it."""

from decimal import Decimal
from typing import Annotated, Any

import msgspec

from tradepit.trading.model.errors import BadRequest
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.order import Order
from tradepit.trading.model.product import CloseRule
from tradepit.trading.model.terms import Offset, OrderStatus, OrderType
from tradepit.trading.model.trade import Trade
from tradepit.web.diff.naming import MAX_ORDER_ID, client_order_id_of, order_id_of, outside_symbol, price_type_of, reference_of

Record = dict[str, Any]
_OFFSETS = {Offset.CLOSEYESTERDAY: "CLOSE", Offset.NET: "OPEN"}
_CONDITIONS = {
    OrderType.LIMIT: ("GFD", "ANY"),
    OrderType.FAK: ("IOC", "ANY"),
    OrderType.FOK: ("IOC", "ALL"),
    OrderType.MARKET: ("IOC", "ANY"),
    # DIFF has no words of its own for HNX's types: ordered by others, they are shown as what comes nearest.
    OrderType.ATO: ("GFA", "ANY"),
    OrderType.ATC: ("GFA", "ANY"),
    OrderType.MTL: ("GFD", "ANY"),
    OrderType.MOK: ("IOC", "ALL"),
    OrderType.MAK: ("IOC", "ANY"),
}
_REFUSED = (OrderStatus.REJECTED, OrderStatus.RISK_REJECTED)
_WORDS = {
    OrderStatus.PARTIAL: "部分成交",
    OrderStatus.FILLED: "全部成交",
    OrderStatus.CANCELLED: "已撤单",
    OrderStatus.EXPIRED: "已撤单",
    OrderStatus.OPEN: "未成交",
}
_REASONS = {
    "OVER_CLOSEYESTERDAY": "CTP:平昨仓位不足",
    "OVER_CLOSETODAY": "CTP:平今仓位不足",
    "OVER_CLOSE_POSITION": "CTP:平仓量超过持仓量",
    "INSUFFICIENT_MONEY": "CTP:资金不足",
    "PRICE_OVER_LIMIT": "CTP:报单价格超出涨跌停板",
    "PRICE_WRONG_TICK": "CTP:报单价格不是最小单位的倍数",
    "NOT_TRADING_PERIOD": "CTP:当前状态禁止此项操作",
    "INSTRUMENT_NOT_FOUND": "CTP:找不到合约",
    "ORDER_TYPE_NOT_SUPPORTED": "CTP:不支持的报单类型",
    "PRICETYPE_NOT_SUPPORTED": "CTP:不支持的报单类型",
    "VOLUME_NOT_VALID": "CTP:报单数量不合法",
}
_Short = Annotated[str, msgspec.Meta(max_length=64)]


class InsertOrder(msgspec.Struct, frozen=True, kw_only=True):
    """``insert_order`` as the client sends it."""

    order_id: Annotated[str, msgspec.Meta(min_length=1)]
    exchange_id: _Short
    instrument_id: _Short
    direction: _Short
    offset: _Short = "OPEN"
    volume: int | float
    price_type: _Short = "LIMIT"
    limit_price: float | None = None
    time_condition: _Short = "GFD"
    volume_condition: _Short = "ANY"
    user_id: str = ""


class CancelOrder(msgspec.Struct, frozen=True, kw_only=True):
    """``cancel_order`` as the client sends it."""

    order_id: str
    user_id: str = ""


def order_type_of(request: InsertOrder) -> OrderType:
    """The house's order type. A market order is all the venue knows of BEST and FIVELEVEL. Raises BadRequest."""
    key = (request.time_condition, request.volume_condition)
    if request.price_type == "LIMIT":
        found = next((kind for kind, words in _CONDITIONS.items() if words == key and kind.priced), None)
        if found is not None:
            return found
    elif request.price_type in ("ANY", "BEST", "FIVELEVEL") and key == ("IOC", "ANY"):
        return OrderType.MARKET
    raise BadRequest("no such kind of order", price_type=request.price_type, conditions="/".join(key))


def house_order(request: InsertOrder, instrument: Instrument) -> dict[str, Any]:
    """The arguments with which an order client submits it. Raises BadRequest."""
    if request.direction not in ("BUY", "SELL"):
        raise BadRequest("direction must be BUY or SELL", direction=request.direction)
    if request.offset not in ("OPEN", "CLOSE", "CLOSETODAY"):
        raise BadRequest("offset must be OPEN, CLOSE or CLOSETODAY", offset=request.offset)
    if len(request.order_id) > MAX_ORDER_ID:
        raise BadRequest("order_id is too long", limit=MAX_ORDER_ID)
    kind = order_type_of(request)
    offset = request.offset
    if instrument.product.close_rule is CloseRule.NET:
        offset = Offset.NET.value
    return {
        "side": request.direction,
        "symbol": instrument.symbol,
        "price": None if kind is OrderType.MARKET else Decimal(repr(request.limit_price or 0.0)),
        "volume": int(request.volume) if request.volume == int(request.volume) else request.volume,
        "offset": offset,
        "order_type": kind.value,
        "client_order_id": client_order_id_of(request.order_id),
        "reference": reference_of(request.order_id, request.price_type),
    }


def order_record(order: Order, instrument: Instrument, user_name: str) -> Record:
    """The whole order as ``trade.<user>.orders.<order_id>``. A refused one has no exchange id and all of its volume left."""
    intent, refused = order.intent, order.status in _REFUSED
    time_condition, volume_condition = _CONDITIONS[intent.order_type]
    return {
        "user_id": user_name,
        "order_id": order_id_of(intent.client_order_id, intent.reference),
        "exchange_order_id": "" if refused else order.order_id,
        "exchange_id": intent.exchange.value,
        "instrument_id": intent.symbol,
        "direction": intent.side.value,
        "offset": _OFFSETS.get(intent.offset, intent.offset.value),
        "offset_leg2": "",
        "volume_orign": intent.volume_lots,
        "volume_left": intent.volume_lots - order.traded_lots,
        "price_type": price_type_of(intent),
        "limit_price": float(instrument.to_price(intent.price_ticks)),
        "time_condition": time_condition,
        "volume_condition": volume_condition,
        "insert_date_time": order.inserted_ns,
        "status": "FINISHED" if order.status.terminal else "ALIVE",
        "last_msg": refusal_text(order.reason, order.message) if refused else _WORDS.get(order.status, "报单已提交"),
        "frozen_margin": 0.0,
        "frozen_premium": 0.0,
        "seqno": 0,
    }


def refused_record(request: InsertOrder, user_name: str, now_ns: int, text: str) -> Record:
    """An order that never came to the exchange, for good."""
    return {
        "user_id": user_name,
        "order_id": request.order_id,
        "exchange_order_id": "",
        "exchange_id": request.exchange_id,
        "instrument_id": request.instrument_id,
        "direction": request.direction,
        "offset": request.offset,
        "offset_leg2": "",
        "volume_orign": request.volume,
        "volume_left": request.volume,
        "price_type": request.price_type,
        "limit_price": request.limit_price or 0.0,
        "time_condition": request.time_condition,
        "volume_condition": request.volume_condition,
        "insert_date_time": now_ns,
        "status": "FINISHED",
        "last_msg": text,
        "frozen_margin": 0.0,
        "frozen_premium": 0.0,
        "seqno": 0,
    }


def refusal_text(code: str, message: str) -> str:
    """Why an order was refused, in the words that brokers use where there are any."""
    return _REASONS.get(code) or f"CTP:{message or code} ({code})"


def trade_record(trade: Trade, instrument: Instrument, order_id: str, user_name: str) -> Record:
    """One fill as ``trade.<user>.trades.<trade key>``."""
    return {
        "user_id": user_name,
        "trade_id": trade_key(trade, order_id),
        "order_id": order_id,
        "exchange_trade_id": trade.trade_id,
        "exchange_id": trade.exchange.value,
        "instrument_id": trade.symbol,
        "direction": trade.side.value,
        "offset": _OFFSETS.get(trade.offset, trade.offset.value),
        "price": float(instrument.to_price(trade.price_ticks)),
        "volume": trade.volume_lots,
        "trade_date_time": trade.time_ns,
        "commission": float(Decimal(trade.fee)),
        "seqno": 0,
    }


def trade_key(trade: Trade, order_id: str) -> str:
    """Unique among a user's trades: both sides of a match share the exchange's number."""
    return f"{order_id}|{trade.trade_id}"


def contract_name(instrument: Instrument) -> str:
    """``CFFEX.IF2501``."""
    return outside_symbol(instrument.product.exchange.value, instrument.symbol)
