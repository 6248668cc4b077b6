"""Bars of a minute out of SSI's rows."""

from decimal import Decimal

import msgspec
import pytest

from tradepit.backends.broker.ssi.history import ToldBar, bars_of
from tradepit.trading.records.bars import Bar

DAY = 20250106
TEN = 1_736_132_400_000_000_000  # 2025-01-06 10:00 in Hanoi
MINUTE = 60_000_000_000
TOLD = ToldBar(trading_date="2025/01/06 10:00:00", open=1339, high="1341", low=1338.9, close="1340.5", volume="12.0")
BAR = Bar(
    symbol="VN30F2501",
    start_ns=TEN,
    open=Decimal(1339),
    high=Decimal(1341),
    low=Decimal("1338.9"),
    close=Decimal("1340.5"),
    volume=12,
    count=0,
)


def read(*rows: ToldBar, now_ns: int = TEN + 10 * MINUTE) -> list[Bar]:
    return bars_of(rows, "VN30F2501", DAY, now_ns)


def test_bars_come_oldest_first_once_each() -> None:
    later = msgspec.structs.replace(TOLD, trading_date="06/01/2025 10:02:00")
    assert read(later, TOLD, TOLD) == [BAR, msgspec.structs.replace(BAR, start_ns=TEN + 2 * MINUTE)]
    assert read() == []


def test_a_minute_that_runs_is_left_out() -> None:
    assert read(TOLD, now_ns=TEN + MINUTE - 1) == []
    assert read(TOLD, now_ns=TEN + MINUTE) == [BAR]


@pytest.mark.parametrize(
    "changes",
    [
        {"trading_date": ""},
        {"trading_date": "2025/01/06"},
        {"open": 0},
        {"open": "dear"},
        {"high": 1340},
        {"low": 1340},
        {"close": -1},
        {"volume": 1.5},
        {"volume": None, "close": None},
    ],
)
def test_a_row_that_cannot_be_hides_no_other(changes: dict[str, object]) -> None:
    other = msgspec.structs.replace(TOLD, trading_date="10:01:00")
    assert read(msgspec.structs.replace(TOLD, **changes), other) == [msgspec.structs.replace(BAR, start_ns=TEN + MINUTE)]
