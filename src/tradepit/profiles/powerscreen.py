"""Profile ``powerscreen``: Vietnam's market data from recorded PowerScreen frames over a topic into Redis."""

from tradepit.profiles.role import Role
from tradepit.wire import platform
from tradepit.wire import powerscreen as wire

_SNAPSHOTS, _DEAD = wire.snapshots_channel(), wire.DEAD_LETTERS.channel

ROLES = (
    Role(
        name=wire.PRODUCER,
        replicas=1,
        process=wire.PRODUCER,
        purpose="recorded frames onto the topic of snapshots; an HTTP door for messages on any topic of the bot platform",
        publishes=(_SNAPSHOTS, _DEAD, *platform.CHANNELS),
    ),
    Role(
        name=wire.CONSUMER,
        replicas=1,
        process=wire.CONSUMER,
        purpose="snapshots into Redis as JSON: a sorted set by time and a stream for each instrument",
        consumes=(_SNAPSHOTS,),
        publishes=(_DEAD,),
    ),
)
