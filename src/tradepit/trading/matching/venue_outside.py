"""The outside market at the venue: its ticks become quotes beside the book, which trade with the accounts' orders."""

from tradepit.trading.matching.commands import ApplyTick
from tradepit.trading.matching.outside_quotes import OutsideQuotes, take_youngest
from tradepit.trading.matching.outside_tick import check_outside_tick
from tradepit.trading.matching.venue_floor import Floor
from tradepit.trading.matching.venue_market import Market
from tradepit.trading.matching.venue_snapshots import touch
from tradepit.trading.matching.venue_trades import book_match
from tradepit.trading.model.errors import InstrumentNotFound
from tradepit.trading.model.terms import SessionPhase, Side
from tradepit.trading.model.tick import Level, Tick

_CONTINUOUS = SessionPhase.CONTINUOUS  # named for each order: see ``at_hand``
_BUY = Side.BUY


def apply_tick(floor: Floor, command: ApplyTick) -> None:
    """Take over what the outside shows: its figures always, its levels as quotes in continuous trading only.

    Outside continuous trading (recorded auctions, rows after the close) the figures count and nothing is quoted. Raises
    InstrumentNotFound, VenueRefused TICK_NOT_VALID; then nothing changed.
    """
    tick = command.tick
    market = floor.markets.get(tick.symbol)
    if market is None:
        raise InstrumentNotFound(symbol=tick.symbol)
    quoting = market.phase is _CONTINUOUS and tick.phase is _CONTINUOUS
    check_outside_tick(market, tick, floor.trading_day, floor.settings.max_outside_levels, quoting=quoting)
    market.outside_tick = tick
    changed = _take_figures(floor, market, tick)
    bids, asks = (tick.bids, tick.asks) if quoting else ((), ())
    changed |= _show(floor, market, market.bids, bids)
    changed |= _show(floor, market, market.asks, asks)
    if changed and floor.settings.snapshot_ns:
        touch(floor, market)


def withdraw_quotes(market: Market) -> None:
    """Take every quote of the outside away."""
    market.bids.queues, market.asks.queues = {}, {}


def _take_figures(floor: Floor, market: Market, tick: Tick) -> bool:
    seen = market.statistics
    first, last_ticks = not seen.outside_seen, seen.last_ticks
    lots, turnover, changed = seen.show(tick)
    if lots:
        # What was traded before the first tick belongs to the day, not to the hour in which the venue began to listen.
        tape = market.outside_tape
        tape.add(tape.sessions[0][0] if first and tape.sessions else floor.now_ns, turnover, lots, market.hours)
    if seen.last_ticks != last_ticks:
        floor.ledger.mark(market.symbol, seen.last_ticks)
    return changed


def _show(floor: Floor, market: Market, quotes: OutsideQuotes, levels: tuple[Level, ...]) -> bool:
    """One side is now this. What is no longer shown is taken from the youngest lots first: who waited behind them moves up. What was
    added trades with accounts' orders it crosses, and what is left joins behind. True when anything changed.
    """
    former = quotes.queues
    # The best price at which an account waits for this side: of the outside the book holds nothing.
    meets = market.book.best(quotes.side.opposite) if market.working else 0
    # Built anew, for its order is that of the levels.
    queues = quotes.queues = {}
    changed, kept = False, 0
    for level in levels:
        price, lots = level.price_ticks, level.lots
        queue = former.get(price)
        if queue is None:
            queue, there = {}, 0
        else:
            kept += 1
            there = sum(queue.values())
        if lots < there:
            changed = True
            take_youngest(queue, there - lots)
        elif lots > there:
            added = lots - there
            if meets and (price >= meets if quotes.buys else price <= meets):
                added = _cross(floor, market, quotes.side, price, added)
            if added:
                changed = True
                market.book_numbers = number = market.book_numbers + 1
                queue[number] = added
        if queue:
            queues[price] = queue
    return changed or kept < len(former)


def _cross(floor: Floor, market: Market, side: Side, price: int, lots: int) -> int:
    """Let new lots of the outside trade with the accounts' orders they cross; the lots left."""
    for match in market.book.match(side, price, lots):
        lots -= match[2]
        book_match(floor, market, side, price, None, match)
    return lots
