"""The message bus: ordered channels with BROADCAST and COMPETE delivery, and request/reply with a deadline."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import StrEnum
from typing import Protocol

import msgspec


class Delivery(StrEnum):
    """How the subscribers of a channel share its messages."""

    BROADCAST = "BROADCAST"
    COMPETE = "COMPETE"


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """One row of a wire contract: a subject (``*`` matches one token), how it is delivered, and whether it is kept.

    ``durable`` channels lose nothing: a late BROADCAST subscriber gets the retained past first, a COMPETE message is
    redelivered until one worker acknowledged it. Non-durable channels (ticks) are best effort and never block a publisher.
    """

    name: str
    subject: str
    delivery: Delivery = Delivery.BROADCAST
    durable: bool = False


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One received message. ``sequence`` rises by one per durable stream, 0 where the channel is not durable.

    ``redelivered`` tells that an earlier delivery was not acknowledged.
    """

    subject: str
    payload: bytes
    headers: Mapping[str, str] = {}
    sequence: int = 0
    redelivered: bool = False


class Outgoing(msgspec.Struct, frozen=True, gc=False):
    """One message to publish; see ``Bus.publish``."""

    subject: str
    payload: bytes
    message_id: str = ""
    headers: Mapping[str, str] | None = None


Handler = Callable[[Message], Awaitable[None]]
Responder = Callable[[Message], Awaitable[bytes]]


class Subscription(Protocol):
    """A live subscription."""

    async def stop(self) -> None:
        """Take no new message, finish those in hand, end. Idempotent."""


class Bus(Protocol):
    """Raises Unavailable when the server cannot be reached, TimedOut past a deadline, never a vendor's error."""

    async def connect(self) -> None:
        """Connect and declare ``channels`` given at construction (streams for the durable ones). Idempotent."""

    async def publish(
        self, subject: str, payload: bytes, *, message_id: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        """Publish in order. On a durable channel returns once the server kept it; a repeated ``message_id`` is kept once
        within the server's window (an optimisation: receivers still de-duplicate).
        """

    async def publish_all(self, messages: Sequence[Outgoing]) -> None:
        """Publish many, in order, for less than one by one. Raises Unavailable when one of them may not be kept: publish all of
        them again, their ids keep the others from being doubled.
        """

    async def subscribe(
        self, channel: Channel, handler: Handler, *, group: str = "", replay: bool = False, max_in_flight: int = 1
    ) -> Subscription:
        """Deliver the channel's messages to ``handler``, one after another (COMPETE: up to ``max_in_flight`` at once).

        BROADCAST: every subscriber gets every message; with ``replay`` on a durable channel all retained ones first, no gap.
        COMPETE: each message goes to one subscriber of ``group``; acknowledged when the handler returns; a handler that
        raises, dies or is stopped lets another have it. Where the bus shares subjects and not single messages (Kafka), another
        has it once the subject has moved there. Survives server restarts without going deaf.
        """

    async def last(self, channel: Channel) -> Message | None:
        """The newest message a durable channel has kept, None when it has kept none."""

    async def request(self, subject: str, payload: bytes, *, timeout_s: float) -> bytes:
        """Ask and wait. Raises TimedOut when no answer came (it may have been acted on), Unavailable when nobody listens
        (it was certainly not acted on).
        """

    async def serve(self, subject: str, responder: Responder, *, group: str = "") -> Subscription:
        """Answer requests on ``subject``, each in a task of its own, started in the order of arrival."""

    async def close(self) -> None:
        """Drain: finish what was received, flush what was published, disconnect. Idempotent."""
