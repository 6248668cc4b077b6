"""The contracts a leader of order management knows: journaled once, asked for at the broker when an order names a new one."""

import asyncio
from collections.abc import Callable

from tradepit.ports.broker import Broker, Listing
from tradepit.ports.clock import Clock
from tradepit.trading.model.errors import InstrumentNotFound
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.orders import events as facts
from tradepit.trading.orders.desk import OrderDesk

_ASK_EVERY_NS = 1_000_000_000
_UNKNOWN_KEPT = 1000


class OrderContracts:
    """Nothing is guessed: what the broker does not know is not traded. It is asked for the same one at most once a second."""

    def __init__(
        self, desk: OrderDesk, broker: Broker, clock: Clock, record: "Callable[[facts.InstrumentKnown], asyncio.Future[int]]"
    ) -> None:
        self._desk, self._broker, self._clock, self._record = desk, broker, clock, record
        self._asked_ns: dict[str, int] = {}

    async def find(self, symbol: str) -> Instrument:
        """A contract by its code. Raises InstrumentNotFound, and Unavailable when the broker cannot be asked."""
        found = self._desk.register.instruments.get(symbol)
        if found is not None:
            return found
        now_ns, asked_ns = self._clock.monotonic_ns(), self._asked_ns.get(symbol)
        if asked_ns is None or now_ns - asked_ns > _ASK_EVERY_NS:
            listing = await self._broker.find(symbol)
            if listing is not None:
                self._know(listing)
                return listing.instrument
            if len(self._asked_ns) >= _UNKNOWN_KEPT:
                self._asked_ns.clear()
            self._asked_ns[symbol] = now_ns
        raise InstrumentNotFound(symbol=symbol)

    async def learn(self, symbol: str) -> None:
        """Know a contract if the broker does. Raises Unavailable."""
        listing = await self._broker.find(symbol)
        if listing is not None:
            self._know(listing)

    async def learn_all(self) -> None:
        """Know what the broker lists today, with its limits and phase. Raises Unavailable."""
        for listing in await self._broker.instruments():
            self._know(listing)

    def _know(self, listing: Listing) -> None:
        symbol, exposure = listing.instrument.symbol, self._desk.exposure
        if symbol not in self._desk.register.instruments:
            known = facts.InstrumentKnown(
                time_ns=self._clock.now_ns(), instrument=listing.instrument, reference=str(listing.pre_settlement)
            )
            self._record(known)
        market = exposure.markets[symbol]
        market.lower_ticks, market.upper_ticks = listing.lower_limit_ticks, listing.upper_limit_ticks
        exposure.on_phase(symbol, listing.phase)
