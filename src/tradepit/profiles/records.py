"""The writers of records: rows of any profile whose house trades and may have a store."""

from tradepit.profiles.role import Role
from tradepit.wire import record_tables as records
from tradepit.wire import simulator as wire

ROLES = (
    Role(
        name=records.MARKET_RECORDS,
        replicas=1,
        process="records",
        purpose="every tick as a row of `ticks`, and bars of seconds and minutes",
        consumes=(wire.MARKET_TICK,),
        with_store=True,
    ),
    Role(
        name=records.ORDER_RECORDS,
        replicas=1,
        process="records",
        purpose="orders, fills, positions, results, settlements and risk's word as rows",
        consumes=(wire.RISK_ALERTS,),
        with_store=True,
    ),
)
