"""``tradepit fetch-bars``: what is refused before anybody is asked; the rest is tried on a running house (scenario, bot on SSI)."""

import pytest

from tradepit.cli.fetch_bars import run_fetch
from tradepit.config import Settings
from tradepit.trading.model.errors import BadRequest, ConfigError, TradepitError, Unavailable


@pytest.mark.parametrize(
    ("first", "last"), [(20250132, 0), (0, 0), (20250106, 20250103), (20240101, 20250106), (20250106, 2025), (-1, 20250106)]
)
def test_days_that_are_none_or_too_many_are_refused(first: int, last: int) -> None:
    with pytest.raises(BadRequest):
        run_fetch(Settings(store="sqlite+aiosqlite:///nowhere.db"), [], first, last, json=True)


@pytest.mark.parametrize(("store", "error"), [("", ConfigError), ("sqlite+aiosqlite:///:memory:", Unavailable)])
def test_a_store_and_a_house_are_needed(store: str, error: type[TradepitError]) -> None:
    with pytest.raises(error):
        run_fetch(Settings(bus="memory://", store=store), [], 20250106, 0, json=True)
