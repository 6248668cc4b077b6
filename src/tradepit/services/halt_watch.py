"""The watch on the halt box: whoever leads order management carries out what was put there, before it takes another order."""

import contextlib
from collections.abc import Callable

from loguru import logger

from tradepit.ports.clock import Clock
from tradepit.runtime.halt_box import HaltBox
from tradepit.services.kill_switch import KillSwitch
from tradepit.services.order_leader import OrderLeader
from tradepit.trading.model.errors import NotActive, RequestRefused, TradepitError
from tradepit.trading.model.terms import TradingState

_LOOK_S, _LOOKS_AT_LEAST = 0.02, 25


class HaltWatch:
    """Looks fifty times a second, which costs a look at a folder. A halt stays in the box until it is journaled and answered."""

    def __init__(self, box: HaltBox, leader: Callable[[], OrderLeader], clock: Clock, *, flattens: bool = True) -> None:
        self._box, self._leader, self._clock = box, leader, clock
        self._switch = KillSwitch(clock, flattens=flattens)
        self._seen_ns = -1
        self.carried_out = 0

    async def run(self) -> None:
        """Watch until cancelled."""
        looks = 0
        while True:
            try:
                changed_ns = self._box.changed_ns
                looks += 1
                # The folder's time is coarse: what came within the same tick is found at the next look after half a second.
                if changed_ns != self._seen_ns or looks % _LOOKS_AT_LEAST == 0:
                    leader = self._leader()
                    await self._carry_out(leader)
                    self._seen_ns = changed_ns
            except NotActive:
                # The one who leads next looks before its doors open.
                self._seen_ns = -1
            except (TradepitError, OSError) as error:
                logger.error("halts wait to be carried out: {}", error)
            await self._clock.sleep(_LOOK_S)

    async def fence(self, leader: OrderLeader) -> None:
        """Before the doors open: nothing passes that a halt in the box is against. Raises NotActive, and OSError for a box that cannot be
        read: whoever does not know what was halted may not lead.
        """
        for wish in self._box.pending():
            if wish.state != TradingState.ACTIVE.value:
                with contextlib.suppress(RequestRefused):
                    await self._switch.set(leader, wish)

    async def _carry_out(self, leader: OrderLeader) -> None:
        for wish in self._box.pending():
            try:
                reply = await self._switch.throw(leader, wish)
            except RequestRefused as error:
                logger.error("a halt in the box means nothing and is put aside: {}", error)
                self._box.put_aside(wish)
                continue
            self._box.answer(wish, reply)
            self.carried_out += 1
            logger.warning("{} is {} by {}: {}", wish.scope, wish.state, wish.who, wish.reason)
