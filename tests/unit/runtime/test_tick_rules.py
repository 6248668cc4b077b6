"""The rules of a recording find the first fault of a row and nothing in a good one, for every product's tick size."""

from decimal import Decimal

import polars as pl
import pytest

from tradepit.runtime.tick_columns import columns, is_count, is_text
from tradepit.runtime.tick_rules import LISTED_ON, TICK_OVER, TICK_UNDER, first_fault, ticks_of


def frame(tick: Decimal, ticks: list[int], off: float = 0.0) -> pl.DataFrame:
    over, under = tick.as_integer_ratio()
    price = [float(number * tick) + off for number in ticks]
    values: dict[str, object] = {}
    for name in columns(1):
        values[name] = ["x"] * len(ticks) if is_text(name) else [1] * len(ticks) if is_count(name) else price
    values["trading_day"] = ["20250106"] * len(ticks)
    values |= {
        "datetime": [1] * len(ticks), "exchange": ["E"] * len(ticks), LISTED_ON: ["E"] * len(ticks),
        "ask_price_1": [0.0] * len(ticks),
        "ask_volume_1": [0] * len(ticks), TICK_OVER: [over] * len(ticks), TICK_UNDER: [under] * len(ticks),
    }  # fmt: skip
    return pl.DataFrame(values)


@pytest.mark.parametrize("tick", [Decimal("0.2"), Decimal("0.1"), Decimal("0.02"), Decimal("0.005"), Decimal("0.05"), Decimal(5)])
def test_every_price_on_the_grid_is_on_the_grid(tick: Decimal) -> None:
    numbers = list(range(1, 60_000, 7))
    checked = frame(tick, numbers).select(fault=first_fault(1), ticks=ticks_of("last_price"))
    assert checked["fault"].null_count() == len(numbers)
    assert checked["ticks"].to_list() == numbers


def test_a_price_beside_the_grid_is_not() -> None:
    checked = frame(Decimal("0.2"), [19_500, 19_501], off=1e-9).select(fault=first_fault(1))
    assert set(checked["fault"]) == {"PRICE_WRONG_TICK:limit_up"}
