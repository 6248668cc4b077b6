"""Dead letters: messages nobody could use, kept in a queue of their own with the reason, so that the others go on."""

from loguru import logger

from tradepit.ports.bus import Bus, Message
from tradepit.trading.model.errors import InternalError, PayloadTooLarge, TradepitError
from tradepit.wire.queues import QueueRoute, header_text
from tradepit.wire.tq import DETAIL_HEADER, QUEUE_HEADER, REASON_HEADER, SIZE_HEADER

_CUT_BYTES = 64 * 1024
_LOGGED, _LOGGED_AGAIN = 20, 1_000


class DeadLetters:
    """One queue for all. A letter carries the message as it came; its headers say why, and from which queue.

    Of a message that is larger than the bus takes, the letter carries the first 64 KiB, and a header says how large it was.
    """

    def __init__(self, bus: Bus, route: QueueRoute) -> None:
        self._bus, self._subject = bus, route.channel.subject
        self.buried: dict[str, int] = {}

    async def bury(self, message: Message, error: Exception, queue: str) -> None:
        """Keep a message. Raises Unavailable when that cannot be done now: do not acknowledge it then."""
        code = error.reason_code if isinstance(error, TradepitError) else InternalError.code
        detail = header_text(str(error))
        headers = {REASON_HEADER: code, DETAIL_HEADER: detail, QUEUE_HEADER: queue}
        try:
            await self._bus.publish(self._subject, message.payload, headers=headers)
        except PayloadTooLarge:
            headers[SIZE_HEADER] = str(len(message.payload))
            await self._bus.publish(self._subject, message.payload[:_CUT_BYTES], headers=headers)
        count = self.buried[code] = self.buried.get(code, 0) + 1
        # A sender gone wrong must not fill the log too; each letter says why.
        if count <= _LOGGED or count % _LOGGED_AGAIN == 0:
            logger.warning("{}: a message was buried, the {}. with this code: {}", queue, count, detail)
