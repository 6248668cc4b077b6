"""Orders in doubt of one term of office: the broker is asked what became of each; none is ever sent again."""

import asyncio
from collections.abc import Callable

import msgspec
from loguru import logger

from tradepit.ports.broker import Broker
from tradepit.ports.clock import Clock
from tradepit.services.leading_term import Term
from tradepit.trading.model.errors import (
    BadRequest,
    DuplicateId,
    IdNotValid,
    OutcomeUnknown,
    PayloadTooLarge,
    PriceNotValid,
    PriceWrongTick,
    RequestRefused,
    StaleEpoch,
    Unavailable,
    VolumeNotValid,
)
from tradepit.trading.model.order import Order
from tradepit.trading.model.terms import OrderStatus

_RESOLVE_EVERY_S = 0.05
# Refusals of the question itself that prove that the broker never took the order and never will; all others prove nothing.
_NEVER_TAKEN = frozenset(
    kind.code for kind in (BadRequest, PriceNotValid, PriceWrongTick, VolumeNotValid, IdNotValid, PayloadTooLarge, DuplicateId)
)


class OrderDoubts:
    """Asks for every order in doubt until the broker has told; a broker that does not answer is asked again."""

    def __init__(self, term: Term, broker: Broker, clock: Clock, on_fenced: Callable[[], None]) -> None:
        self._term, self._broker, self._clock, self._on_fenced = term, broker, clock, on_fenced
        self.resolved = 0

    async def keep_resolving(self) -> None:
        """Clear up for ever."""
        while True:
            await self._clock.sleep(_RESOLVE_EVERY_S)
            await self.resolve_all()

    async def resolve_all(self) -> None:
        """Ask once for every order in doubt."""
        if self._term.fenced:
            # What this desk holds may never have reached the journal: it is the next leader's to judge.
            return
        doubtful = [order for key, order in self._term.desk.register.in_doubt.items() if key not in self._term.sending]
        await asyncio.gather(*(self._resolve(order) for order in doubtful))

    async def _resolve(self, order: Order) -> None:
        try:
            found = await self._broker.resolve(order.intent, epoch=self._term.epoch)
        except StaleEpoch:
            self._on_fenced()
            return
        except (OutcomeUnknown, Unavailable) as error:
            logger.warning("order {} still in doubt: {}", order.client_order_id, error)
            return
        except RequestRefused as error:
            if error.reason_code not in _NEVER_TAKEN:
                logger.warning("order {} still in doubt, the broker does not tell: {}", order.client_order_id, error)
                return
            found = msgspec.structs.replace(order, status=OrderStatus.REJECTED, reason=error.reason_code, left_lots=0)
        self.resolved += 1
        logger.info("order {} was in doubt: {} {}", order.client_order_id, found.status, found.reason)
        self._term.learn_order(found)
