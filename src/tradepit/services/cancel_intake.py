"""The cancel intake: requests from a queue of their own become cancels at the broker; a split order's children go with it."""

from collections.abc import Callable

from tradepit.ports.broker import Broker
from tradepit.ports.bus import Bus, Message
from tradepit.ports.clock import Clock
from tradepit.services.queue_worker import Figures
from tradepit.services.tq_settings import TqServiceSettings
from tradepit.trading.model.errors import BadRequest, OrderNotFound, StaleEpoch
from tradepit.wire.tq import HANDED_ON_HEADER, child_order_ids
from tradepit.wire.tq_requests import Cancel, read_request

_LOOK_S = 0.1


class CancelIntake:
    """Work at the queue of cancel requests. It keeps nothing: the queue has the request until the broker has answered.

    Cancelling twice is cancelling once; what has finished already is done. Requests to submit are passed over: another worker
    takes them. A cancel whose order the broker does not know waits for it for a moment, then it is handed on to the queue of
    ``submissions``, behind whatever waits there: its order perhaps, after an outage. Whoever works there has the last word.
    """

    def __init__(
        self,
        *,
        bus: Bus,
        submissions: str,
        broker: Broker,
        clock: Clock,
        settings: TqServiceSettings,
        on_failure: Callable[[BaseException], None],
    ) -> None:
        self._bus, self._submissions = bus, submissions
        self._broker, self._clock, self._settings, self._on_failure = broker, clock, settings, on_failure
        self._epoch = 0
        self._problem = ""
        self.passed_over = self.cancelled = self.handed_on = 0

    async def open(self) -> None:
        await self._broker.connect()
        # Nobody hands out epochs here: the clock's second rises with every start.
        self._epoch = self._clock.now_ns() // 1_000_000_000
        await self._broker.open_session(self._epoch)

    async def do(self, message: Message) -> None:
        request = read_request(message.payload)
        if not isinstance(request, Cancel):
            self.passed_over += 1
            return
        if request.portfolio_id != self._settings.portfolio_id:
            raise BadRequest("not the portfolio that is served here", portfolio_id=request.portfolio_id)
        try:
            await self._cancel(request.order_id)
        except OrderNotFound:
            await self._bus.publish(self._submissions, message.payload, headers={HANDED_ON_HEADER: "1"})
            self.handed_on += 1
        except StaleEpoch as error:
            self._problem = "another instance cancels now"
            self._on_failure(error)
            raise

    async def close(self) -> None:
        await self._broker.close()

    def problem(self) -> str:
        return self._problem

    def figures(self) -> Figures:
        return {"cancelled": self.cancelled, "passed_over": self.passed_over, "handed_on": self.handed_on}

    async def _cancel(self, order_id: str) -> None:
        """Cancel the order, or the children it was split into. What is not there yet may be on its way and is waited for.

        Raises OrderNotFound.
        """
        waited_s, children = 0.0, child_order_ids(order_id)
        while True:
            if await self._cancel_one(order_id):
                return
            found = [await self._cancel_one(name) for name in children]
            # A split order's second child follows its first at once, if there is one: one more look is enough.
            if all(found) or (any(found) and waited_s):
                return
            if waited_s >= self._settings.cancel_patience_s and not any(found):
                raise OrderNotFound(order_id=order_id)
            await self._clock.sleep(_LOOK_S)
            waited_s += _LOOK_S

    async def _cancel_one(self, name: str) -> bool:
        """True when the broker knows the order; then it is cancelled, or has finished before."""
        account = self._settings.broker_account
        order = await self._broker.query(account, name)
        if order is not None and order.active:
            await self._broker.cancel(account, name, epoch=self._epoch)
            self.cancelled += 1
        return order is not None
