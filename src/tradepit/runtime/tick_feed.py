"""Where market data comes from: ticks in order, in batches, each due at a moment."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.tick import Tick


class TickFeed(Protocol):
    """A source of ticks of one or several instruments."""

    @property
    def instruments(self) -> dict[str, Instrument]:
        """The instruments met so far, by symbol."""

    def batches(self) -> AsyncIterator[Sequence[Tick]]:
        """Ticks as they fall due, oldest first; ends when there is nothing more to come. The caller's pace is the feed's."""

    def progress(self) -> dict[str, str | int | float | bool]:
        """How far it has come, for the heartbeat."""
