"""Times as SSI writes them."""

import pytest

from tradepit.backends.broker.ssi.moments import Moment, moment_of

DAY = 20250106
TEN = 1_736_132_400_000_000_000  # 2025-01-06 10:00 in Hanoi
SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("text", "first_ns", "length_ns"),
    [
        ("10:00:01", TEN + SECOND, SECOND),
        ("100001", TEN + SECOND, SECOND),
        ("2025/01/06 10:00:01", TEN + SECOND, SECOND),
        ("2025-01-06T10:00:01", TEN + SECOND, SECOND),
        ("06/01/2025 10:00:01", TEN + SECOND, SECOND),
        ("10:00:01.250", TEN + SECOND + 250_000_000, 1_000_000),
        ("2025/01/03 10:00:01", TEN - 3 * 86_400 * SECOND + SECOND, SECOND),
        ("1736132400250", TEN + 250_000_000, 1_000_000),
        ("1736132400", TEN, SECOND),
    ],
)
def test_a_time_is_as_exact_as_it_is_told(text: str, first_ns: int, length_ns: int) -> None:
    assert moment_of(text, DAY) == Moment(first_ns, first_ns + length_ns - 1)


@pytest.mark.parametrize(
    "text",
    ["", "0001/01/01 00:00:00", "25:00:00", "ten", "2025/13/01 10:00:00", "10:00", "1736132400250 ", "12345678901234567890"],
)
def test_what_is_no_time_is_none(text: str) -> None:
    assert moment_of(text, DAY) is None


def test_within_a_second_the_instant_of_hearing_counts() -> None:
    moment = Moment(TEN, TEN + SECOND - 1)
    assert moment.nearest(TEN + 300) == TEN + 300
    assert moment.nearest(TEN - 1) == TEN
    assert moment.nearest(TEN + 3 * SECOND) == TEN + SECOND - 1
