"""Findings are collected by kind."""

from tradepit.verify.findings import Findings, Key, Kind


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
