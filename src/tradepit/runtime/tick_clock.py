"""The exchange's time as its recorded ticks tell it, for processes that are not the exchange."""

import msgspec

from tradepit.ports.bus import Bus, Message
from tradepit.runtime.clock import SystemClock
from tradepit.trading.model.errors import BadRequest
from tradepit.wire.simulator import MARKET_TICK
from tradepit.wire.simulator_codec import from_iso


class _Dated(msgspec.Struct, frozen=True, kw_only=True):
    datetime: str


class TickClock(SystemClock):
    """``now_ns`` is the newest tick's instant (0 before the first) and never runs back; waiting and measuring are the machine's."""

    def __init__(self) -> None:
        self._now_ns = 0

    def now_ns(self) -> int:
        return self._now_ns

    async def follow(self, bus: Bus) -> None:
        """Take the time from every tick on the bus from here on."""
        await bus.subscribe(MARKET_TICK, self._see)

    async def _see(self, message: Message) -> None:
        try:
            self._now_ns = max(self._now_ns, from_iso(msgspec.json.decode(message.payload, type=_Dated).datetime))
        except (BadRequest, msgspec.MsgspecError, UnicodeDecodeError):
            # A tick that cannot be read has no time to tell; who consumes ticks reports it.
            return
