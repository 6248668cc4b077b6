"""Profile ``platform``: the bot platform's roles, its topics on Kafka, keys in Redis, rows in PostgreSQL; inside, NATS and files."""

import msgspec

from tradepit.profiles.pit import ROLES as PIT_ROLES
from tradepit.profiles.powerscreen import ROLES as POWERSCREEN_ROLES
from tradepit.wire import simulator as wire

# Nobody asks the platform for these; whoever wants them starts them.
_ON_REQUEST = frozenset({wire.EXECUTION_ALGO, wire.TRADING_AGENTS})

ROLES = (
    *(msgspec.structs.replace(role, on_request=role.on_request or role.name in _ON_REQUEST) for role in PIT_ROLES),
    *POWERSCREEN_ROLES,
)
