"""The exchange's listed contracts as it told them last, and how long ago that was."""

from tradepit.ports.clock import Clock
from tradepit.runtime.exchange_desk import ExchangeDesk
from tradepit.trading.model.instrument import Instrument
from tradepit.wire.gateway import InstrumentState


class Listing:
    """Whoever owns it calls ``refresh`` now and then; a question waits for the exchange only where it has never answered."""

    def __init__(self, desk: ExchangeDesk, clock: Clock) -> None:
        self._desk, self._clock = desk, clock
        self._states: dict[str, InstrumentState] | None = None
        self._told_ns = 0
        self.trading_day = 0

    @property
    def age_s(self) -> float:
        """Seconds since the exchange told of them."""
        return (self._clock.monotonic_ns() - self._told_ns) / 1e9

    async def refresh(self) -> dict[str, InstrumentState]:
        """Ask the exchange. Raises Unavailable."""
        told = await self._desk.instruments()
        self._states = {state.instrument.symbol: state for state in told.instruments}
        self.trading_day, self._told_ns = told.trading_day, self._clock.monotonic_ns()
        return self._states

    async def states(self) -> dict[str, InstrumentState]:
        """All listed contracts by symbol, in the order of listing. Raises Unavailable."""
        return self._states if self._states is not None else await self.refresh()

    def known(self, symbol: str) -> Instrument | None:
        """A listed contract. None where it is not, or where the exchange has never answered: it is not asked."""
        state = (self._states or {}).get(symbol)
        return state.instrument if state is not None else None
