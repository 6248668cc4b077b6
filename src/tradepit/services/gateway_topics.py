"""What of the exchange's events goes on which topic of the contract."""

from collections.abc import Callable

import msgspec

from tradepit.ports.bus import Outgoing
from tradepit.trading.matching.events import PhaseChanged, TickPublished
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.order import Order
from tradepit.trading.model.report import DayReport, OrderReport, Report
from tradepit.trading.model.terms import OrderStatus, SessionPhase
from tradepit.wire.simulator import (
    ORDERS_CANCELLED,
    ORDERS_FILLED,
    ORDERS_NEW,
    TRADES_EXECUTED,
    PhaseData,
    depth_topic,
    phase_topic,
)
from tradepit.wire.simulator_codec import encode, order_data, tick_data, trade_data

REPORT_TOPICS = (ORDERS_NEW, ORDERS_FILLED, ORDERS_CANCELLED, TRADES_EXECUTED)
_ORDER_TOPICS = {
    OrderStatus.SUBMITTED: ORDERS_NEW.subject,
    OrderStatus.OPEN: ORDERS_NEW.subject,
    OrderStatus.PARTIAL: ORDERS_FILLED.subject,
    OrderStatus.FILLED: ORDERS_FILLED.subject,
    # What ended without (all of) its volume traded; the payload's own status tells which of the three it was.
    OrderStatus.CANCELLED: ORDERS_CANCELLED.subject,
    OrderStatus.REJECTED: ORDERS_CANCELLED.subject,
    OrderStatus.EXPIRED: ORDERS_CANCELLED.subject,
}


def publication(report: Report, venue: str, find: Callable[[str], Instrument | None]) -> Outgoing | None:
    """What a report says on the contract's durable topics, None when that is nothing (days; orders only reduced).

    An instrument nobody knows any more (delisted before a restart published its last reports again) has no prices to write.
    """
    if isinstance(report, DayReport):
        return None
    message_id = f"{venue}-{report.sequence}"
    if isinstance(report, OrderReport):
        instrument = find(report.order.intent.symbol)
        topic = _ORDER_TOPICS.get(report.order.status)
        if instrument is None or topic is None or _reduced(report.order):
            return None
        data = order_data(report.order, instrument, seq=report.sequence, trading_day=report.trading_day)
        return Outgoing(topic, encode(data), message_id)
    instrument = find(report.trade.symbol)
    if instrument is None:
        return None
    return Outgoing(TRADES_EXECUTED.subject, encode(trade_data(report.trade, instrument, seq=report.sequence)), message_id)


class _Numbered(msgspec.Struct):
    seq: int = 0


def report_number(payload: bytes) -> int:
    """The number of the report that a message on a topic tells of, 0 when it is none of the exchange's."""
    try:
        return msgspec.json.decode(payload, type=_Numbered).seq
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return 0


def _reduced(order: Order) -> bool:
    return order.status is OrderStatus.OPEN and order.left_lots < order.intent.volume_lots


def news(event: PhaseChanged | TickPublished, find: Callable[[str], Instrument | None]) -> Outgoing | None:
    """A phase change or a tick of the exchange's own book."""
    if isinstance(event, PhaseChanged):
        return phase_news(event.symbol, event.phase, event.time_ns, event.trading_day)
    instrument = find(event.tick.symbol)
    if instrument is None:
        return None
    return Outgoing(depth_topic(event.tick.symbol), encode(tick_data(event.tick, instrument)))


def phase_news(symbol: str, phase: SessionPhase, time_ns: int, trading_day: int) -> Outgoing:
    """An instrument's phase, as of ``time_ns`` (UTC)."""
    data = PhaseData(symbol=symbol, phase=phase.value, time_ns=time_ns, trading_day=trading_day)
    return Outgoing(phase_topic(symbol), encode(data))
