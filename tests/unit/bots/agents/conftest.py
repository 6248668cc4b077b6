"""Views for agents to decide by."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal

import pytest

from tradepit.bots.agents.view import Holding, Quote, Resting, View
from tradepit.trading.calendar.catalog import load_catalog


@pytest.fixture
def make_view() -> Callable[..., View]:
    """A view of IF2501 (or another contract) at 19,499 to 19,501 unless told otherwise."""

    def make(symbol: str = "IF2501", holding: Holding | None = None, resting: tuple[Resting, ...] = (), **quote: int) -> View:
        values = {
            "bid_ticks": 19_499,
            "ask_ticks": 19_501,
            "last_ticks": 19_500,
            "lower_ticks": 17_550,
            "upper_ticks": 21_450,
            "time_ns": 1,
        }
        instrument = load_catalog().instrument(symbol, on=date(2025, 1, 6), listing_price=Decimal(1))
        return View(instrument=instrument, quote=Quote(**(values | quote)), holding=holding or Holding(), resting=resting)

    return make
