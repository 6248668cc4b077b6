"""Where a channel lives on a queueing broker: exchange, queue and routing keys, for a bus that has them."""

from typing import Literal

import msgspec

from tradepit.ports.bus import Channel

_SHOWN = 200


class QueueRoute(msgspec.Struct, frozen=True, kw_only=True):
    """One channel's place. Its subject is the queue's name; exchange and queue are durable.

    The queue is bound to the exchange under each of ``bindings``; what we publish on the channel goes out under ``routing_key``.
    """

    channel: Channel
    exchange: str
    exchange_type: Literal["direct", "topic"]
    queue: str
    bindings: tuple[str, ...]
    routing_key: str


def header_text(text: str) -> str:
    """A sentence as a header: headers cross every bus as text without line breaks."""
    return " ".join(text.split())[:_SHOWN].encode("ascii", "replace").decode()
