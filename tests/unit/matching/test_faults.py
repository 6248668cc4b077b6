"""The fault seam's dice: off by default, counts first, then chance, repeatable."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradepit.trading.matching.faults import NO_MISHAP, Fault, FaultDice, FaultPlan, Mishap


def test_nothing_goes_wrong_by_default() -> None:
    dice = FaultDice(FaultPlan())
    assert dice.off
    assert [dice.for_command() for _ in range(100)] == [NO_MISHAP] * 100
    assert dice.arrange([1, 2, 3]) == [1, 2, 3]
    assert dice.injected == {}


def test_a_seed_alone_is_still_off() -> None:
    assert FaultDice(FaultPlan(seed=7, delay_ms=5, disconnect_ms=9)).off


def test_a_count_strikes_the_next_commands_only() -> None:
    dice = FaultDice(FaultPlan(lose_ack=Fault(count=2)))
    assert [dice.for_command().lost for _ in range(4)] == [True, True, False, False]
    assert dice.injected == {"lose_ack": 2}


def test_delay_and_disconnect_carry_their_milliseconds() -> None:
    plan = FaultPlan(delay_ack=Fault(count=1), delay_ms=70, disconnect=Fault(count=1), disconnect_ms=900)
    assert FaultDice(plan).for_command() == Mishap(delay_ms=70, disconnect_ms=900)


def test_a_rate_limited_command_meets_no_other_mishap() -> None:
    dice = FaultDice(FaultPlan(rate_limit=Fault(count=1), lose_ack=Fault(count=1)))
    assert dice.for_command() == Mishap(rate_limited=True)
    assert dice.for_command() == Mishap(lost=True)


def test_duplicates_are_told_twice_and_reordered_after_their_successor() -> None:
    assert FaultDice(FaultPlan(duplicate=Fault(count=1))).arrange([1, 2]) == [1, 1, 2]
    assert FaultDice(FaultPlan(reorder=Fault(count=1))).arrange([1, 2, 3]) == [2, 1, 3]
    assert FaultDice(FaultPlan(reorder=Fault(count=1))).arrange([1]) == [1]


def test_the_same_seed_draws_the_same_faults() -> None:
    plan = FaultPlan(lose_ack=Fault(probability=0.3), duplicate=Fault(probability=0.3), reorder=Fault(probability=0.3), seed=11)
    one, two = FaultDice(plan), FaultDice(plan)
    assert [one.for_command() for _ in range(200)] == [two.for_command() for _ in range(200)]
    assert one.arrange(range(200)) == two.arrange(range(200))
    assert 20 < one.injected["lose_ack"] < 100


@given(
    reports=st.lists(st.integers(), max_size=50),
    duplicate=st.floats(0, 1),
    reorder=st.floats(0, 1),
    seed=st.integers(0, 2**32),
)
def test_no_report_is_left_out_and_none_told_more_than_twice(
    reports: list[int], duplicate: float, reorder: float, seed: int
) -> None:
    plan = FaultPlan(duplicate=Fault(probability=duplicate), reorder=Fault(probability=reorder), seed=seed)
    numbered = list(enumerate(reports))
    told = FaultDice(plan).arrange(numbered)
    assert set(told) == set(numbered)
    assert all(told.count(report) <= 2 for report in numbered)


@pytest.mark.parametrize(
    "text", ['{"lose_ack":{"probability":1.5}}', '{"lose_ack":{"count":-1}}', '{"delay_ms":0}', '{"oops":{}}']
)
def test_a_plan_out_of_range_is_refused(text: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(text, type=FaultPlan)
