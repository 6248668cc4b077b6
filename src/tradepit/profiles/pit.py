"""Profile ``pit``: the simulator's roles on one machine, sharing processes where nothing is lost by it."""

import msgspec

from tradepit.profiles.simulator import ROLES as SIMULATOR_ROLES
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

ROLES = tuple(msgspec.structs.replace(role, process=_SHARED.get(role.name, role.process)) for role in SIMULATOR_ROLES)
