"""Published market snapshots: the composite book and the day's figures, at the cadence the venue was told."""

from tradepit.trading.matching.events import TickPublished
from tradepit.trading.matching.venue_floor import Floor
from tradepit.trading.matching.venue_market import NEVER_NS, Market
from tradepit.trading.model.tick import Tick


def snapshot(floor: Floor, market: Market) -> Tick:
    """The instrument's market as the venue shows it now: accounts' and outside's orders together."""
    seen, instrument = market.statistics, market.instrument
    bids, asks = market.depth(market.product.depth_levels)
    return Tick(
        symbol=market.symbol,
        exchange=market.product.exchange,
        time_ns=floor.now_ns,
        trading_day=floor.trading_day,
        last_ticks=seen.last_ticks,
        volume_lots=seen.volume_lots(),
        turnover=seen.turnover(instrument),
        open_interest=seen.open_interest(),
        open_ticks=seen.open_ticks,
        high_ticks=seen.high_ticks,
        low_ticks=seen.low_ticks,
        upper_limit_ticks=market.high,
        lower_limit_ticks=market.low,
        pre_close_ticks=seen.pre_close_ticks,
        pre_settlement=market.reference,
        bids=bids,
        asks=asks,
        phase=market.phase,
    )


def touch(floor: Floor, market: Market) -> None:
    """Something visible changed: a snapshot is due at the market's next beat of the cadence."""
    if market.snapshot_due_ns == NEVER_NS and floor.settings.snapshot_ns:
        beat = floor.settings.snapshot_ns
        market.snapshot_due_ns = max(floor.now_ns, (market.snapshot_ns // beat + 1) * beat)
        floor.next_snapshot_ns = min(floor.next_snapshot_ns, market.snapshot_due_ns)


def publish(floor: Floor, market: Market) -> None:
    """Publish a snapshot now, if the venue publishes any."""
    market.snapshot_due_ns = NEVER_NS
    if floor.settings.snapshot_ns:
        market.snapshot_ns = floor.now_ns
        floor.events.append(TickPublished(tick=snapshot(floor, market)))


def publish_due(floor: Floor) -> None:
    """Publish every market whose snapshot is due by now; nothing is published of markets in which nothing changed."""
    upcoming = NEVER_NS
    for market in floor.markets.values():
        if market.snapshot_due_ns <= floor.now_ns:
            publish(floor, market)
        upcoming = min(upcoming, market.snapshot_due_ns)
    floor.next_snapshot_ns = upcoming
