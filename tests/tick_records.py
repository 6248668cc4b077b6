"""Ticks as the market's records keep them, for the tests of whoever writes or reads them."""

from decimal import Decimal

import msgspec

from tradepit.trading.records.tick_record import TickRecord

TEN_NS = 1_736_128_800_000_000_000  # 2025-01-06 10:00 in China
DAY = 20250106


def a_tick(after_ms: int = 0, price: str = "3900.2", traded: int | None = 0, **more: object) -> TickRecord:
    """A tick of IF2501, so many ms after ten, by which so many lots have traded on the day."""
    told = TickRecord(
        symbol="IF2501",
        time_ns=TEN_NS + after_ms * 1_000_000,
        price=Decimal(price),
        day_volume=traded,
        trading_day=DAY,
        exchange="CFFEX",
        open_interest=7,
        bid_price=Decimal("3900.0"),
        bid_volume=3,
        ask_price=Decimal("3900.4"),
        ask_volume=4,
    )
    return msgspec.structs.replace(told, **more)
