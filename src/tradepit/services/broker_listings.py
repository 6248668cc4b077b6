"""The contracts a real broker lists, asked for again and again; whoever follows phases hears how they change."""

from collections.abc import Callable

from loguru import logger

from tradepit.ports.broker import Broker, Listing
from tradepit.ports.clock import Clock
from tradepit.trading.model.errors import TradepitError
from tradepit.trading.model.terms import SessionPhase

_ASK_S = 1.0
_ASK_AGAIN_NS = 1_000_000_000
_UNKNOWN_KEPT = 1000


class BrokerListings:
    """``on_phase`` is told every contract's phase once, and then its changes."""

    def __init__(self, broker: Broker, clock: Clock, on_phase: Callable[[str, SessionPhase], None]) -> None:
        self._broker, self._clock, self._on_phase = broker, clock, on_phase
        self._known: dict[str, Listing] = {}
        self._phases: dict[str, SessionPhase] = {}
        self._unknown_ns: dict[str, int] = {}
        self._answered_ns: int | None = None
        self.problem = "the broker has not answered yet"

    @property
    def age_s(self) -> float:
        """Seconds since the broker last answered, -1 before it ever has."""
        return -1.0 if self._answered_ns is None else (self._clock.monotonic_ns() - self._answered_ns) / 1e9

    def all(self) -> list[Listing]:
        """What was listed when the broker last answered."""
        return list(self._known.values())

    async def find(self, symbol: str) -> Listing | None:
        """A contract, asked for at the broker when it is new; None when the broker does not know it. Raises Unavailable."""
        known, now_ns = self._known.get(symbol), self._clock.monotonic_ns()
        if known is not None or now_ns - self._unknown_ns.get(symbol, -_ASK_AGAIN_NS) < _ASK_AGAIN_NS:
            return known
        found = await self._broker.find(symbol)
        if found is not None:
            self._take(found)
        else:
            if len(self._unknown_ns) >= _UNKNOWN_KEPT:
                self._unknown_ns.clear()
            self._unknown_ns[symbol] = now_ns
        return found

    async def run(self) -> None:
        """Ask for ever."""
        while True:
            try:
                listings = await self._broker.instruments()
            except TradepitError as error:
                if str(error) != self.problem:
                    logger.warning("the broker's contracts cannot be asked for: {}", error)
                self.problem = str(error)
            else:
                self._answered_ns, self.problem = self._clock.monotonic_ns(), ""
                self._known.clear()
                for listing in listings:
                    self._take(listing)
            await self._clock.sleep(_ASK_S)

    def _take(self, listing: Listing) -> None:
        symbol = listing.instrument.symbol
        self._known[symbol] = listing
        if self._phases.get(symbol) is not listing.phase:
            self._phases[symbol] = listing.phase
            self._on_phase(symbol, listing.phase)
