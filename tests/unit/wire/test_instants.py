"""Instants and durations keep their nanoseconds, and say what is wrong with others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradepit.trading.model.errors import BadRequest
from tradepit.wire.instants import LATEST_NS, from_duration, from_text, to_duration, to_text

AT_NS = 1_764_644_400_000_000_000


@pytest.mark.parametrize(
    ("text", "time_ns"),
    [
        ("2025-12-02T03:00:00Z", AT_NS),
        ("2025-12-02T03:00:00.500Z", AT_NS + 500_000_000),
        ("2025-12-02T03:00:00.000001Z", AT_NS + 1000),
        ("2025-12-02T03:00:00.000000001Z", AT_NS + 1),
        ("1970-01-01T00:00:00Z", 0),
    ],
)
def test_an_instant(text: str, time_ns: int) -> None:
    assert to_text(time_ns) == text
    assert from_text(text, "at") == time_ns


def test_other_spellings_of_an_instant() -> None:
    assert from_text("2025-12-02T10:00:00.5+07:00", "at") == AT_NS + 500_000_000
    assert from_text("2025-12-02t03:00:00z", "at") == AT_NS


@pytest.mark.parametrize(
    "text",
    ["", "now", "2025-12-02", "2025-12-02T03:00:00", "2025-13-02T03:00:00Z", "2025-12-02T03:00:00.Z", "1969-12-31T23:59:59Z",
     "2263-01-01T00:00:00Z", "2025-12-02T03:00:00+25:00", "0001-01-01T00:00:00+07:00", "２025-12-02T03:00:00Z"],
)  # fmt: skip
def test_what_is_no_instant(text: str) -> None:
    with pytest.raises(BadRequest):
        from_text(text, "at")


@given(st.integers(0, LATEST_NS))
def test_both_ways(told: int) -> None:
    assert from_text(to_text(told), "at") == told
    assert from_duration(to_duration(told), "for") == told


def test_durations() -> None:
    assert (to_duration(5_000_000_000), to_duration(500_000_000)) == ("5s", "0.500s")
    assert from_duration("1.5s", "for") == 1_500_000_000
    for wrong in ("5", "-5s", "5m", "", "99999999999s", "9999999999s"):
        with pytest.raises(BadRequest):
            from_duration(wrong, "for")
