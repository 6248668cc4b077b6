"""Both feeds are what market data takes for a feed."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from tradepit.runtime.clock import ManualClock
from tradepit.runtime.exchange_desk import Listed
from tradepit.runtime.generated_feed import GeneratedFeed
from tradepit.runtime.replayed_feed import ReplayedFeed
from tradepit.runtime.tick_feed import TickFeed
from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.calendar.trading_calendar import load_calendar


async def listed(symbol: str) -> Listed:
    instrument = load_catalog().instrument(symbol, on=date(2025, 1, 6), listing_price=Decimal(3900))
    return Listed(instrument=instrument, reference=Decimal(3900), trading_day=20250106)


async def test_a_feed_knows_the_instruments_of_what_it_gives(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    path = tmp_path / "a.parquet"
    pl.DataFrame(rows).write_parquet(path)
    clock = ManualClock(1_736_128_800_000_000_000)
    feeds: list[TickFeed] = [
        GeneratedFeed(("IF2501",), listed, load_calendar(), clock, seed=1),
        ReplayedFeed(path, load_catalog(), clock, speed=0),
    ]
    for feed in feeds:
        batch = await anext(feed.batches())
        assert all(tick.symbol in feed.instruments for tick in batch)
        assert feed.progress()["source"] in ("generator", "replay")
