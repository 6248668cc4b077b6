"""Marks a follower's positions to the newest ticks."""

from decimal import Decimal

import msgspec

from tradepit.ports.bus import Bus, Message, Subscription
from tradepit.ports.clock import Clock
from tradepit.runtime.position_follower import PositionFollower
from tradepit.trading.model.errors import BadRequest
from tradepit.wire.simulator import MARKET_TICK


class _LastPrice(msgspec.Struct, frozen=True, gc=False):
    symbol: str
    last_price: Decimal


_DECODER = msgspec.json.Decoder(_LastPrice)


class PriceMarker:
    """Best effort, like the ticks themselves. Off-tick prices and messages that are no ticks are counted and passed over."""

    def __init__(self, bus: Bus, clock: Clock, follower: PositionFollower) -> None:
        self._bus, self._clock, self._follower = bus, clock, follower
        self._subscription: Subscription | None = None
        self._last_ns = 0
        self.ticks = self.refused = 0

    async def start(self) -> None:
        """Listen to ``market.tick.*``."""
        self._subscription = await self._bus.subscribe(MARKET_TICK, self._on_tick)

    async def stop(self) -> None:
        """Listen no more. Idempotent."""
        if self._subscription is not None:
            await self._subscription.stop()

    @property
    def age_s(self) -> float:
        """Seconds since the last tick; 0 before the first."""
        return (self._clock.monotonic_ns() - self._last_ns) / 1e9 if self._last_ns else 0.0

    def figures(self) -> dict[str, str | int | float | bool]:
        """For the heartbeat."""
        return {"ticks": self.ticks, "ticks_refused": self.refused, "last_tick_age_s": round(self.age_s, 3)}

    async def _on_tick(self, message: Message) -> None:
        try:
            tick = _DECODER.decode(message.payload)
            book = self._follower.book
            if tick.last_price and book.knows(tick.symbol):
                book.mark(tick.symbol, book.instrument(tick.symbol).to_ticks(tick.last_price))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ArithmeticError, ValueError, BadRequest):
            self.refused += 1
            return
        self.ticks += 1
        self._last_ns = self._clock.monotonic_ns()
