"""Profile ``platform``: the bot platform's roles, its topics on Kafka, keys in Redis, rows in PostgreSQL; inside, NATS and files."""

import msgspec

from tradepit.profiles.pit import ROLES as PIT_ROLES
from tradepit.profiles.powerscreen import ROLES as POWERSCREEN_ROLES
from tradepit.wire import data_api
from tradepit.wire import simulator as wire

# What the document draws is there without being asked for; what it does not know waits for whoever wants it.
_ON_REQUEST = {
    data_api.MARKET_CACHE: False,
    data_api.DATA_API: False,
    wire.RISK_API: False,
    wire.EXECUTION_ALGO: True,
    wire.TRADING_AGENTS: True,
}

ROLES = (
    *(msgspec.structs.replace(role, on_request=_ON_REQUEST.get(role.name, role.on_request)) for role in PIT_ROLES),
    *(msgspec.structs.replace(role, process="powerscreen") for role in POWERSCREEN_ROLES),
)
