"""A house whose orders go to a real broker: no exchange of its own, and one process that has the broker's login."""

import msgspec

from tradepit.profiles.role import Role
from tradepit.wire import simulator as wire

PROCESS = "trading"
# What makes or shows a market of the house's own; a real one moves without them.
_WITHOUT = frozenset({wire.MARKET_DATA, wire.TRADING_AGENTS, wire.DIFF_FRONT})
_GATEWAY = Role(
    name=wire.TRADING_GATEWAY,
    replicas=1,
    process=PROCESS,
    purpose="the broker: its reports, contracts and market for everyone who follows them",
    publishes=(
        wire.ORDERS_NEW,
        wire.ORDERS_FILLED,
        wire.ORDERS_CANCELLED,
        wire.TRADES_EXECUTED,
        wire.BROKER_REPORTS,
        wire.MARKET_DEPTH,
        wire.MARKET_PHASE,
        wire.MARKET_TICK,
    ),
    serves=("query_order", "orders", "account", "positions", "reports", "instruments", "depth", "bars", "status"),
)


def roles_at_broker(roles: tuple[Role, ...]) -> tuple[Role, ...]:
    """The roles of a house as it is with a real broker; of houses without an exchange, all as they are.

    Order management is one instance, in the gateway's process: what has two logins is refused by some brokers, and seen by none as one.
    """
    if all(role.name != wire.TRADING_GATEWAY for role in roles):
        return roles
    return tuple(_moved(role) for role in roles if role.name not in _WITHOUT)


def _moved(role: Role) -> Role:
    if role.name == wire.TRADING_GATEWAY:
        return _GATEWAY
    if role.name == wire.ORDER_MANAGEMENT:
        return msgspec.structs.replace(role, replicas=1, process=PROCESS)
    return role
