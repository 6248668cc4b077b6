"""A tick as it is kept: its price, what has traded since the one before, and the quote that came with it."""

from collections.abc import Iterable
from decimal import Decimal

import msgspec


class TickRecord(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One tick of a contract, by ``symbol`` and ``time_ns`` (UTC, whole microseconds). Prices in quoted units, volumes in lots.

    ``volume`` is what has traded since the tick before it, so that volumes of any stretch of time can be summed; the first of a
    trading day carries what had traded by then. ``day_volume`` accumulates over ``trading_day`` (YYYYMMDD), as the exchange tells
    it; None where another program has written the row, whose ``volume`` then stands.
    """

    symbol: str
    time_ns: int
    price: Decimal
    volume: int = 0
    day_volume: int | None = None
    trading_day: int = 0
    exchange: str = ""
    open_interest: int = 0
    bid_price: Decimal | None = None
    bid_volume: int = 0
    ask_price: Decimal | None = None
    ask_volume: int = 0

    @property
    def key(self) -> tuple[str, int]:
        """What tells it from all others."""
        return self.symbol, self.time_ns


def one_of_each(ticks: Iterable[TickRecord]) -> dict[tuple[str, int], TickRecord]:
    """Ticks by key, by symbol and time; of several of one instant the one by which most has traded, the first of equals."""
    found: dict[tuple[str, int], TickRecord] = {}
    for tick in ticks:
        known = found.get(tick.key)
        if known is None or is_later(tick, known):
            found[tick.key] = tick
    return {key: found[key] for key in sorted(found)}


def is_later(tick: TickRecord, known: TickRecord) -> bool:
    """True when ``tick`` tells more than another of the same instant: by then more had traded."""
    return (tick.day_volume or 0) > (known.day_volume or 0)


def with_volumes(ticks: Iterable[TickRecord], former: TickRecord | None = None) -> list[TickRecord]:
    """Ticks of one symbol in the order of time, each with the volume since the one before it; ``former`` is before all of them."""
    told: list[TickRecord] = []
    day, traded = (former.trading_day, former.day_volume or 0) if former is not None else (0, 0)
    for tick in ticks:
        if tick.day_volume is None:
            told.append(tick)
            continue
        if tick.trading_day != day:
            day, traded = tick.trading_day, 0
        volume = max(0, tick.day_volume - traded)
        traded = max(traded, tick.day_volume)
        told.append(tick if volume == tick.volume else msgspec.structs.replace(tick, volume=volume))
    return told
