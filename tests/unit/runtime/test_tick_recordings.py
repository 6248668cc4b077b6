"""What was recorded between two instants, whoever recorded it."""

from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from tradepit.runtime.tick_recordings import recorded_ticks
from tradepit.runtime.tick_row import read_row
from tradepit.runtime.tick_segments import write_segment
from tradepit.runtime.tick_sequence import Seen
from tradepit.runtime.tick_to_record import read_tick_record
from tradepit.trading.model.errors import BadRequest, PayloadTooLarge

NIGHT = datetime(2025, 1, 3, 21, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
"""A Friday's night session, of Monday's trading day."""
SUBJECT = "market.tick.rb2505"


def payload(number: int, **more: Any) -> bytes:
    told = {
        "symbol": "rb2505", "exchange": "SHFE", "datetime": (NIGHT + timedelta(seconds=number)).isoformat(),
        "trading_day": "20250106", "last_price": 3300.1, "volume": number, "turnover": 1.0, "open_interest": 1, "open_price": 1.0,
        "high_price": 1.0, "low_price": 1.0, "limit_up": 1.0, "limit_down": 1.0, "pre_close": 1.0, "pre_settlement": 1.0,
        "bid_price_1": 3300.0, "bid_volume_1": 2, "ask_price_1": 0, "ask_volume_1": 0,
    }  # fmt: skip
    return msgspec.json.encode(told | more)


def at_ns(number: int) -> int:
    return int((NIGHT + timedelta(seconds=number)).timestamp()) * 1_000_000_000


def write(root: Path, recorder: str, *numbers: int, **more: Any) -> None:
    rows = [read_row(payload(number, **more), SUBJECT) for number in numbers]
    write_segment(root / recorder / "rb2505" / "20250106", rows, Seen("r", numbers[-1]), recorder)


def test_ticks_are_found_in_all_recordings_once_and_as_they_were_told(tmp_path: Path) -> None:
    write(tmp_path, "market-recorder-1", 1, 2, 3)
    write(tmp_path, "market-recorder-2", 2, 3, 4, 5)
    write(tmp_path, "market-recorder-1", 6, 7)
    (tmp_path / "market-recorder-1" / "rb2505" / "20250106" / "part-99999.parquet").write_bytes(b"damaged")
    found = recorded_ticks(tmp_path, "rb2505", at_ns(1), at_ns(6), 100)
    assert [tick.day_volume for tick in found] == [2, 3, 4, 5, 6]
    assert found == [read_tick_record(payload(number), SUBJECT) for number in range(2, 7)]
    assert [tick.day_volume for tick in recorded_ticks(tmp_path, "rb2505", at_ns(1), at_ns(6), 2)] == [2, 3]
    assert recorded_ticks(tmp_path, "rb2505", 0, at_ns(9), 100)[-1].day_volume == 7
    assert recorded_ticks(tmp_path, "rb2505", at_ns(7), at_ns(9), 100) == []
    assert recorded_ticks(tmp_path, "au2506", 0, at_ns(9), 100) == []
    assert recorded_ticks(tmp_path / "none", "rb2505", 0, at_ns(9), 100) == []


def test_ticks_without_a_price_are_no_rows(tmp_path: Path) -> None:
    write(tmp_path, "market-recorder-1", 1, 2, last_price=0)
    assert recorded_ticks(tmp_path, "rb2505", 0, at_ns(9), 100) == []
    assert read_tick_record(payload(1, last_price=0), SUBJECT) is None


def test_a_tick_is_read_exactly() -> None:
    tick = read_tick_record(payload(5), SUBJECT)
    assert tick is not None
    assert (tick.price, tick.bid_price, tick.ask_price, tick.trading_day, tick.time_ns) == (
        Decimal("3300.1"), Decimal("3300.0"), None, 20250106, at_ns(5),
    )  # fmt: skip


@pytest.mark.parametrize(
    "bad",
    [
        b"", b"[1]", payload(1, symbol="a b"), payload(1, datetime="2025-01-03T21:00:00"), payload(1, trading_day="2025"),
        payload(1, volume=-1), payload(1, volume=2**40), payload(1, last_price="NaN"), payload(1, bid_price_1=-2),
        payload(1, datetime="1969-12-31T00:00:00+00:00"), payload(1, last_price=10**13),
    ],
)  # fmt: skip
def test_what_is_no_tick_is_refused(bad: bytes) -> None:
    with pytest.raises(BadRequest):
        read_tick_record(bad, SUBJECT)


def test_another_topics_tick_and_a_large_one_are_refused() -> None:
    with pytest.raises(BadRequest, match="topic"):
        read_tick_record(payload(1), "market.tick.rb2506")
    with pytest.raises(PayloadTooLarge):
        read_tick_record(b" " * 20_000, SUBJECT)
