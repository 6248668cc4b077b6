"""Profile ``tq_flat``: the broker connect in one process, orders and cancels as flat messages in one queue."""

import msgspec

from tradepit.profiles.role import Role
from tradepit.profiles.tq import HANDLERS, MONITORS
from tradepit.wire import tq_flat as wire

PROCESS = "tqsdk_broker_connect"
_CONTRACT = wire.contract("any")

ROLES = (
    Role(
        name=wire.ORDER_EXECUTOR,
        replicas=1,
        process=PROCESS,
        purpose="order and cancel requests to the broker: journaled before they are sent, closes split on SHFE and INE",
        consumes=(_CONTRACT.submit.channel,),
        publishes=(_CONTRACT.order_updates.channel, _CONTRACT.dead_letters.channel),
    ),
    *(msgspec.structs.replace(role, process=PROCESS) for role in (*MONITORS, *HANDLERS)),
)
