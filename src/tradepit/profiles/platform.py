"""Profile ``platform``: the bot platform's roles, its topics on Kafka, keys in Redis, rows in PostgreSQL; inside, NATS and files."""

import msgspec

from tradepit.profiles.pit import ROLES as PIT_ROLES
from tradepit.profiles.powerscreen import ROLES as POWERSCREEN_ROLES
from tradepit.profiles.role import Role
from tradepit.wire import data_api, platform
from tradepit.wire import simulator as wire

# What the document draws is there without being asked for; what it does not know waits for whoever wants it.
_ON_REQUEST = {
    data_api.MARKET_CACHE: False,
    data_api.DATA_API: False,
    wire.RISK_API: False,
    wire.EXECUTION_ALGO: True,
    wire.TRADING_AGENTS: True,
}

_RELAY = Role(
    name=platform.ALERT_RELAY,
    replicas=1,
    process="executor",
    purpose="alerts of the risk monitors onto the platform's topics",
    consumes=(wire.RISK_ALERTS,),
    publishes=(platform.RISK_ALERTS,),
)
ROLES = (
    *(msgspec.structs.replace(role, on_request=_ON_REQUEST.get(role.name, role.on_request)) for role in PIT_ROLES),
    _RELAY,
    *(msgspec.structs.replace(role, process="powerscreen") for role in POWERSCREEN_ROLES),
)
