"""Profile ``simulator``: the trading simulator's roles, each instance in a process of its own, as in a cluster."""

from tradepit.profiles.role import Role
from tradepit.wire import simulator as wire

_ORDER_METHODS = ("buy", "sell", "cancel", "algo_order", "orders", "positions", "account", "set_state", "status")
_GATEWAY_METHODS = (
    "send_order",
    "cancel_order",
    "reduce_order",
    "resolve_order",
    "open_session",
    "open_account",
    "transfer",
    "list_instrument",
    "update_prices",
    "advance_time",
    "query_order",
    "orders",
    "account",
    "positions",
    "reports",
    "instruments",
    "depth",
    "faults",
    "status",
    "digest",
)

ROLES = (
    Role(
        name=wire.TRADING_GATEWAY,
        replicas=1,
        process="gateway",
        purpose="the exchange: order books, auctions, ledger, settlement, behind a journal",
        publishes=(
            wire.ORDERS_NEW,
            wire.ORDERS_FILLED,
            wire.ORDERS_CANCELLED,
            wire.TRADES_EXECUTED,
            wire.BROKER_REPORTS,
            wire.MARKET_DEPTH,
            wire.MARKET_PHASE,
        ),
        serves=_GATEWAY_METHODS,
    ),
    Role(
        name=wire.ORDER_MANAGEMENT,
        replicas=3,
        process="orders-{n}",
        purpose="risk review and the way to the exchange; one active, two following its journal",
        consumes=(wire.BROKER_REPORTS, wire.MARKET_TICK, wire.MARKET_PHASE, wire.ALGO_PROGRESS),
        publishes=(wire.ALGO_ORDERS, wire.ALGO_CONTROL),
        serves=_ORDER_METHODS,
    ),
    Role(
        name=wire.MARKET_DATA,
        replicas=2,
        process="market-{n}",
        purpose="generated or recorded ticks, one symbol each",
        publishes=(wire.MARKET_TICK,),
    ),
    Role(
        name=wire.RISK_MONITOR,
        replicas=2,
        process="risk-{n}",
        purpose="positions, margin and losses of every account, alerts",
        consumes=(wire.TRADES_EXECUTED, wire.MARKET_TICK),
        publishes=(wire.RISK_ALERTS,),
    ),
    Role(
        name=wire.POSITION_TRACKER,
        replicas=1,
        process="tracker",
        purpose="positions of every account, for whoever asks",
        consumes=(wire.TRADES_EXECUTED,),
        serves=("positions", "account", "digest"),
    ),
    Role(
        name=wire.EXECUTION_ALGO,
        replicas=3,
        process="algo-{n}",
        purpose="TWAP and VWAP workers; each algorithm order is run by one of them",
        consumes=(wire.ALGO_ORDERS, wire.ALGO_CONTROL, wire.MARKET_TICK),
        publishes=(wire.ALGO_PROGRESS,),
    ),
    Role(
        name=wire.MARKET_RECORDER,
        replicas=1,
        process="recorder",
        purpose="every tick into Parquet",
        consumes=(wire.MARKET_TICK,),
    ),
    Role(
        name=wire.MONITOR_API,
        replicas=1,
        process="monitor",
        purpose="instances, leader, health and metrics over HTTP",
        consumes=(wire.HEARTBEAT,),
    ),
    Role(
        name=wire.TRADING_AGENTS,
        replicas=1,
        process="agents",
        purpose="market makers, noise and momentum traders: ordinary clients that make the market move",
        consumes=(wire.MARKET_TICK, wire.MARKET_DEPTH),
    ),
)
