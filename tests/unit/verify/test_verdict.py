"""The verdict as people and programs read it."""

import json

from tradepit.verify.findings import NOBODY, Finding, Key, Kind
from tradepit.verify.verdict import Verdict, render, to_json


def verdict(*findings: Finding) -> Verdict:
    return Verdict(
        intents=12345,
        fates={"FILLED": 12000, "REFUSED": 345},
        codes={"REFUSED(RATE)": 345},
        cancelled_with_trades=0,
        in_flight=2,
        fills_ours=40,
        fills_venue=40,
        stale_commands=1,
        epochs=3,
        entries={"orders": 5, "commands": 6, "reports": 7},
        findings=findings,
    )


LOST = Finding(Kind.LOST, "NEVER_ARRIVED", Key("A1", "c1"), "sent, never arrived", ("orders#17",))


def test_the_last_line_of_a_clean_house() -> None:
    clean = verdict()
    assert render(clean).splitlines()[-1] == "lost 0 · duplicated 0 · unexplained 0 (n = 12345)"
    assert clean.exit_code == 0


def test_the_table_counts_fates_codes_and_fills() -> None:
    lines = render(verdict()).splitlines()
    assert "FILLED              12000" in lines
    assert "WORKING                 0" in lines
    assert "fills ours 40 lots = fills venue 40 lots" in lines
    assert any(line.split() == ["REFUSED(RATE)", "345"] for line in lines)


def test_findings_are_listed_with_their_evidence() -> None:
    other = Finding(Kind.UNEXPLAINED, "EPOCH_FELL", NOBODY, "fell")
    text = render(verdict(LOST, other))
    assert "LOST        NEVER_ARRIVED         A1/c1  sent, never arrived [orders#17]" in text
    assert "EPOCH_FELL            -  fell" in text
    assert text.endswith("lost 1 · duplicated 0 · unexplained 1 (n = 12345)")
    assert verdict(LOST).exit_code == 1


def test_a_flood_of_one_finding_is_cut_but_counted() -> None:
    text = render(verdict(*[LOST] * 60))
    assert text.count("NEVER_ARRIVED") == 51
    assert "… 10 more NEVER_ARRIVED" in text
    assert "lost 60 · " in text


def test_json_says_everything() -> None:
    told = json.loads(to_json(verdict(LOST)))
    assert (told["lost"], told["duplicated"], told["unexplained"], told["intents"], told["exit_code"]) == (1, 0, 0, 12345, 1)
    assert told["fates"]["FILLED"] == 12000
    assert told["findings"] == [
        {
            "kind": "LOST",
            "code": "NEVER_ARRIVED",
            "account": "A1",
            "client_order_id": "c1",
            "text": "sent, never arrived",
            "evidence": ["orders#17"],
        }
    ]
