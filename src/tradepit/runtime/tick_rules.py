"""What a row of a recorded tick file must satisfy, as a polars expression that names the first rule broken and its column."""

import polars as pl

from tradepit.runtime.tick_columns import TRADED_PRICES, columns, is_count, is_text, level_columns
from tradepit.trading.model.instrument import MAX_TICKS

_MAX_TURNOVER = 1e24
_LAST_BITS = 1e-15
# Joined to each row from its instrument: the tick size as a fraction, and the exchange it trades on.
TICK_OVER, TICK_UNDER, LISTED_ON = "_tick_over", "_tick_under", "_listed_on"


def ticks_of(name: str) -> pl.Expr:
    """The price column as integer ticks (the nearest; the rules refuse prices that lie elsewhere)."""
    return (pl.col(name) * pl.col(TICK_UNDER) / pl.col(TICK_OVER)).round().cast(pl.Int64, strict=False)


def first_fault(levels: int) -> pl.Expr:
    """``CODE:column`` of the first rule a row breaks, null for a good row."""
    faults: list[pl.Expr] = []
    names = columns(levels)
    faults += [_fault(pl.col(name).is_null(), "VALUE_MISSING", name) for name in names]
    no_day = pl.col("trading_day").str.to_date("%Y%m%d", strict=False).is_null()
    faults.append(_fault(no_day, "TRADING_DAY_NOT_VALID", "trading_day"))
    faults.append(_fault(pl.col(LISTED_ON).is_null(), "INSTRUMENT_NOT_FOUND", "symbol"))
    faults.append(_fault(pl.col("exchange") != pl.col(LISTED_ON), "EXCHANGE_MISMATCH", "exchange"))
    for name in names:
        if is_count(name):
            faults.append(_fault(~pl.col(name).is_between(0, MAX_TICKS), "VOLUME_NOT_VALID", name))
        elif name != "datetime" and not is_text(name):
            faults.append(_fault(~pl.col(name).is_finite(), "VALUE_NOT_FINITE", name))
    faults.append(_fault(~pl.col("turnover").is_between(0, _MAX_TURNOVER), "TURNOVER_NOT_VALID", "turnover"))
    faults.append(_fault(pl.col("pre_settlement") <= 0, "PRICE_NOT_VALID", "pre_settlement"))
    for name in ("limit_up", "limit_down"):
        faults += [_fault(pl.col(name) <= 0, "PRICE_NOT_VALID", name), _off_grid(name)]
    faults.append(_fault(pl.col("limit_up") < pl.col("limit_down"), "LIMITS_NOT_VALID", "limit_up"))
    faults += [_fault(pl.col("pre_close") < 0, "PRICE_NOT_VALID", "pre_close"), _off_grid("pre_close")]
    for name in TRADED_PRICES:
        faults += _price_faults(name)
    faults += _level_faults(levels)
    return pl.coalesce(faults)


def _fault(broken: pl.Expr, code: str, name: str) -> pl.Expr:
    return pl.when(broken).then(pl.lit(f"{code}:{name}")).otherwise(pl.lit(None, pl.String))


def _off_grid(name: str) -> pl.Expr:
    # A double cannot hold most decimal prices, and polars may divide through a reciprocal: allow the last bits, nothing more.
    nearest = ticks_of(name) * pl.col(TICK_OVER) / pl.col(TICK_UNDER)
    beside = (pl.col(name) - nearest).abs() > pl.col(name) * _LAST_BITS
    return _fault(beside | (ticks_of(name) > MAX_TICKS) | ticks_of(name).is_null(), "PRICE_WRONG_TICK", name)


def _price_faults(name: str) -> list[pl.Expr]:
    price = pl.col(name)
    outside = (price != 0) & ~price.is_between(pl.col("limit_down"), pl.col("limit_up"))
    return [
        _fault(price < 0, "PRICE_NOT_VALID", name),
        _off_grid(name),
        _fault(outside, "PRICE_OUT_OF_LIMIT", name),
    ]


def _level_faults(levels: int) -> list[pl.Expr]:
    faults: list[pl.Expr] = []
    for number in range(1, levels + 1):
        names = level_columns(number)
        for index, (price, volume) in enumerate((names[:2], names[2:])):
            empty = pl.col(volume) == 0
            faults.append(_fault(empty != (pl.col(price) == 0), "LEVEL_NOT_VALID", price))
            faults += _price_faults(price)
            if number > 1:
                better, behind = level_columns(number - 1)[2 * index], pl.col(price)
                sorted_so = behind < pl.col(better) if index == 0 else (behind > pl.col(better)) & (pl.col(better) > 0)
                faults.append(_fault(~empty & ~sorted_so, "LEVELS_NOT_SORTED", price))
    crossed = (pl.col("bid_price_1") >= pl.col("ask_price_1")) & (pl.col("bid_volume_1") > 0) & (pl.col("ask_volume_1") > 0)
    return [*faults, _fault(crossed, "BOOK_CROSSED", "ask_price_1")]
