"""What an outside tick must satisfy to move a market: the right day and band, sane levels, figures that never run backwards."""

from tradepit.trading.matching.venue_market import Market
from tradepit.trading.matching.venue_statistics import MarketStatistics
from tradepit.trading.model.errors import VenueRefused
from tradepit.trading.model.instrument import MAX_TICKS
from tradepit.trading.model.tick import Level, Tick

MAX_LEVEL_LOTS = 10_000_000
_MAX_MAGNITUDE = 24
_PRICES = ("last_ticks", "open_ticks", "high_ticks", "low_ticks")


def check_outside_tick(market: Market, tick: Tick, trading_day: int, max_levels: int, *, quoting: bool) -> None:
    """Raises VenueRefused (TICK_NOT_VALID; ``field`` says what is wrong) and changes nothing.

    A tick that carries its day's limits or previous settlement must agree with the venue's: another band means another day or
    another contract, and trading on it would break the limits. Zero means that the tick does not tell. Only a tick that will be
    ``quoting`` must have its best bid below its best ask: snapshots of auctions may be crossed.
    """
    former = market.outside_tick
    if (
        former is None
        or tick.trading_day != former.trading_day
        or tick.high_ticks != former.high_ticks
        or tick.low_ticks != former.low_ticks
        or tick.upper_limit_ticks != former.upper_limit_ticks
        or tick.lower_limit_ticks != former.lower_limit_ticks
        or tick.pre_settlement != former.pre_settlement
        or tick.open_ticks != former.open_ticks
        or tick.exchange is not former.exchange
    ):
        # Most ticks say of their day what the one before them said, which was found true.
        _check_terms(market, tick, trading_day)
    elif tick.last_ticks and not market.low <= tick.last_ticks <= market.high:
        raise _unfit("last_ticks", tick.last_ticks)
    _check_figures(market.statistics, tick)
    bids, asks = tick.bids, tick.asks
    _check_levels(market, bids, "bids", max_levels, falling=True)
    _check_levels(market, asks, "asks", max_levels, falling=False)
    if quoting and bids and asks and bids[0].price_ticks >= asks[0].price_ticks:
        raise _unfit("asks", asks[0].price_ticks)


def _check_terms(market: Market, tick: Tick, trading_day: int) -> None:
    """The day the tick tells of, and its prices."""
    if tick.exchange is not market.product.exchange:
        raise _unfit("exchange", tick.exchange)
    if tick.trading_day != trading_day:
        raise _unfit("trading_day", tick.trading_day)
    if tick.upper_limit_ticks and tick.upper_limit_ticks != market.high:
        raise _unfit("upper_limit_ticks", tick.upper_limit_ticks)
    if tick.lower_limit_ticks and tick.lower_limit_ticks != market.low:
        raise _unfit("lower_limit_ticks", tick.lower_limit_ticks)
    if tick.pre_settlement and tick.pre_settlement != market.reference:
        raise _unfit("pre_settlement", tick.pre_settlement)
    prices = (tick.last_ticks, tick.open_ticks, tick.high_ticks, tick.low_ticks)
    for price in prices:
        if price and not market.low <= price <= market.high:
            raise _unfit(_PRICES[prices.index(price)], price)


def _check_figures(seen: MarketStatistics, tick: Tick) -> None:
    lots, turnover = tick.volume_lots, tick.turnover
    if tick.time_ns < seen.outside_time_ns:
        raise _unfit("time_ns", tick.time_ns)
    if not seen.outside_lots <= lots <= MAX_TICKS:
        raise _unfit("volume_lots", lots)
    if not turnover.is_finite() or turnover.adjusted() > _MAX_MAGNITUDE:
        raise _unfit("turnover", turnover)
    # Turnover never falls, and without volume (or the reverse) it would make an average price of nothing.
    if turnover <= seen.outside_turnover if lots > seen.outside_lots else turnover != seen.outside_turnover:
        raise _unfit("turnover", turnover)
    if not 0 <= tick.open_interest <= MAX_TICKS:
        raise _unfit("open_interest", tick.open_interest)


def _check_levels(market: Market, levels: tuple[Level, ...], field: str, max_levels: int, *, falling: bool) -> None:
    if len(levels) > max_levels:
        raise _unfit(field, len(levels))
    low, high, former = market.low, market.high, 0
    for level in levels:
        price = level.price_ticks
        if not low <= price <= high:
            raise _unfit(field, price)
        if not 0 < level.lots <= MAX_LEVEL_LOTS:
            raise _unfit(field, level.lots)
        # Prices begin at 1: no level before this one has price 0.
        if former and (price >= former if falling else price <= former):
            raise _unfit(field, price)
        former = price


def _unfit(field: str, value: object) -> VenueRefused:
    return VenueRefused("TICK_NOT_VALID", "The outside tick does not fit this market.", field=field, value=str(value)[:40])
