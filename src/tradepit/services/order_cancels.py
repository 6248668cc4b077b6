"""Cancels of one term of office: the wish is journaled, sent one at a time, and sent again until the order is finished."""

import asyncio
from collections.abc import Callable, Sequence

from loguru import logger

from tradepit.ports.broker import Broker
from tradepit.ports.clock import Clock
from tradepit.runtime.shared_work import SharedWork
from tradepit.services.leading_term import Key, Term
from tradepit.trading.model.errors import NotActive, OrderNotFound, OutcomeUnknown, RequestRefused, StaleEpoch, Unavailable
from tradepit.trading.model.order import Order
from tradepit.trading.model.terms import SessionPhase
from tradepit.trading.orders import events as facts
from tradepit.trading.risk.review import review_cancel

_LOOK_EVERY_S = 0.05
_AGAIN_NS = 1_000_000_000
_AGAIN_CLOSED_NS = 5_000_000_000
_NO_CANCELS = (SessionPhase.BREAK, SessionPhase.CLOSED, SessionPhase.AUCTION_MATCHING)


class OrderCancels:
    """Wishes stay: one for an order in doubt is sent once the order is found, one the exchange refuses now is sent again later.

    In a break an exchange takes no cancels: trying twenty times a second would only fill its journal.
    """

    def __init__(self, term: Term, broker: Broker, clock: Clock, on_fenced: Callable[[], None]) -> None:
        self._term, self._broker, self._clock, self._on_fenced = term, broker, clock, on_fenced
        self._under_way: SharedWork[Key, Order] = SharedWork()
        self._again_ns: dict[Key, int] = {}

    async def cancel(self, account: str, client_order_id: str) -> Order:
        """Cancel what is left; doing it twice is doing it once. A finished order's state is the answer.

        Raises OrderNotFound, OutcomeUnknown (in hand), VenueRefused (not now; the wish stays), NotActive.
        """
        key, register = (account, client_order_id), self._term.desk.register
        order = register.orders.get(key)
        if order is None:
            raise OrderNotFound(client_order_id=client_order_id)
        if not order.active:
            return order
        if key in register.cancel_wanted:
            await self._term.write()
        else:
            await self._wait_for_rate(order)
            await self._term.write(self.wish(order))
        return await self._send(key)

    async def clear(self, account: str, client_order_ids: Sequence[str]) -> None:
        """Cancel orders that are in another one's way; what comes in between is in hand, and the other order's review will see."""
        for client_order_id in client_order_ids:
            try:
                await self.cancel(account, client_order_id)
            except (RequestRefused, OutcomeUnknown) as error:
                logger.info("{} is still in the way: {}", client_order_id, error)

    def wish(self, order: Order) -> facts.CancelRequested:
        """The fact that this order is to be cancelled."""
        account, client_order_id = order.intent.account, order.client_order_id
        return facts.CancelRequested(time_ns=self._clock.now_ns(), account=account, client_order_id=client_order_id)

    async def carry_out(self, order: Order) -> None:
        """Send a journaled wish; whatever comes in its way, it is sent again later."""
        try:
            await self._wait_for_rate(order)
            await self._send((order.intent.account, order.client_order_id))
        except (RequestRefused, OutcomeUnknown, NotActive) as error:
            logger.warning("cancel of {} in hand: {}", order.client_order_id, error)

    async def keep_trying(self) -> None:
        """Send what is still wanted, until cancelled."""
        while True:
            await self._clock.sleep(_LOOK_EVERY_S)
            await self.try_again()

    async def try_again(self) -> None:
        """Send every wish that is due."""
        register = self._term.desk.register
        if self._term.fenced:
            # What this desk holds may never have reached the journal: it is the next leader's to judge.
            return
        for key in [key for key in self._again_ns if key not in register.cancel_wanted]:
            del self._again_ns[key]
        await asyncio.gather(*(self.carry_out(register.working[key]) for key in sorted(register.cancel_wanted) if self._due(key)))

    async def stop(self) -> None:
        """End the term: what is under way is the next leader's."""
        await self._under_way.stop()

    def _due(self, key: Key) -> bool:
        if key in self._term.desk.register.in_doubt or key in self._term.sending or key in self._under_way:
            return False
        return self._again_ns.get(key, 0) <= self._clock.monotonic_ns()

    async def _send(self, key: Key) -> Order:
        """Who asks while a cancel is on its way shares the answer."""
        return await self._under_way.share(key, lambda: self._send_once(key))

    async def _send_once(self, key: Key) -> Order:
        await self._term.sending.join(key)
        register = self._term.desk.register
        order = register.orders[key]
        if not order.active:
            return order
        if key in register.in_doubt:
            raise OutcomeUnknown(client_order_id=order.client_order_id)
        try:
            order = await self._broker.cancel(*key, epoch=self._term.epoch)
        except StaleEpoch as error:
            self._on_fenced()
            raise NotActive from error
        except (OutcomeUnknown, Unavailable) as error:
            raise OutcomeUnknown(client_order_id=order.client_order_id) from error
        except RequestRefused:
            phase = self._term.desk.exposure.markets[order.intent.symbol].phase
            self._again_ns[key] = self._clock.monotonic_ns() + (_AGAIN_CLOSED_NS if phase in _NO_CANCELS else _AGAIN_NS)
            raise
        return self._term.learn_order(order)

    async def _wait_for_rate(self, order: Order) -> None:
        desk, intent = self._term.desk, order.intent
        rules = desk.limits.rules_for(intent)
        wait_ns = review_cancel(intent.account, desk.exposure, rules, self._clock.now_ns(), bot=intent.bot)
        if wait_ns:
            desk.tally.throttles += 1
            await self._clock.sleep(wait_ns / 1e9)
