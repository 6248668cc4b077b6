"""Findings are collected by kind."""

from tradepit.verify.findings import Findings, Key, Kind


def test_what_somebody_else_found_comes_behind() -> None:
    mine, others = Findings(), Findings()
    mine.lost("L", Key("A1", "c1"), "gone")
    others.lost("M", Key("A1", "c2"), "gone too")
    others.in_flight.add(Key("A1", "c3"))
    mine.add(others)
    assert ([each.code for each in mine.found], mine.in_flight) == (["L", "M"], {("A1", "c3")})


def test_each_kind_has_its_method() -> None:
    findings = Findings()
    key = Key("A1", "c1")
    findings.lost("L", key, "gone", ["orders#1"])
    findings.duplicated("D", key, "twice")
    findings.unexplained("U", key, "why")
    assert [(each.kind, each.code) for each in findings.found] == [
        (Kind.LOST, "L"),
        (Kind.DUPLICATED, "D"),
        (Kind.UNEXPLAINED, "U"),
    ]
    assert findings.found[0].evidence == ("orders#1",)
    assert findings.found[0].key == ("A1", "c1")
