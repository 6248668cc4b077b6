"""Exit codes, and the two ways to write the verdict."""

import json
from typing import TYPE_CHECKING

import pytest

from tradepit.verify import report

if TYPE_CHECKING:
    from tests.unit.verify.conftest import Paper


def ask(paper: "Paper", *, as_json: bool = False, strict: bool = False) -> tuple[int, str]:
    paths = paper.write()
    return written(
        paths["orders.journal"].as_uri(), str(paths["commands.journal"]), str(paths["reports.journal"]), as_json, strict
    )


def written(orders: str, commands: str, reports: str, as_json: bool = False, strict: bool = False) -> tuple[int, str]:
    told: list[str] = []
    code = report(orders=orders, commands=commands, reports=reports, as_json=as_json, strict=strict, write=told.append)
    return code, "".join(told)


def test_clean_is_zero(traded: "Paper") -> None:
    code, text = ask(traded, strict=True)
    assert (code, text.splitlines()[-1]) == (0, "lost 0 · duplicated 0 · unexplained 0 (n = 2)")


def test_findings_are_one(traded: "Paper") -> None:
    traded.forget("report_applied", 2)
    code, text = ask(traded, as_json=True)
    assert code == 1
    assert json.loads(text)["findings"][0]["code"] == "FILL_NOT_APPLIED"


@pytest.mark.parametrize("as_json", [False, True])
def test_damage_is_two_and_names_the_place(traded: "Paper", as_json: bool) -> None:
    paths = traded.write()
    place = paths["reports.journal"]
    data = bytearray(place.read_bytes())
    data[60] ^= 1
    place.write_bytes(bytes(data))
    code, text = written(str(paths["orders.journal"]), str(paths["commands.journal"]), str(place), as_json)
    assert code == 2
    if as_json:
        assert json.loads(text) == {
            "exit_code": 2,
            "location": str(place),
            "offset": 0,
            "reason": "entry 1 is damaged or missing",
        }
    else:
        assert text == f"cannot read {place} at offset 0: entry 1 is damaged or missing\n"


def test_a_torn_tail_is_clean(traded: "Paper") -> None:
    paths = traded.write()
    with paths["orders.journal"].open("ab") as file:
        file.write(paths["orders.journal"].read_bytes()[:25])
    orders, commands, reports = (str(paths[f"{name}.journal"]) for name in ("orders", "commands", "reports"))
    code, _ = written(orders, commands, reports)
    assert code == 0


def test_the_verdict_goes_to_standard_output_unless_told_otherwise(traded: "Paper", capsys: pytest.CaptureFixture[str]) -> None:
    paths = traded.write()
    code = report(
        orders=str(paths["orders.journal"]), commands=str(paths["commands.journal"]), reports=str(paths["reports.journal"])
    )
    assert code == 0
    assert capsys.readouterr().out.endswith("(n = 2)\n")
