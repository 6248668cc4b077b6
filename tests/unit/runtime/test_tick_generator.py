"""The generated market: on the grid, within limits, realistic in its statistics, the same for the same seed."""

from datetime import date
from decimal import Decimal
from itertools import pairwise
from statistics import pstdev

import pytest

from tradepit.runtime.day_curve import DayCurve
from tradepit.runtime.tick_generator import MarketHabits, TickGenerator
from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.model.tick import Tick

DAY = date(2025, 1, 6)
REFERENCE = Decimal(3900)
STEP_NS = 500_000_000


def generator(seed: int = 1, symbol: str = "IF2501", habits: MarketHabits | None = None) -> tuple[TickGenerator, DayCurve]:
    catalog = load_catalog()
    instrument = catalog.instrument(symbol, on=DAY, listing_price=REFERENCE)
    curve = DayCurve(catalog.calendar.phases(DAY, instrument.product.session_group))
    return TickGenerator(instrument, REFERENCE, seed, trading_day=20250106, curve=curve, habits=habits), curve


def run(made: TickGenerator, curve: DayCurve, count: int, step_ns: int = STEP_NS) -> list[Tick]:
    return [made.next(curve.instant_ns(number * step_ns)) for number in range(count)]


@pytest.fixture(scope="module")
def day() -> list[Tick]:
    return run(*generator(), 28_800)


def middle(tick: Tick) -> float:
    return (tick.bids[0].price_ticks + tick.asks[0].price_ticks) / 2


def test_every_price_is_within_the_limits_and_the_books_are_sorted(day: list[Tick]) -> None:
    for tick in day:
        low, high = tick.lower_limit_ticks, tick.upper_limit_ticks
        bids, asks = [level.price_ticks for level in tick.bids], [level.price_ticks for level in tick.asks]
        assert all(low <= price <= high for price in (*bids, *asks, tick.last_ticks, tick.high_ticks, tick.low_ticks))
        assert bids == sorted(set(bids), reverse=True)
        assert asks == sorted(set(asks))
        assert asks[0] - bids[0] >= 1
        assert all(level.lots >= 1 for level in tick.bids + tick.asks)
        assert tick.low_ticks <= tick.last_ticks <= tick.high_ticks


def test_figures_only_rise_and_volume_and_turnover_rise_together(day: list[Tick]) -> None:
    for former, tick in pairwise(day):
        assert tick.time_ns > former.time_ns
        assert tick.volume_lots >= former.volume_lots
        assert (tick.volume_lots > former.volume_lots) == (tick.turnover > former.turnover)
        if tick.volume_lots == former.volume_lots:
            assert tick.last_ticks == former.last_ticks


def test_volatility_and_volume_are_u_shaped(day: list[Tick]) -> None:
    size = len(day) // 8
    moves = [b - a for a, b in pairwise(map(middle, day))]
    eighths = [pstdev(moves[part * size : (part + 1) * size]) for part in range(8)]
    assert eighths[0] > 1.3 * eighths[3]
    assert eighths[7] > 1.1 * eighths[3]
    volumes = [day[(part + 1) * size - 1].volume_lots - day[part * size].volume_lots for part in range(8)]
    assert volumes[0] > 2 * volumes[3]
    assert volumes[7] > 1.2 * volumes[3]


def test_spreads_are_one_tick_most_often_and_sometimes_wide(day: list[Tick]) -> None:
    spreads = [tick.asks[0].price_ticks - tick.bids[0].price_ticks for tick in day]
    assert max(set(spreads), key=spreads.count) == 1
    assert 1.5 < sum(spreads) / len(spreads) < 3.5
    assert max(spreads) >= 8


def test_flow_is_autocorrelated(day: list[Tick]) -> None:
    # A tick whose last price is at the former ask was bought, at the former bid sold.
    signs = []
    for former, tick in pairwise(day):
        if tick.volume_lots > former.volume_lots:
            signs.append((tick.last_ticks == former.asks[0].price_ticks) - (tick.last_ticks == former.bids[0].price_ticks))
    pairs = list(pairwise(signs))
    assert sum(a * b for a, b in pairs) / len(pairs) > 0.05


def test_same_seed_same_market_other_seed_or_symbol_another() -> None:
    first, again, other, elsewhere = (run(*generator(*args), 200) for args in ((7,), (7,), (8,), (7, "IC2501")))
    assert first == again
    assert first != other
    assert [tick.last_ticks for tick in first] != [tick.last_ticks for tick in elsewhere]


def test_skipping_ticks_changes_nothing_after_them() -> None:
    (made, curve), (late, _) = generator(3), generator(3)
    ticks = run(made, curve, 100)
    for number in range(90):
        late.skip(curve.instant_ns(number * STEP_NS))
    assert late.number == 90
    assert [late.next(curve.instant_ns(number * STEP_NS)) for number in range(90, 100)] == ticks[90:]


def test_a_wild_market_stays_within_its_limits_and_shows_one_side_there() -> None:
    wild = MarketHabits(noise_ticks=400.0, drift_ticks=400.0, jumps_per_hour=3600.0, jump_ticks=500.0, levels=10)
    ticks = run(*generator(2, habits=wild), 3_000)
    for tick in ticks:
        prices = [level.price_ticks for level in tick.bids + tick.asks]
        assert prices
        assert tick.lower_limit_ticks <= min(prices) <= max(prices) <= tick.upper_limit_ticks
        assert len(tick.bids) <= 10
        assert len(tick.asks) <= 10
    assert any(not tick.asks for tick in ticks)
    assert any(not tick.bids for tick in ticks)
