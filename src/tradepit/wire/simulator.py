"""The trading simulator's contract: topics, RPC subjects and the JSON of ticks, orders, trades and algorithm orders.

Names follow the source document and vnpy's objects (LONG/SHORT, orderid, bid_price_1 …). Prices and volumes are JSON numbers,
written exactly from decimals; instants are ISO-8601 with offset. Symbols are bare contract codes, the exchange is in the payload.
"""

from decimal import Decimal

import msgspec

from tradepit.ports.bus import Channel, Delivery

MARKET_TICK = Channel(name="market.tick", subject="market.tick.*")
MARKET_DEPTH = Channel(name="market.depth", subject="market.depth.*")
MARKET_PHASE = Channel(name="market.phase", subject="market.phase.*")
ORDERS_NEW = Channel(name="orders.new", subject="orders.new", durable=True)
ORDERS_FILLED = Channel(name="orders.filled", subject="orders.filled", durable=True)
ORDERS_CANCELLED = Channel(name="orders.cancelled", subject="orders.cancelled", durable=True)
TRADES_EXECUTED = Channel(name="trades.executed", subject="trades.executed", durable=True)
ALGO_ORDERS = Channel(name="orders.algo", subject="orders.algo.*", delivery=Delivery.COMPETE, durable=True)
ALGO_CONTROL = Channel(name="algo.control", subject="algo.control.*")
ALGO_PROGRESS = Channel(name="algo.progress", subject="algo.progress.*")
BROKER_REPORTS = Channel(name="broker.reports", subject="broker.reports")
RISK_ALERTS = Channel(name="risk.alerts", subject="risk.alerts.*")
BOT_COMMANDS = Channel(name="bot.commands", subject="bot.commands.*")
HEARTBEAT = Channel(name="internal.heartbeat", subject="internal.heartbeat.*")

CHANNELS = (
    MARKET_TICK,
    MARKET_DEPTH,
    MARKET_PHASE,
    ORDERS_NEW,
    ORDERS_FILLED,
    ORDERS_CANCELLED,
    TRADES_EXECUTED,
    ALGO_ORDERS,
    ALGO_CONTROL,
    ALGO_PROGRESS,
    BROKER_REPORTS,
    RISK_ALERTS,
    BOT_COMMANDS,
    HEARTBEAT,
)

ORDER_MANAGEMENT = "order-management"
TRADING_GATEWAY = "trading-gateway"
POSITION_TRACKER = "position-tracker"
RISK_MONITOR = "risk-monitor"
EXECUTION_ALGO = "execution-algo"
MARKET_DATA = "market-data"
MARKET_RECORDER = "market-recorder"
MONITOR_API = "monitor-api"
RISK_API = "risk-api"
TRADING_AGENTS = "trading-agents"
DIFF_FRONT = "diff-front"
BOT_RUNNER = "bot-runner"

MAX_REQUEST_BYTES = 64 * 1024


def tick_topic(symbol: str) -> str:
    """The topic of an instrument's ticks, for example ``market.tick.IF2501``."""
    return f"market.tick.{symbol}"


def depth_topic(symbol: str) -> str:
    """The topic of the exchange's own book of an instrument."""
    return f"market.depth.{symbol}"


def phase_topic(symbol: str) -> str:
    """The topic of an instrument's session phases."""
    return f"market.phase.{symbol}"


def algo_topic(algo: str) -> str:
    """The topic of algorithm orders, for example ``orders.algo.twap``."""
    return f"orders.algo.{algo.lower()}"


def rpc_subject(service: str, method: str) -> str:
    """The request subject of a service's method: ``rpc.<service>.<method>``."""
    return f"rpc.{service}.{method}"


def instance_subject(service: str, instance: str, method: str) -> str:
    """The request subject of one instance, active or not: ``service.<service>.<instance>.<method>``."""
    return f"service.{service}.{instance}.{method}"


class TickData(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A tick as published on ``market.tick.{symbol}``; levels beyond the first are left out when empty."""

    symbol: str
    exchange: str
    datetime: str
    trading_day: str
    last_price: Decimal
    volume: int
    turnover: Decimal
    open_interest: int
    open_price: Decimal
    high_price: Decimal
    low_price: Decimal
    limit_up: Decimal
    limit_down: Decimal
    pre_close: Decimal
    pre_settlement: Decimal
    bid_price_1: Decimal
    bid_volume_1: int
    ask_price_1: Decimal
    ask_volume_1: int
    phase: str = "CONTINUOUS"
    bid_price_2: Decimal = Decimal(0)
    bid_volume_2: int = 0
    ask_price_2: Decimal = Decimal(0)
    ask_volume_2: int = 0
    bid_price_3: Decimal = Decimal(0)
    bid_volume_3: int = 0
    ask_price_3: Decimal = Decimal(0)
    ask_volume_3: int = 0
    bid_price_4: Decimal = Decimal(0)
    bid_volume_4: int = 0
    ask_price_4: Decimal = Decimal(0)
    ask_volume_4: int = 0
    bid_price_5: Decimal = Decimal(0)
    bid_volume_5: int = 0
    ask_price_5: Decimal = Decimal(0)
    ask_volume_5: int = 0
    bid_price_6: Decimal = Decimal(0)
    bid_volume_6: int = 0
    ask_price_6: Decimal = Decimal(0)
    ask_volume_6: int = 0
    bid_price_7: Decimal = Decimal(0)
    bid_volume_7: int = 0
    ask_price_7: Decimal = Decimal(0)
    ask_volume_7: int = 0
    bid_price_8: Decimal = Decimal(0)
    bid_volume_8: int = 0
    ask_price_8: Decimal = Decimal(0)
    ask_volume_8: int = 0
    bid_price_9: Decimal = Decimal(0)
    bid_volume_9: int = 0
    ask_price_9: Decimal = Decimal(0)
    ask_volume_9: int = 0
    bid_price_10: Decimal = Decimal(0)
    bid_volume_10: int = 0
    ask_price_10: Decimal = Decimal(0)
    ask_volume_10: int = 0


class OrderData(msgspec.Struct, frozen=True, kw_only=True):
    """An order as published on ``orders.new``, ``orders.filled`` and ``orders.cancelled``.

    ``status``: PENDING (accepted, resting), PARTIAL, FILLED, CANCELLED, REJECTED, EXPIRED, UNKNOWN. ``seq`` is the report's number.
    """

    symbol: str
    exchange: str
    orderid: str
    type: str
    direction: str
    offset: str
    price: Decimal
    volume: int
    traded: int
    status: str
    datetime: str
    reference: str
    client_order_id: str
    account: str
    trading_day: str
    seq: int
    reason: str = ""


class TradeData(msgspec.Struct, frozen=True, kw_only=True):
    """A trade as published on ``trades.executed``: one message for each side of a match."""

    symbol: str
    exchange: str
    orderid: str
    tradeid: str
    direction: str
    offset: str
    price: Decimal
    volume: int
    datetime: str
    client_order_id: str
    account: str
    trading_day: str
    fee: Decimal
    seq: int


class PhaseData(msgspec.Struct, frozen=True, kw_only=True):
    """A session phase as published on ``market.phase.{symbol}``; ``time_ns`` is UTC, ``trading_day`` YYYYMMDD."""

    symbol: str
    phase: str
    time_ns: int
    trading_day: int


class OrderRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Body of ``rpc.order-management.buy`` and ``.sell``. Only symbol, price and volume are required.

    ``client_order_id`` makes a repeated request harmless; without one the service invents it and a retry is a new order.
    ``timestamp`` is the sender's instant in UTC nanoseconds; an order older than the freshness limit is refused.
    """

    symbol: str
    volume: int | float
    price: Decimal | None = None
    exchange: str = ""
    account: str = ""
    offset: str = "OPEN"
    type: str = "LIMIT"
    client_order_id: str = ""
    reference: str = ""
    timestamp: int = 0


class CancelRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Body of ``rpc.order-management.cancel``: by the exchange's ``orderid`` or by ``client_order_id``."""

    orderid: str = ""
    client_order_id: str = ""
    account: str = ""


class AlgoOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Body of ``rpc.order-management.algo_order``; an accepted one goes to ``orders.algo.twap|vwap`` with what a worker needs besides.

    ``action``: start, pause, resume, amend (price, volume, duration; what is left out stays), cancel, status (of all algorithms
    without an ``algo_id``), children (``page`` of its orders, oldest first). ``algo_id`` makes a repeated start harmless.
    ``duration`` (60 when left out) and ``interval`` are trading seconds, ``passive`` is how many seconds a passive child rests.
    ``price`` is the hard limit, none means the daily limit. ``participation``: share (0 to 1) of the market's volume never
    exceeded, 0 = no cap; a VWAP without ``curve`` follows it, 0.1 when left out. ``curve``: cumulative market volume at the ends
    of equal parts of the duration. ``randomise`` (volume) and ``jitter`` (time) are shares too and follow from ``seed``.
    """

    algo: str = "TWAP"
    symbol: str = ""
    volume: int | float = 0
    direction: str = "LONG"
    offset: str = "OPEN"
    price: Decimal | None = None
    duration: float | None = None
    interval: float = 3.0
    algo_id: str = ""
    account: str = ""
    exchange: str = ""
    style: str = "aggressive"
    passive: float = 2.0
    participation: float = 0.0
    curve: tuple[int, ...] = ()
    randomise: float = 0.0
    jitter: float = 0.0
    seed: int = 0
    end_policy: str = "CANCEL_REMAINDER"
    action: str = "start"
    page: int = 0
    epoch: int = 0


class QueryRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Body of ``rpc.order-management.orders|positions|account``. ``reference`` chooses the orders that carry it (an algorithm's children)."""

    account: str = ""
    client_order_id: str = ""
    reference: str = ""
    active: bool = False


class StateRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Body of ``rpc.order-management.set_state``: put a scope (``global``, ``account:A``, ``bot:B``, ``symbol:S``, ``reference:R``)
    into a trading state.

    HALTED also cancels every working order of the scope. The state survives restarts and stays until it is set again. ``flatten``:
    close what is held as well (of ``global``, ``account:`` and ``symbol:`` scopes, with HALTED). The answer waits until all that is
    done, ``wait_ms`` at most; what is not goes on. A request with a ``key`` may be repeated: it counts once.
    """

    scope: str
    state: str
    who: str = ""
    reason: str = ""
    flatten: bool = False
    wait_ms: int = 1_000
    key: str = ""


class ErrorReply(msgspec.Struct, frozen=True, kw_only=True):
    """The reply to a refused request: a stable code, a sentence, and the values that matter."""

    error: str
    message: str
    details: dict[str, str] = {}
    success: bool = False
