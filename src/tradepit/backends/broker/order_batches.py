"""Orders of one turn of the event loop leave in one message: a group commit's orders come together and need not part again."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from tradepit.runtime.eager import Started
from tradepit.trading.matching.commands import SubmitOrder
from tradepit.trading.model.errors import OutcomeUnknown
from tradepit.trading.model.order import Order
from tradepit.wire.gateway import MAX_BATCH_ORDERS, OrderReply

_Waiting = tuple[SubmitOrder, "asyncio.Future[Order]"]


class OrderBatches:
    """``send`` carries several orders and gives their replies in the same order, or fails for all of them alike; ``outcome`` is what
    a reply says of its order, or raises.
    """

    def __init__(
        self,
        send: Callable[[Sequence[SubmitOrder]], Awaitable[Sequence[OrderReply]]],
        outcome: Callable[[SubmitOrder, OrderReply], Order],
    ) -> None:
        self._send, self._outcome = send, outcome
        self._batch: list[_Waiting] = []
        self._carrying: set[asyncio.Task[None]] = set()

    def submit(self, order: SubmitOrder) -> "asyncio.Future[Order]":
        """The outcome of one order, or what ``send`` and ``outcome`` raise, or OutcomeUnknown."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Order] = loop.create_future()
        if not self._batch:
            loop.call_soon(self._leave)  # the others of this turn join
        self._batch.append((order, answer))
        return answer

    async def stop(self) -> None:
        """What is under way is not waited for: its outcome is unknown."""
        carrying = tuple(self._carrying)
        for task in carrying:
            task.cancel()
        await asyncio.gather(*carrying, return_exceptions=True)

    def _leave(self) -> None:
        waiting, self._batch = self._batch, []
        for begin in range(0, len(waiting), MAX_BATCH_ORDERS):
            begun = Started(self._carry(waiting[begin : begin + MAX_BATCH_ORDERS]))
            if not begun.finished:
                self._carrying.add(begun.task)
                begun.task.add_done_callback(self._carrying.discard)

    async def _carry(self, batch: list[_Waiting]) -> None:
        try:
            replies = await self._send([order for order, _ in batch])
        except asyncio.CancelledError:
            _fail(batch, OutcomeUnknown("the sender went away"))
            raise
        except Exception as error:  # noqa: BLE001 - those who wait judge it
            _fail(batch, error)
            return
        for (order, answer), reply in zip(batch, replies, strict=True):
            if answer.done():
                continue
            try:
                answer.set_result(self._outcome(order, reply))
            except Exception as error:  # noqa: BLE001 - this order's alone
                _fail([(order, answer)], error)


def _fail(batch: list[_Waiting], error: Exception) -> None:
    for _, answer in batch:
        if not answer.done():
            answer.set_exception(error)
            answer.exception()  # a sender that went away does not read it
