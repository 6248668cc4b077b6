"""Between the bot platform's intents and our orders, and between what became of orders and the platform's events and alerts."""

from decimal import Decimal

from tradepit.trading.model.errors import BadRequest
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.order import Order
from tradepit.trading.model.terms import Offset, OrderType
from tradepit.trading.model.trade import Trade
from tradepit.trading.orders.events import OrderRefused, OrderRemarked, RiskWarned
from tradepit.wire import platform as wire
from tradepit.wire.order_controls import PlaceRequest

OFFSET = "offset"
# All orders are good for the exchange's day; what asks for longer gets that, as futures exchanges have nothing longer.
_TIMES = {"": OrderType.LIMIT, "DAY": OrderType.LIMIT, "GFD": OrderType.LIMIT, "GTC": OrderType.LIMIT,
          "IOC": OrderType.FAK, "FAK": OrderType.FAK, "FOK": OrderType.FOK}  # fmt: skip
_HALTED = frozenset({"TRADING_HALTED", "NOT_TRADING_PERIOD", "INSTRUMENT_NOT_TRADING", "INSTRUMENT_NOT_FOUND"})
_BROKEN = frozenset({"RULE_FAILED", "STREAM_RECONCILING", "UNKNOWN_ORDER_PENDING"})
_ALERTS = {
    "LOSS_CAP": wire.AlertType.LOSS_CAP,
    "LEVERAGE": wire.AlertType.LEVERAGE,
    "INSUFFICIENT_MONEY": wire.AlertType.LEVERAGE,
    "SYMBOL_BLOCKED": wire.AlertType.SYMBOL_BLOCKED,
    "RULE_FAILED": wire.AlertType.SYSTEM,
}
_CRITICAL = frozenset({"LOSS_CAP", "RULE_FAILED", "CIRCUIT_OPEN", "CANCEL_COUNT", "SELF_TRADE_COUNT"})


def place_request(intent: wire.OrderIntent) -> PlaceRequest:
    """The order an intent asks for; its annotation ``offset`` says what it does to the position. Raises BadRequest.

    Intents do not tell when they were made, only when they expire: ``expires_at`` is how they go stale.
    """
    if intent.type is wire.IntentType.STOP:
        raise BadRequest("stop orders are not taken", type=intent.type.value)
    if intent.time_in_force not in _TIMES:
        raise BadRequest("no such time in force", time_in_force=intent.time_in_force[:32])
    offset = intent.annotations.get(OFFSET, "").upper()
    if offset and offset not in Offset.__members__:
        raise BadRequest("no such offset", offset=offset[:32])
    if intent.sequence >= 2**63:
        raise BadRequest("sequence is out of range")
    market = intent.type is wire.IntentType.MARKET
    return PlaceRequest(
        symbol=intent.symbol,
        volume=intent.quantity,
        price=intent.limit_price,
        account=intent.account_id,
        type=(OrderType.MARKET if market else _TIMES[intent.time_in_force]).value,
        client_order_id=intent.intent_id,
        side=intent.side.value,
        bot=intent.bot_id,
        sequence=intent.sequence,
        expires=intent.expires_at_ns,
        offset=offset,
        reference=intent.bot_id,
    )


def category_of(code: str) -> wire.RejectionReason:
    """The class of a refusal by us."""
    if code in _HALTED:
        return wire.RejectionReason.INSTRUMENT_HALTED
    if code == "STALE_INTENT":
        return wire.RejectionReason.TIMEOUT
    return wire.RejectionReason.SYSTEM_ERROR if code in _BROKEN else wire.RejectionReason.RISK_LIMIT


def acknowledged(order: Order, now_ns: int) -> wire.OrderIntentAck:
    """The order was accepted and journaled."""
    return wire.OrderIntentAck(intent_id=order.client_order_id, executor_order_id=order.client_order_id, received_at_ns=now_ns)


def filled(order: Order, trade: Trade, instrument: Instrument, filled_lots: int) -> wire.ExecutionFill:
    """A trade of the order, after which ``filled_lots`` of it have traded."""
    return wire.ExecutionFill(
        intent_id=order.client_order_id,
        executor_order_id=order.client_order_id,
        provider_order_id=trade.order_id,
        filled_quantity=trade.volume_lots,
        remaining_quantity=max(0, order.intent.volume_lots - filled_lots),
        fill_price=instrument.to_price(trade.price_ticks),
        fee_paid=Decimal(trade.fee),
        filled_at_ns=trade.time_ns,
    )


def rejected(
    intent_id: str, code: str, category: wire.RejectionReason, now_ns: int, *, executor_order_id: str = ""
) -> wire.OrderRejection:
    """Refused, by us or by the exchange, for a reason with a stable code."""
    return wire.OrderRejection(
        intent_id=intent_id, executor_order_id=executor_order_id, reason=code, category=category, rejected_at_ns=now_ns
    )


def cancelled(order: Order, initiator: wire.Initiator) -> wire.OrderCancel:
    """What was left of the order will not trade."""
    return wire.OrderCancel(
        intent_id=order.client_order_id,
        executor_order_id=order.client_order_id,
        initiated_by=initiator,
        cancelled_at_ns=order.updated_ns,
    )


def alert_of(refused: OrderRefused, alert_id: str) -> wire.RiskAlert:
    """The alert a refusal of the review is."""
    intent = refused.intent
    return wire.RiskAlert(
        alert_id=alert_id,
        account_id=intent.account,
        bot_id=intent.bot,
        type=_ALERTS.get(refused.code, wire.AlertType.LIMIT_BREACH),
        severity=wire.Severity.CRITICAL if refused.code in _CRITICAL else wire.Severity.WARNING,
        message=refused.message,
        context={
            "code": refused.code, "rule": refused.rule, "limit": refused.limit, "value": refused.value, "symbol": intent.symbol,
            "intent_id": intent.client_order_id,
        },
        observed_at_ns=refused.time_ns,
        published_at_ns=refused.time_ns,
        correlation_id=alert_id,
    )  # fmt: skip


def remark_of(remarked: OrderRemarked) -> wire.RiskAlert:
    """The alert that a rule let an order pass and has something to tell of it."""
    return wire.RiskAlert(
        alert_id="",
        account_id=remarked.account,
        bot_id=remarked.bot,
        type=wire.AlertType.LIMIT_BREACH,
        severity=wire.Severity.WARNING,
        message=f"passed all the same: {remarked.message}",
        context={
            "code": remarked.code, "rule": remarked.rule, "limit": remarked.limit, "value": remarked.value,
            "symbol": remarked.symbol, "intent_id": remarked.client_order_id,
        },
        observed_at_ns=remarked.time_ns,
    )  # fmt: skip


def warning_of(warned: RiskWarned) -> wire.RiskAlert:
    """The alert that an account comes near an exchange's threshold."""
    return wire.RiskAlert(
        alert_id="",
        account_id=warned.account,
        type=wire.AlertType.LIMIT_BREACH,
        severity=wire.Severity.WARNING,
        message=f"{warned.value} {warned.what} in {warned.symbol} today; the exchange acts from {warned.limit} on",
        context={
            "code": warned.code,
            "what": warned.what,
            "symbol": warned.symbol,
            "value": str(warned.value),
            "limit": str(warned.limit),
        },
        observed_at_ns=warned.time_ns,
    )
