"""Bars of seconds and minutes, made of ticks: what was paid first, most, least and last, how much traded, in how many ticks."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Literal

import msgspec

from tradepit.trading.records.tick_record import TickRecord

BarLength = Literal["1s", "1m"]
LENGTHS_NS: dict[BarLength, int] = {"1s": 1_000_000_000, "1m": 60_000_000_000}


class Bar(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One bar of a contract from ``start_ns`` (UTC) on. Prices in quoted units, ``volume`` in lots, ``count`` of ticks."""

    symbol: str
    start_ns: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: int
    count: int


def bars_of_ticks(ticks: Iterable[TickRecord], length: BarLength) -> list[Bar]:
    """Bars of ticks that come in the order of time, of any number of symbols; by symbol and time."""
    return _folded(
        (
            Bar(
                symbol=tick.symbol,
                start_ns=tick.time_ns,
                open=tick.price,
                high=tick.price,
                low=tick.price,
                close=tick.price,
                volume=tick.volume,
                count=1,
            )
            for tick in ticks
        ),
        length,
    )


def bars_of_bars(bars: Iterable[Bar], length: BarLength) -> list[Bar]:
    """Longer bars of shorter ones that come in the order of time."""
    return _folded(bars, length)


def start_of(time_ns: int, length: BarLength) -> int:
    """When the bar begins into which an instant falls."""
    return time_ns - time_ns % LENGTHS_NS[length]


def _folded(parts: Iterable[Bar], length: BarLength) -> list[Bar]:
    found: dict[tuple[str, int], Bar] = {}
    for part in parts:
        key = (part.symbol, start_of(part.start_ns, length))
        bar = found.get(key)
        if bar is None:
            found[key] = msgspec.structs.replace(part, start_ns=key[1])
            continue
        found[key] = Bar(
            symbol=bar.symbol,
            start_ns=bar.start_ns,
            open=bar.open,
            high=max(bar.high, part.high),
            low=min(bar.low, part.low),
            close=part.close,
            volume=bar.volume + part.volume,
            count=bar.count + part.count,
        )
    return [found[key] for key in sorted(found)]
