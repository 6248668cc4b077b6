"""Profile ``tq``: the broker connect's eight services, each in a process of its own, as its document's containers."""

from tradepit.profiles.role import Role
from tradepit.wire import tq as wire

# The portfolio is in routing keys only: channels are the same for each.
_CONTRACT = wire.contract("any")
_UPDATES = _CONTRACT.order_updates.channel
_POSITIONS = _CONTRACT.position_updates.channel
_ACCOUNTS = _CONTRACT.account_updates.channel
_DEAD = _CONTRACT.dead_letters.channel

MONITORS = (
    Role(
        name=wire.ORDER_MONITOR,
        replicas=1,
        process=wire.ORDER_MONITOR,
        purpose="follows the broker's reports; publishes every change of an order",
        publishes=(_UPDATES,),
    ),
    Role(
        name=wire.POSITION_MONITOR,
        replicas=1,
        process=wire.POSITION_MONITOR,
        purpose="publishes positions that change, keeps their breakdown in Redis",
        publishes=(_POSITIONS,),
    ),
    Role(
        name=wire.ACCOUNT_MONITOR,
        replicas=1,
        process=wire.ACCOUNT_MONITOR,
        purpose="publishes the account's money when it changes",
        publishes=(_ACCOUNTS,),
    ),
)

HANDLERS = (
    Role(
        name=wire.ORDER_HANDLER,
        replicas=1,
        process=wire.ORDER_HANDLER,
        purpose="order updates into PostgreSQL: order_history, order_event",
        consumes=(_UPDATES,),
        publishes=(_DEAD,),
    ),
    Role(
        name=wire.POSITION_HANDLER,
        replicas=1,
        process=wire.POSITION_HANDLER,
        purpose="net positions into Redis",
        consumes=(_POSITIONS,),
        publishes=(_DEAD,),
    ),
    Role(
        name=wire.ACCOUNT_HANDLER,
        replicas=1,
        process=wire.ACCOUNT_HANDLER,
        purpose="the account's money into Redis",
        consumes=(_ACCOUNTS,),
        publishes=(_DEAD,),
    ),
)

ROLES = (
    Role(
        name=wire.ORDER_SUBMITTER,
        replicas=1,
        process=wire.ORDER_SUBMITTER,
        purpose="order requests to the broker: journaled before they are sent, closes split on SHFE and INE",
        consumes=(_CONTRACT.submit.channel,),
        publishes=(_UPDATES, _DEAD),
    ),
    Role(
        name=wire.ORDER_CANCELLER,
        replicas=1,
        process=wire.ORDER_CANCELLER,
        purpose="cancel requests to the broker, a split order's children included",
        consumes=(_CONTRACT.cancel.channel,),
        publishes=(_CONTRACT.submit.channel, _DEAD),
    ),
    *MONITORS,
    *HANDLERS,
)
