"""The past of a contract from recorded ticks: Parquet files as the market recorder writes them and the replay reads them."""

from pathlib import Path

import polars as pl
from loguru import logger

from tradepit.web.diff.bars import DAY_NS, MARK_NS, Bar, ChartTick

_EIGHT_HOURS_NS = 28_800_000_000_000
_COLUMNS = (
    "datetime", "trading_day", "symbol", "last_price", "volume", "turnover", "open_interest", "high_price", "low_price",
    "bid_price_1", "bid_volume_1", "ask_price_1", "ask_volume_1",
)  # fmt: skip
MAX_TICKS = 2_000_000


class History:
    """Reads ``place`` (one file, or a folder of them) anew at each question, so that what was recorded since is there.

    A file that cannot be read is logged and passed over: a chart without it is better than none.
    """

    def __init__(self, place: Path) -> None:
        self._place = place

    def bars(self, symbol: str, duration_ns: int) -> tuple[list[Bar], ChartTick | None]:
        """All bars of a contract, oldest first, and the tick with which they end."""
        frame = self._frame(symbol)
        if frame.is_empty():
            return [], None
        priced = _with_starts(frame, duration_ns)
        grouped = priced.group_by("start", maintain_order=True).agg(
            pl.col("last_price").first().alias("open"),
            pl.col("last_price").max().alias("high"),
            pl.col("last_price").min().alias("low"),
            pl.col("last_price").last().alias("close"),
            pl.col("traded").sum(),
            pl.col("former_interest").first().alias("open_oi"),
            pl.col("open_interest").last().alias("close_oi"),
        )
        columns = ("start", "open", "high", "low", "close", "traded", "open_oi", "close_oi")
        return [Bar(*row) for row in grouped.select(columns).iter_rows()], _ticks(frame.tail(1))[0]

    def ticks(self, symbol: str) -> list[ChartTick]:
        """All ticks of a contract, oldest first, the newest two million of them at most."""
        return _ticks(self._frame(symbol).tail(MAX_TICKS))

    def _frame(self, symbol: str) -> pl.DataFrame:
        frames = [frame for path in self._files(symbol) if (frame := _read(path, symbol)) is not None]
        if not frames:
            return pl.DataFrame(schema={"time": pl.Int64})
        return pl.concat(frames).unique("time", keep="first", maintain_order=True).sort("time")

    def _files(self, symbol: str) -> list[Path]:
        if self._place.is_file():
            return [self._place]
        own = sorted(self._place.rglob(f"{symbol}/*/part-*.parquet"))
        return own or sorted(self._place.glob("*.parquet"))


def _read(path: Path, symbol: str) -> pl.DataFrame | None:
    try:
        frame = pl.read_parquet(path, columns=list(_COLUMNS)).filter(pl.col("symbol") == symbol)
        return frame.select(
            pl.col("datetime").dt.timestamp("ns").alias("time"),
            pl.col("trading_day").cast(pl.Int64).alias("day"),
            *(pl.col(name).cast(pl.Int64 if name in ("volume", "open_interest") else pl.Float64) for name in _COLUMNS[3:]),
        )
    except (pl.exceptions.PolarsError, OSError) as error:
        logger.warning("{} cannot be charted: {}", path, str(error)[:200])
        return None


def _with_starts(frame: pl.DataFrame, duration_ns: int) -> pl.DataFrame:
    """Ticks with a price, the start of their bar, and the lots traded since the tick before."""
    time = pl.col("time")
    if duration_ns >= DAY_NS:
        midnight = pl.col("day").cast(pl.String).str.to_date("%Y%m%d").cast(pl.Datetime("ns")).dt.timestamp("ns")
        time = midnight - _EIGHT_HOURS_NS
    same_day = pl.col("day") == pl.col("day").shift(1)
    risen = (pl.col("volume") - pl.col("volume").shift(1)).clip(lower_bound=0)
    traded = pl.when(same_day).then(risen).otherwise(pl.col("volume"))
    return frame.select(
        (MARK_NS + (time - MARK_NS) // duration_ns * duration_ns).alias("start"),
        # The first tick ever tells of lots that nobody here saw.
        pl.when(pl.col("day").shift(1).is_null()).then(0).otherwise(traded).alias("traded"),
        pl.col("open_interest").shift(1).fill_null(pl.col("open_interest")).alias("former_interest"),
        "last_price",
        "open_interest",
    ).filter(pl.col("last_price") > 0)


def _ticks(frame: pl.DataFrame) -> list[ChartTick]:
    return [
        ChartTick(
            time_ns=row["time"],
            day=row["day"],
            last=row["last_price"],
            volume=row["volume"],
            amount=row["turnover"],
            interest=row["open_interest"],
            highest=row["high_price"],
            lowest=row["low_price"],
            bid=row["bid_price_1"],
            bid_lots=int(row["bid_volume_1"]),
            ask=row["ask_price_1"],
            ask_lots=int(row["ask_volume_1"]),
        )
        for row in frame.iter_rows(named=True)
    ]
