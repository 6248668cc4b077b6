"""Contract codes in every exchange's spelling."""

from datetime import date

import pytest

from tradepit.trading.calendar.catalog import load_catalog
from tradepit.trading.model.errors import InstrumentNotFound

CATALOG = load_catalog()


def month(symbol: str, on: date = date(2025, 8, 13)) -> tuple[str, int, int]:
    found = CATALOG.contract_month(symbol, on)
    return found.product_id, found.year, found.month


@pytest.mark.parametrize(
    ("symbol", "expected"),
    [
        ("IF2501", ("IF", 2025, 1)),
        ("T2509", ("T", 2025, 9)),
        ("rb2505", ("rb", 2025, 5)),
        ("sc2606", ("sc", 2026, 6)),
        ("si2511", ("si", 2025, 11)),
        ("TA512", ("TA", 2025, 12)),
        ("VN30F2511", ("VN30F", 2025, 11)),
        ("41I1F8000", ("VN30F", 2025, 8)),
        ("41I1FA000", ("VN30F", 2025, 10)),
        ("41I1G9000", ("VN30F", 2026, 9)),
    ],
)
def test_codes(symbol: str, expected: tuple[str, int, int]) -> None:
    assert month(symbol) == expected


@pytest.mark.parametrize(("on", "year"), [(2016, 2015), (2024, 2025), (2025, 2025), (2029, 2025), (2030, 2035), (2031, 2035)])
def test_a_three_digit_code_means_the_nearest_decade(on: int, year: int) -> None:
    assert month("TA512", date(on, 6, 1)) == ("TA", year, 12)


@pytest.mark.parametrize(
    ("on", "months"),
    [
        (date(2025, 8, 21), [8, 9, 12, 3]),  # expiry day itself
        (date(2025, 8, 22), [9, 10, 12, 3]),  # rolled
        (date(2025, 4, 1), [4, 5, 6, 9]),
        (date(2025, 5, 5), [5, 6, 9, 12]),
        (date(2025, 12, 19), [1, 2, 3, 6]),
    ],
)
def test_rolling_codes(on: date, months: list[int]) -> None:
    assert [month(f"VN30F{alias}", on)[2] for alias in ("1M", "2M", "1Q", "2Q")] == months


@pytest.mark.parametrize(
    "symbol",
    [
        "", "IF", "2501", "XX2501", "if2501", "RB2505", "IF251", "IF25011", "IF2513", "IF2500", "TA2512", "TA500", "IF1M", "rb1Q",
        "VN30F3M", "VN30F", "41I1FM000", "41I11M000", "41I1FD000", "41I1I8000", "41I1F800", "41I2F8000", "IF２５０１", "IF٢٥٠١",
        "IF2501.CFFEX", "CFFEX.IF2501", "IF 2501", "IF-501", "x" * 10_000,
    ],
)  # fmt: skip
def test_what_is_no_contract_is_not_found(symbol: str) -> None:
    with pytest.raises(InstrumentNotFound) as caught:
        month(symbol)
    assert len(str(caught.value)) < 200
