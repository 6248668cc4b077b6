"""The newest quotes per instrument, from the market's ticks and the exchange's own book."""

from decimal import Decimal

import msgspec

from tradepit.ports.bus import Bus, Message, Subscription
from tradepit.ports.clock import Clock
from tradepit.wire.simulator import MARKET_DEPTH, MARKET_TICK

_BOOK_LIVES_NS = 2_000_000_000


class Quoted(msgspec.Struct, frozen=True, gc=False):
    """The fields of a tick that traders by the best quotes need; prices in quoted units, 0 = none."""

    symbol: str
    last_price: Decimal
    limit_up: Decimal
    limit_down: Decimal
    bid_price_1: Decimal
    bid_volume_1: int
    ask_price_1: Decimal
    ask_volume_1: int
    phase: str = "CONTINUOUS"


_DECODER = msgspec.json.Decoder(Quoted)


class QuoteBoard:
    """The exchange's own book counts while it is told; without it for two seconds the market's ticks do."""

    def __init__(self, bus: Bus, clock: Clock) -> None:
        self._bus, self._clock = bus, clock
        self._quotes: dict[str, tuple[Quoted, int]] = {}
        self._book_ns: dict[str, int] = {}
        self._subscriptions: list[Subscription] = []
        self.refused = 0

    async def start(self) -> None:
        """Listen."""
        self._subscriptions.append(await self._bus.subscribe(MARKET_TICK, self._on_tick))
        self._subscriptions.append(await self._bus.subscribe(MARKET_DEPTH, self._on_book))

    async def stop(self) -> None:
        """Listen no more. Idempotent."""
        subscriptions, self._subscriptions = self._subscriptions, []
        for subscription in subscriptions:
            await subscription.stop()

    def newest(self, symbol: str) -> tuple[Quoted, int] | None:
        """The newest quote and the monotonic ns it was received at."""
        return self._quotes.get(symbol)

    async def _on_tick(self, message: Message) -> None:
        quoted, now_ns = self._read(message), self._clock.monotonic_ns()
        if quoted is not None and now_ns - self._book_ns.get(quoted.symbol, -_BOOK_LIVES_NS) >= _BOOK_LIVES_NS:
            self._quotes[quoted.symbol] = (quoted, now_ns)

    async def _on_book(self, message: Message) -> None:
        quoted, now_ns = self._read(message), self._clock.monotonic_ns()
        if quoted is not None:
            self._book_ns[quoted.symbol] = now_ns
            self._quotes[quoted.symbol] = (quoted, now_ns)

    def _read(self, message: Message) -> Quoted | None:
        try:
            return _DECODER.decode(message.payload)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ArithmeticError, ValueError):
            self.refused += 1
            return None
