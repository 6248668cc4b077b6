"""What the market recorder has written of a contract between two instants: from its Parquet segments, as records."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from tradepit.trading.records.tick_record import TickRecord

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CHINA = timezone(timedelta(hours=8))
_COLUMNS = (
    "datetime", "trading_day", "symbol", "exchange", "last_price", "volume", "open_interest", "bid_price_1", "bid_volume_1",
    "ask_price_1", "ask_volume_1",
)  # fmt: skip


def recorded_ticks(root: Path, symbol: str, after_ns: int, until_ns: int, most: int) -> list[TickRecord]:
    """Ticks of ``symbol`` after one instant up to another (UTC ns) from all recorders' folders under ``root``, the oldest ``most``.

    A segment or a row that cannot be read is passed over: what is in it may be in another recorder's.
    """
    after, until = (_EPOCH + timedelta(microseconds=time_ns // 1_000) for time_ns in (after_ns, until_ns))
    found: dict[int, TickRecord] = {}
    # A trading day begins on its own date or earlier: days before that of ``after`` end before it.
    first_day = f"{after.astimezone(_CHINA):%Y%m%d}"
    for day in sorted({path.name for path in root.glob(f"*/{symbol}/*") if path.name >= first_day}):
        for path in sorted(root.glob(f"*/{symbol}/{day}/part-*.parquet")):
            found |= {tick.time_ns: tick for tick in _read(path, after, until, most)}
        if len(found) >= most:
            break
    return [found[time_ns] for time_ns in sorted(found)][:most]


def _read(path: Path, after: datetime, until: datetime, most: int) -> Iterator[TickRecord]:
    within = pl.col("datetime").dt.convert_time_zone("UTC").is_between(after, until, closed="right")
    try:
        rows = pl.scan_parquet(path, glob=False).filter(within).select(_COLUMNS).sort("datetime").head(most).collect()
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError):
        return
    for row in rows.iter_rows(named=True):
        with suppress(TypeError, ValueError):
            tick = _tick(row)
            if tick is not None:
                yield tick


def _tick(row: dict[str, Any]) -> TickRecord | None:
    if not row["last_price"]:
        return None
    return TickRecord(
        symbol=row["symbol"],
        time_ns=(row["datetime"] - _EPOCH) // timedelta(microseconds=1) * 1_000,
        price=_price(row["last_price"]),
        day_volume=row["volume"],
        trading_day=int(row["trading_day"]),
        exchange=row["exchange"],
        open_interest=row["open_interest"],
        bid_price=_price(row["bid_price_1"]) if row["bid_price_1"] else None,
        bid_volume=row["bid_volume_1"],
        ask_price=_price(row["ask_price_1"]) if row["ask_price_1"] else None,
        ask_volume=row["ask_volume_1"],
    )


def _price(value: float) -> Decimal:
    # The recorder keeps the float nearest to what was written, and its shortest text is that.
    return Decimal(repr(value))
