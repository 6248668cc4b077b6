"""What the market recorder has written of a contract between two instants: from its Parquet segments, as records."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from tradepit.trading.records.tick_record import TickRecord

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_COLUMNS = (
    "datetime", "trading_day", "symbol", "exchange", "last_price", "volume", "open_interest", "bid_price_1", "bid_volume_1",
    "ask_price_1", "ask_volume_1",
)  # fmt: skip


def recorded_ticks(root: Path, symbol: str, after_ns: int, until_ns: int, most: int) -> list[TickRecord]:
    """Ticks of ``symbol`` after one instant up to another (UTC ns) from all recorders' folders under ``root``, the oldest ``most``.

    A segment that cannot be read is passed over: what is in it may be in another recorder's.
    """
    after, until = (_EPOCH + timedelta(microseconds=time_ns // 1_000) for time_ns in (after_ns, until_ns))
    found: dict[int, TickRecord] = {}
    for path in sorted(root.glob(f"*/{symbol}/*/part-*.parquet")):
        try:
            frame = pl.scan_parquet(path, glob=False).filter(
                pl.col("datetime").dt.convert_time_zone("UTC").is_between(after, until, closed="right")
            )
            rows = frame.select(_COLUMNS).sort("datetime").head(most).collect().iter_rows(named=True)
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError):
            continue
        for row in rows:
            tick = _tick(row)
            if tick is not None:
                found.setdefault(tick.time_ns, tick)
    return [found[time_ns] for time_ns in sorted(found)][:most]


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
