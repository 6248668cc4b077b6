"""A book put together of what SSI tells: each side whole, or only what has changed of it."""

from tradepit.backends.broker.ssi.news import Levels
from tradepit.trading.model.errors import BadRequest
from tradepit.trading.model.instrument import Instrument
from tradepit.trading.model.tick import Level

Side = tuple[Level, ...]
MOST_LEVELS = 10
MOST_LOTS = 2**53


def names_gone(told: Levels | None) -> bool:
    """Whether a side names a price at which there is nothing any more: whoever says so tells changes."""
    return any(price > 0 and lots == 0 for price, lots in told or ())


def side_of(told: Levels | None, known: Side, instrument: Instrument, *, rising: bool, in_changes: bool) -> Side:
    """The side as it is now, its best first; prices of asks rise. Raises BadRequest for what cannot be.

    Where changes are told, what they do not name is as it was. All levels there are, none of them gone, are no change but the whole.
    """
    if told is None:
        return known
    if any(lots > MOST_LOTS for _, lots in told):
        raise BadRequest("lots out of range", symbol=instrument.symbol)
    levels = [(instrument.to_ticks(price), lots) for price, lots in told if price > 0]
    if in_changes and (names_gone(told) or len(levels) < MOST_LEVELS):
        levels = sorted(({level.price_ticks: level.lots for level in known} | dict(levels)).items(), reverse=not rising)
    found = tuple(Level(ticks, lots) for ticks, lots in levels if lots > 0)[:MOST_LEVELS]
    prices = [level.price_ticks for level in found]
    if prices != sorted(set(prices), reverse=not rising):
        raise BadRequest("a book whose levels are out of order", symbol=instrument.symbol)
    return found


def standing(side: Side, told: Levels | None, against: Levels | None, instrument: Instrument, *, rising: bool) -> Side:
    """The side without what was only kept, and would have traded with what is told of the other side: it is not there any more."""
    named = {instrument.to_ticks(price) for price, _ in told or () if price > 0}
    others = [instrument.to_ticks(price) for price, lots in against or () if price > 0 and lots > 0]
    if not others:
        return side
    best = max(others) if rising else min(others)
    return tuple(
        level
        for level in side
        if level.price_ticks in named or (level.price_ticks > best if rising else level.price_ticks < best)
    )
