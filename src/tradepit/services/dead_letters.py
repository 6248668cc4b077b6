"""Dead letters: messages nobody could use, kept in a queue of their own with the reason, so that the others go on."""

from loguru import logger

from tradepit.ports.bus import Bus, Message
from tradepit.trading.model.errors import InternalError, TradepitError
from tradepit.wire.queues import QueueRoute
from tradepit.wire.tq import DETAIL_HEADER, QUEUE_HEADER, REASON_HEADER

_SHOWN = 200


class DeadLetters:
    """One queue for all. A letter carries the message as it came; its headers say why, and from which queue."""

    def __init__(self, bus: Bus, route: QueueRoute) -> None:
        self._bus, self._subject = bus, route.channel.subject
        self.buried: dict[str, int] = {}

    async def bury(self, message: Message, error: Exception, queue: str) -> None:
        """Keep a message. Raises Unavailable when that cannot be done now: do not acknowledge it then."""
        code = error.reason_code if isinstance(error, TradepitError) else InternalError.code
        # Headers cross the wire as text without line breaks.
        detail = " ".join(str(error).split())[:_SHOWN].encode("ascii", "replace").decode()
        headers = {REASON_HEADER: code, DETAIL_HEADER: detail, QUEUE_HEADER: queue}
        await self._bus.publish(self._subject, message.payload, headers=headers)
        self.buried[code] = self.buried.get(code, 0) + 1
        logger.warning("{}: a message was buried: {}", queue, detail)
