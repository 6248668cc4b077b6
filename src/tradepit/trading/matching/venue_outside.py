"""The outside market at the venue: its ticks become quotes in the same book, which trade with the accounts' orders."""

from tradepit.trading.matching.commands import ApplyTick
from tradepit.trading.matching.order_book import OrderBook
from tradepit.trading.matching.outside_tick import check_outside_tick
from tradepit.trading.matching.venue_floor import Floor
from tradepit.trading.matching.venue_market import Market
from tradepit.trading.matching.venue_snapshots import touch
from tradepit.trading.matching.venue_trades import book_match
from tradepit.trading.model.errors import InstrumentNotFound
from tradepit.trading.model.terms import SessionPhase, Side
from tradepit.trading.model.tick import Level, Tick

_CONTINUOUS = SessionPhase.CONTINUOUS  # named for each order: see ``at_hand``
_BUY, _SELL = Side.BUY, Side.SELL
_MANY = 8  # orders at a price, from which on those that have traded away are looked for and forgotten


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
    changed = _take_figures(floor, market, tick)
    bids, asks = (tick.bids, tick.asks) if quoting else ((), ())
    changed |= _lower_quotes(market, _BUY, bids) | _lower_quotes(market, _SELL, asks)
    for level in bids:
        changed |= _raise_quote(floor, market, _BUY, level)
    for level in asks:
        changed |= _raise_quote(floor, market, _SELL, level)
    if changed and floor.settings.snapshot_ns:
        touch(floor, market)


def withdraw_quotes(market: Market) -> None:
    """Take every quote of the outside out of the book."""
    for side in Side:
        _lower_quotes(market, side, ())


def _take_figures(floor: Floor, market: Market, tick: Tick) -> bool:
    seen = market.statistics
    first = not seen.outside_seen
    lots, turnover, changed = seen.show(tick)
    if lots:
        # What was traded before the first tick belongs to the day, not to the hour in which the venue began to listen.
        tape = market.outside_tape
        tape.add(tape.sessions[0][0] if first and tape.sessions else floor.now_ns, turnover, lots, market.hours)
    if seen.last_ticks:
        floor.ledger.mark(market.symbol, seen.last_ticks)
    return changed


def _lower_quotes(market: Market, side: Side, levels: tuple[Level, ...]) -> bool:
    """Take away what the outside no longer shows, youngest lots first: who waited behind them moves up, the rest stays."""
    book, prices = market.book, market.quotes[side]
    if not prices:
        return False
    changed = False
    shown = {level.price_ticks: level.lots for level in levels}
    for price, numbers in tuple(prices.items()):
        most = shown.get(price, 0)
        if not most:
            for number in numbers:
                changed |= book.cancel(number) > 0
            del prices[price]
            continue
        there = book.lots_of(numbers)
        if there > most:
            changed = True
            _take_youngest(book, numbers, there - most)
        elif len(numbers) > _MANY:
            numbers[:] = [number for number in numbers if number in book]
    return changed


def _take_youngest(book: OrderBook, numbers: list[int], excess: int) -> None:
    """Take lots of the outside's orders at a price away; there are more than that."""
    while excess:
        lots = book.remaining(numbers[-1])
        if lots > excess:
            book.reduce(numbers[-1], excess)
            return
        book.cancel(numbers.pop())
        excess -= lots


def _raise_quote(floor: Floor, market: Market, side: Side, level: Level) -> bool:
    """Show what the outside added at a price: it trades with accounts' orders it crosses, and what is left joins behind."""
    book, prices, price = market.book, market.quotes[side], level.price_ticks
    numbers = prices.get(price)
    added = level.lots
    if numbers:
        added -= book.lots_of(numbers)
        if added <= 0:
            return False
    if market.working:
        # The outside's own sides never meet: it can only cross orders of accounts.
        for match in book.match(side, price, added):
            added -= match[2]
            book_match(floor, market, side, price, None, match)
    if added:
        market.book_numbers = number = market.book_numbers + 1
        book.rest(number, side, price, added)
        if numbers:
            numbers.append(number)
        else:
            prices[price] = [number]
    return True
