"""The broker-connect contract with enveloped messages: queues, Redis keys, table names and the JSON of every message.

Names and key order are the architecture document's. Symbols are TqSDK's (``SHFE.rb2505``), prices and money JSON numbers with a
decimal point, instants ISO-8601 in UTC to the second, ``insert_date_time`` UTC nanoseconds.
"""

import msgspec

from tradepit.ports.bus import Channel, Delivery
from tradepit.trading.model.terms import Offset
from tradepit.wire.queues import QueueRoute

ORDER_SUBMITTER = "tq_order_submitter"
ORDER_CANCELLER = "tq_order_canceller"
ORDER_MONITOR = "tq_order_monitor"
POSITION_MONITOR = "tq_position_monitor"
ACCOUNT_MONITOR = "tq_account_monitor"
ORDER_HANDLER = "tq_order_handler"
POSITION_HANDLER = "tq_position_handler"
ACCOUNT_HANDLER = "tq_account_handler"

KEY_TTL_S = 3_600.0
ORDER_HISTORY = "order_history"
ORDER_EVENT = "order_event"
DEAD_LETTERS = "tq_dead_letters"
DEAD_LETTER_EXCHANGE = "tq_dead_letter_exchange"
# Headers of a dead letter: the stable code, the sentence, the queue it came from, and of one that was cut its bytes before.
REASON_HEADER, DETAIL_HEADER, QUEUE_HEADER, SIZE_HEADER = "x-reason", "x-detail", "x-queue", "x-size"
# On a cancel in the queue of submissions: the worker at its own queue did not find the order, which may wait before it here.
HANDED_ON_HEADER = "x-handed-on"

CLOSETODAY_SUFFIX = "_closetoday"
CLOSE_SUFFIX = "_close"

NEW = "NEW"
COMPLETE_FILL = "COMPLETE_FILL"
PARTIAL_FILL = "PARTIAL_FILL"
CANCELLED = "CANCELLED"
REJECTED = "REJECTED"


class QueueNames(msgspec.Struct, frozen=True, kw_only=True):
    """The names a configuration may change; the defaults are the architecture document's."""

    order_submit_queue: str = "tq_order_submit_requests"
    order_cancel_queue: str = "tq_order_cancel_requests"
    order_exchange: str = "tq_order_request_exchange"
    internal_exchange: str = "tq_internal_exchange"
    order_updates_queue: str = "tq_internal_order_updates"
    position_updates_queue: str = "tq_internal_position_updates"
    account_updates_queue: str = "tq_internal_account_updates"


class TqContract(msgspec.Struct, frozen=True, kw_only=True):
    """The channels of one portfolio. ``submit`` and ``cancel`` are one queue where the messages are flat."""

    submit: QueueRoute
    cancel: QueueRoute
    order_updates: QueueRoute
    position_updates: QueueRoute
    account_updates: QueueRoute
    dead_letters: QueueRoute

    @property
    def routes(self) -> tuple[QueueRoute, ...]:
        """Every route, each once."""
        return tuple(dict.fromkeys(getattr(self, name) for name in self.__struct_fields__))

    @property
    def channels(self) -> tuple[Channel, ...]:
        """Every channel, each once: what a bus is given."""
        return tuple(route.channel for route in self.routes)


def portfolio_key(portfolio_id: str) -> str:
    """The routing key of a portfolio's requests."""
    return f"PortfolioId_{portfolio_id}"


def work_channel(name: str, queue: str) -> Channel:
    """A queue whose messages go to one worker each, and again until it has done its work."""
    return Channel(name=name, subject=queue, delivery=Delivery.COMPETE, durable=True)


def request_route(name: str, queue: str, exchange: str, key: str, *, publish_as: str) -> QueueRoute:
    """A queue of requests from outside, reached by its own name and by its portfolio's key."""
    bindings = tuple(dict.fromkeys((queue, key)))
    return QueueRoute(
        channel=work_channel(name, queue),
        exchange=exchange,
        exchange_type="topic",
        queue=queue,
        bindings=bindings,
        routing_key=publish_as,
    )


def internal_routes(names: QueueNames) -> dict[str, QueueRoute]:
    """The routes between the services, and the place of messages nobody could use."""
    queues = {
        "order_updates": names.order_updates_queue,
        "position_updates": names.position_updates_queue,
        "account_updates": names.account_updates_queue,
    }
    routes = {
        key: QueueRoute(
            channel=work_channel(f"tq.{key}", queue),
            exchange=names.internal_exchange,
            exchange_type="direct",
            queue=queue,
            bindings=(key,),
            routing_key=key,
        )
        for key, queue in queues.items()
    }
    routes["dead_letters"] = QueueRoute(
        channel=work_channel("tq.dead_letters", DEAD_LETTERS),
        exchange=DEAD_LETTER_EXCHANGE,
        exchange_type="direct",
        queue=DEAD_LETTERS,
        bindings=(DEAD_LETTERS,),
        routing_key=DEAD_LETTERS,
    )
    return routes


def contract(portfolio_id: str, names: QueueNames | None = None) -> TqContract:
    """The channels of the eight services for one portfolio.

    Both request queues hear the portfolio's key, as the first broker connect bound them: each takes its own kind and passes over
    the other's. What we publish names its queue.
    """
    told, key = names or QueueNames(), portfolio_key(portfolio_id)
    submit, cancel = told.order_submit_queue, told.order_cancel_queue
    return TqContract(
        submit=request_route("tq.submit", submit, told.order_exchange, key, publish_as=submit),
        cancel=request_route("tq.cancel", cancel, told.order_exchange, key, publish_as=cancel),
        **internal_routes(told),
    )


def child_order_id(order_id: str, offset: Offset) -> str:
    """The id of the part of a split CLOSE that closes today's or yesterday's lots: the same for the same order, always."""
    return order_id + (CLOSETODAY_SUFFIX if offset is Offset.CLOSETODAY else CLOSE_SUFFIX)


def child_order_ids(order_id: str) -> tuple[str, str]:
    """Both ids a split order's children may have, today's first."""
    return order_id + CLOSETODAY_SUFFIX, order_id + CLOSE_SUFFIX


def position_key(portfolio_id: str, symbol: str) -> str:
    """The key of a net position."""
    return f"TQ_Position_PortfolioId_{portfolio_id}_Symbol_{symbol}"


def breakdown_key(portfolio_id: str, symbol: str) -> str:
    """The key of a position's breakdown into sides and days."""
    return f"TQ_Position_Breakdown_PortfolioId_{portfolio_id}_Symbol_{symbol}"


def account_key(portfolio_id: str) -> str:
    """The key of an account's money."""
    return f"TQ_Account_PortfolioId_{portfolio_id}"


class SubmitPayload(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An order. Without ``limit_price`` it is a market order."""

    symbol: str
    direction: str
    offset: str
    volume: int | float
    limit_price: float | None = None
    order_id: str
    portfolio_id: str


class SubmitMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A request to submit an order; ``type`` is ``SUBMIT``."""

    type: str
    request_id: str = ""
    timestamp: str = ""
    payload: SubmitPayload


class CancelPayload(msgspec.Struct, frozen=True, kw_only=True):
    """Which order to cancel."""

    order_id: str
    portfolio_id: str


class CancelMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A request to cancel an order; ``type`` is ``CANCEL``."""

    type: str
    request_id: str = ""
    timestamp: str = ""
    payload: CancelPayload


class OrderUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an order. ``status`` is ALIVE or FINISHED; prices are null where there is none.

    ``reason`` is the stable code of a refusal and is left out of everything else.
    """

    type: str = "ORDER_UPDATE"
    timestamp: str
    portfolio_id: str
    order_id: str
    exchange_order_id: str
    symbol: str
    direction: str
    offset: str
    status: str
    event_type: str
    volume_orign: int
    volume_left: int
    filled_quantity: int
    limit_price: float | None
    trade_price: float | None
    insert_date_time: int
    reason: str | msgspec.UnsetType = msgspec.UNSET


class Breakdown(msgspec.Struct, frozen=True, kw_only=True):
    """A position by side and day, in lots."""

    pos_long: int
    pos_short: int
    pos_long_today: int
    pos_long_his: int
    pos_short_today: int
    pos_short_his: int


class PositionUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """A position as it is now; ``net_position`` is long less short."""

    type: str = "POSITION_UPDATE"
    timestamp: str
    portfolio_id: str
    symbol: str
    net_position: int
    breakdown: Breakdown


class AccountUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """An account's money as it is now."""

    type: str = "ACCOUNT_UPDATE"
    timestamp: str
    portfolio_id: str
    balance: float
    available: float
    margin: float
    float_profit: float
    position_profit: float
    risk_ratio: float


class CachedBreakdown(msgspec.Struct, frozen=True, kw_only=True):
    """The value of a breakdown key: the days first, as the document shows it."""

    pos_long_today: int
    pos_long_his: int
    pos_short_today: int
    pos_short_his: int
    pos_long: int
    pos_short: int


class CachedAccount(msgspec.Struct, frozen=True, kw_only=True):
    """The value of an account key."""

    balance: float
    available: float
    margin: float
    float_profit: float
    position_profit: float
    risk_ratio: float
