"""What the demo says at its end."""

import msgspec
import pytest

from tradepit.cli.demo_door import Door
from tradepit.cli.demo_report import DemoReport, render
from tradepit.cli.proof import Proof
from tradepit.cli.recording_comparison import Comparison

CLEAN = Proof(clean=True, exit_code=0, line="lost 0 · duplicated 0 · unexplained 0")


def report(**more: object) -> DemoReport:
    told: dict[str, object] = {
        "seconds": 60.0, "first_trade_s": 2.5, "ticks": 10, "orders": 5, "trades": 4, "acts": ("killed orders-1",),
        "revived": {"orders-1": 1}, "epoch": 2,
    }  # fmt: skip
    return DemoReport(**(told | more))  # type: ignore[arg-type]  # a table


@pytest.mark.parametrize(
    ("proof", "recording", "clean"),
    [
        (None, None, False),
        (CLEAN, None, True),
        (CLEAN, Comparison(rows=3, copied=3, equal=True), True),
        (CLEAN, Comparison(rows=3, copied=2, equal=False), False),
        (Proof(clean=False, exit_code=1, line="lost 1"), None, False),
    ],
)
def test_it_is_clean_only_when_everything_is(proof: Proof | None, recording: Comparison | None, clean: bool) -> None:
    assert report(proof=proof, recording=recording).clean is clean


def test_the_last_line_is_the_verdict() -> None:
    text = render(report(proof=CLEAN, recording=Comparison(rows=3, copied=2, equal=False), market_data={"rejected": 0}))
    lines = text.splitlines()
    assert lines[-1] == "lost 0 · duplicated 0 · unexplained 0"
    assert lines[0].startswith("60 s · first trade after 2.5 s · 10 ticks")
    assert "  killed orders-1" in lines
    assert "  started again: orders-1 ×1" in lines
    assert "  rejected 0" in lines
    assert "  recorded 2 of 3 ticks, copy NOT EQUAL" in lines


def test_orders_of_tqsdk_are_told_of() -> None:
    door = Door(url="http://127.0.0.1:7788", sessions=2, orders=3)
    assert "  TqSDK: 3 orders" in render(report(diff_front=door)).splitlines()
    assert "TqSDK" not in render(report(diff_front=msgspec.structs.replace(door, orders=0)))


def test_findings_come_before_the_verdict_and_are_not_endless() -> None:
    proof = Proof(clean=False, exit_code=1, line="lost 30", findings=tuple(f"finding {number}" for number in range(30)))
    lines = render(report(proof=proof, revived={}, acts=())).splitlines()
    assert lines[1:] == [*(f"finding {number}" for number in range(20)), "lost 30"]
