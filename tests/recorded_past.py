"""Two days of ticks that never were, as a recording: for charts and back-tests."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl


def record_past(path: Path, *, ticks: int = 1440) -> list[float]:
    """Two days of so many ticks every ten seconds, rising by a tick each; the price every minute ended with. 1440 fill a day."""
    rows: list[dict[str, Any]] = []
    ends: dict[datetime, float] = {}
    for day in (2, 3):
        at = datetime(2025, 1, day, 1, 30, tzinfo=UTC)
        for number in range(ticks):
            if number == ticks // 2:
                at = datetime(2025, 1, day, 5, 0, tzinfo=UTC)
            price = round(4400 + (day - 2) * 10 + (number % 100) * 0.2, 1)
            ends[at.replace(second=0)] = price
            rows.append(_row(at, day, price, number))
            at += timedelta(seconds=10)
    frame = pl.DataFrame(rows).with_columns(pl.col("datetime").dt.convert_time_zone("Asia/Shanghai").dt.cast_time_unit("us"))
    frame.write_parquet(path)
    return list(ends.values())


def _row(at: datetime, day: int, price: float, number: int) -> dict[str, Any]:
    return {
        "datetime": at, "trading_day": f"202501{day:02}", "symbol": "IF2501", "exchange": "CFFEX", "last_price": price,
        "volume": 10 * (number + 1), "turnover": 0.0, "open_interest": 1000, "open_price": 4400.0, "high_price": price,
        "low_price": 4400.0, "limit_up": 4840.0, "limit_down": 3960.0, "pre_close": 4400.0, "pre_settlement": 4400.0,
        "bid_price_1": price - 0.2, "bid_volume_1": 5, "ask_price_1": price + 0.2, "ask_volume_1": 5,
    }  # fmt: skip
