"""What the review knows of one contract's market: the listing, the day's limits, the last prices and the session phase."""

from decimal import Decimal

import msgspec

from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.terms import SessionPhase
from tradepit.trading.model.tick import Tick


class Market(msgspec.Struct):
    """Prices are integer ticks, 0 = none. ``seen_ns`` (UTC) is the newest tick's instant; ``expiry_day`` is YYYYMMDD.

    ``holders`` are the accounts that ever ordered or held the contract: whom a new price concerns.
    """

    instrument: Instrument
    expiry_day: int
    lower_ticks: int = 0
    upper_ticks: int = 0
    last_ticks: int = 0
    bid_ticks: int = 0
    ask_ticks: int = 0
    seen_ns: int = 0
    phase: SessionPhase = SessionPhase.CLOSED
    holders: list[str] = []

    @classmethod
    def of(cls, instrument: Instrument) -> "Market":
        """A market of which nothing is known yet: closed, without prices and limits."""
        expiry = instrument.expiry
        return cls(instrument=instrument, expiry_day=expiry.year * 10_000 + expiry.month * 100 + expiry.day)

    def see(self, tick: Tick) -> None:
        """Take over a snapshot. An older one than the newest seen changes nothing."""
        time_ns, bids, asks = tick.time_ns, tick.bids, tick.asks
        if time_ns < self.seen_ns:
            return
        self.seen_ns = time_ns
        if tick.last_ticks:
            self.last_ticks = tick.last_ticks
        self.bid_ticks = bids[0].price_ticks if bids else 0
        self.ask_ticks = asks[0].price_ticks if asks else 0
        if tick.upper_limit_ticks:
            self.lower_ticks, self.upper_ticks = tick.lower_limit_ticks, tick.upper_limit_ticks
        self.phase = tick.phase

    def roll(self, settlement: Decimal | None) -> None:
        """A new trading day: the limits follow from the settlement price, yesterday's prices guide nobody any more."""
        self.last_ticks = self.bid_ticks = self.ask_ticks = 0
        self.lower_ticks, self.upper_ticks = (0, 0) if settlement is None else self.instrument.price_band(settlement)

    @property
    def fair_ticks(self) -> int:
        """The last price, without one the middle of the quotes (rounded down), without both 0."""
        if self.last_ticks:
            return self.last_ticks
        return (self.bid_ticks + self.ask_ticks) // 2 if self.bid_ticks and self.ask_ticks else 0

    def worst_ticks(self, price_ticks: int) -> int:
        """The price at which an order is worth most: its own; a market order's is the day's highest. 0 when neither is known."""
        return price_ticks or self.upper_ticks
