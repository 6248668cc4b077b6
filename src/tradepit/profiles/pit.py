"""Profile ``pit``: the simulator's roles and the bot platform's on one machine, sharing processes where nothing is lost by it."""

import msgspec

from tradepit.profiles.records import ROLES as RECORD_ROLES
from tradepit.profiles.role import Role
from tradepit.profiles.simulator import ROLES as SIMULATOR_ROLES
from tradepit.wire import platform
from tradepit.wire import simulator as wire

# The leader and the workers keep processes of their own, because killing one of them is part of the show.
_SHARED = {
    wire.TRADING_GATEWAY: "exchange",
    wire.MARKET_DATA: "market",
    wire.RISK_MONITOR: "back-office",
    wire.POSITION_TRACKER: "back-office",
    wire.MARKET_RECORDER: "recorder",
    wire.MONITOR_API: "monitor",
    wire.TRADING_AGENTS: "agents",
}

_EXECUTOR = Role(
    name=platform.TRADE_EXECUTOR,
    replicas=1,
    process="executor",
    purpose="intents of bots to order management, and what became of them back to the bots",
    consumes=(platform.ORDER_INTENTS, wire.MARKET_TICK),
    serves=("bots",),
    publishes=(platform.ORDER_EVENTS, platform.RISK_ALERTS, platform.DEAD_INTENTS),
)
ROLES = (
    *(msgspec.structs.replace(role, process=_SHARED.get(role.name, role.process)) for role in SIMULATOR_ROLES),
    _EXECUTOR,
    *RECORD_ROLES,
)
