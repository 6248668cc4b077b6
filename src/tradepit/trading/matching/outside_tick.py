"""What an outside tick must satisfy to move a market: the right day and band, sane levels, figures that never run backwards."""

from tradepit.trading.matching.venue_market import Market
from tradepit.trading.model.errors import VenueRefused
from tradepit.trading.model.instrument import MAX_TICKS
from tradepit.trading.model.tick import Level, Tick

MAX_LEVEL_LOTS = 10_000_000


def check_outside_tick(market: Market, tick: Tick, trading_day: int, max_levels: int, *, quoting: bool) -> None:
    """Raises VenueRefused (TICK_NOT_VALID; ``field`` says what is wrong) and changes nothing.

    A tick that carries its day's limits or previous settlement must agree with the venue's: another band means another day or
    another contract, and trading on it would break the limits. Zero means that the tick does not tell. Only a tick that will be
    ``quoting`` must have its best bid below its best ask: snapshots of auctions may be crossed.
    """
    _require(tick.exchange is market.instrument.product.exchange, "exchange", tick.exchange)
    _require(tick.trading_day == trading_day, "trading_day", tick.trading_day)
    _require(tick.upper_limit_ticks in (0, market.high), "upper_limit_ticks", tick.upper_limit_ticks)
    _require(tick.lower_limit_ticks in (0, market.low), "lower_limit_ticks", tick.lower_limit_ticks)
    _require(tick.pre_settlement in (0, market.reference), "pre_settlement", tick.pre_settlement)
    _check_figures(market, tick)
    _check_levels(market, tick.bids, "bids", max_levels, falling=True)
    _check_levels(market, tick.asks, "asks", max_levels, falling=False)
    if quoting and tick.bids and tick.asks:
        _require(tick.bids[0].price_ticks < tick.asks[0].price_ticks, "asks", tick.asks[0].price_ticks)


def _check_figures(market: Market, tick: Tick) -> None:
    for field in ("last_ticks", "open_ticks", "high_ticks", "low_ticks"):
        price = getattr(tick, field)
        _require(price == 0 or market.low <= price <= market.high, field, price)
    seen = market.statistics
    _require(tick.time_ns >= seen.outside_time_ns, "time_ns", tick.time_ns)
    _require(seen.outside_lots <= tick.volume_lots <= MAX_TICKS, "volume_lots", tick.volume_lots)
    _require(tick.turnover.is_finite() and tick.turnover.adjusted() <= 24, "turnover", tick.turnover)
    _require(tick.turnover >= seen.outside_turnover, "turnover", tick.turnover)
    # Turnover without volume (or the reverse) would make an average price of nothing.
    _require((tick.volume_lots > seen.outside_lots) == (tick.turnover > seen.outside_turnover), "turnover", tick.turnover)
    _require(0 <= tick.open_interest <= MAX_TICKS, "open_interest", tick.open_interest)


def _check_levels(market: Market, levels: tuple[Level, ...], field: str, max_levels: int, *, falling: bool) -> None:
    _require(len(levels) <= max_levels, field, len(levels))
    former = None
    for level in levels:
        _require(market.low <= level.price_ticks <= market.high, field, level.price_ticks)
        _require(0 < level.lots <= MAX_LEVEL_LOTS, field, level.lots)
        if former is not None:
            _require(level.price_ticks < former if falling else level.price_ticks > former, field, level.price_ticks)
        former = level.price_ticks


def _require(holds: bool, field: str, value: object) -> None:
    if not holds:
        raise VenueRefused("TICK_NOT_VALID", "The outside tick does not fit this market.", field=field, value=str(value)[:40])
