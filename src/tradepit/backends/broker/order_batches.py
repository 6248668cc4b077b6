"""Orders of one turn of the event loop leave in one message: a group commit's orders come together and need not part again."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from tradepit.trading.matching.commands import SubmitOrder
from tradepit.trading.model.errors import OutcomeUnknown
from tradepit.wire.gateway import MAX_BATCH_ORDERS, OrderReply

_Waiting = tuple[SubmitOrder, "asyncio.Future[OrderReply]"]


class OrderBatches:
    """``send`` carries several orders and gives their replies in the same order, or fails for all of them alike.

    The first sender of a batch carries it for the others; should it be cancelled, what became of theirs is unknown.
    """

    def __init__(self, send: Callable[[Sequence[SubmitOrder]], Awaitable[Sequence[OrderReply]]]) -> None:
        self._send = send
        self._batch: list[_Waiting] = []

    async def submit(self, order: SubmitOrder) -> OrderReply:
        """The reply to one order. Raises what ``send`` raises, OutcomeUnknown."""
        reply: asyncio.Future[OrderReply] = asyncio.get_running_loop().create_future()
        batch = self._batch
        batch.append((order, reply))
        if len(batch) == MAX_BATCH_ORDERS:
            self._batch = []
        if len(batch) == 1:
            await self._carry(batch)
        return await reply

    async def _carry(self, batch: list[_Waiting]) -> None:
        try:
            await asyncio.sleep(0)  # the others of this turn join
            if self._batch is batch:
                self._batch = []
            replies = await self._send([order for order, _ in batch])
            for (_, waiting), reply in zip(batch, replies, strict=True):
                if not waiting.done():
                    waiting.set_result(reply)
        except BaseException as error:
            if self._batch is batch:
                self._batch = []
            _fail(batch, error if isinstance(error, Exception) else OutcomeUnknown("the sender went away"))
            if not isinstance(error, Exception):
                raise


def _fail(batch: list[_Waiting], error: Exception) -> None:
    for _, waiting in batch:
        if not waiting.done():
            waiting.set_exception(error)
            waiting.exception()  # a sender that went away does not read it
