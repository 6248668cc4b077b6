"""Where an outside contract wants a channel's messages to be: its own names of exchange, queue and routing key."""

from collections.abc import Mapping
from typing import Literal

import msgspec


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """One row of a table from channel names to the names outside. Services never see it: they know the channel.

    The channel is durable, COMPETE and has a subject without wildcard; its one group is whoever reads ``queue``. Without a
    ``queue`` the channel is only published to. ``kind`` is what the exchange is declared as where it does not exist yet;
    exchanges and queues that exist are taken as they are. The queue is bound under ``routing_key``, which is also what we publish
    under, and under each of ``bindings``: programs outside may use other keys. ``dead_letter`` names the queue for messages that are at fault,
    with the reason in their headers; ``max_deliveries`` is after how many failures that are no refusal one counts as such.
    """

    exchange: str
    queue: str = ""
    routing_key: str = ""
    bindings: tuple[str, ...] = ()
    kind: Literal["direct", "topic", "fanout"] = "direct"
    dead_letter: str = ""
    max_deliveries: int = 10


Routes = Mapping[str, Route]
