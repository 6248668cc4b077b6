"""What a market shows, and what a new day forgets."""

from collections.abc import Callable
from decimal import Decimal

from tradepit.trading.model.terms import SessionPhase
from tradepit.trading.model.tick import Tick
from tradepit.trading.risk.exposure import Exposure
from tradepit.trading.risk.market import Market


def test_an_unseen_market_is_closed_and_has_no_price(exposure: Exposure) -> None:
    market = Market.of(exposure.markets["IF2501"].instrument)
    assert (market.phase, market.fair_ticks, market.expiry_day) == (SessionPhase.CLOSED, 0, 20250117)
    assert market.worst_ticks(0) == 0


def test_older_snapshots_change_nothing(exposure: Exposure, make_tick: Callable[..., Tick], now: int) -> None:
    market = exposure.markets["IF2501"]
    market.see(make_tick(time_ns=now - 1, last_ticks=1))
    assert market.last_ticks == 25_000


def test_the_fair_price_is_the_last_or_the_middle(exposure: Exposure, make_tick: Callable[..., Tick], now: int) -> None:
    market = exposure.markets["IF2501"]
    assert market.fair_ticks == 25_000
    market.roll(Decimal(5100))
    assert (market.lower_ticks, market.upper_ticks, market.fair_ticks) == (22_950, 28_050, 0)
    market.see(make_tick(time_ns=now + 1, last_ticks=0))
    assert market.fair_ticks == 25_000
    market.roll(None)
    assert market.upper_ticks == 0
