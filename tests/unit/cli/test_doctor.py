"""The doctor as a command: every check reported, exit codes, table and JSON, nothing changed."""

import json
from pathlib import Path

import pytest

from tradepit.cli import doctor
from tradepit.cli.finding import Finding, Outcome, fail, ok, warn
from tradepit.config import MonitorSettings, Settings
from tradepit.trading.model.errors import ConfigError

SETTINGS = Settings(bus="memory://", monitor=MonitorSettings(port=0))


def _raises(settings: Settings) -> Finding:
    raise ConfigError("no such profile", profile=settings.profile)


def test_each_check_is_reported_under_its_name() -> None:
    report = doctor.examine(SETTINGS, [("a", lambda _: ok("fine")), ("b", lambda _: warn("slow", "hurry"))])
    assert [(each.check, each.outcome, each.seen, each.mend) for each in report.findings] == [
        ("a", Outcome.OK, "fine", ""),
        ("b", Outcome.WARN, "slow", "hurry"),
    ]
    assert report.success


@pytest.mark.parametrize("check", [lambda _: fail("broken", "mend it"), _raises])
def test_a_failed_check_and_one_that_cannot_be_carried_out_fail_the_whole(check: doctor.Check) -> None:
    report = doctor.examine(SETTINGS, [("a", lambda _: ok("fine")), ("b", check)])
    assert not report.success
    assert report.findings[1].outcome is Outcome.FAIL


def test_every_check_runs_here_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code = doctor.run_doctor(SETTINGS, json=True)
    report = json.loads(capsys.readouterr().out)
    found = {each["check"]: each for each in report["findings"]}
    assert list(found) == [name for name, _ in doctor.CHECKS]
    for name in ("python", "packages", "event loop", "nats-server", "bus", "monitor port", "settings", "running house"):
        assert found[name]["outcome"] == "ok", found[name]
    assert code == (0 if report["success"] else 1)
    assert all(each["mend"] for each in report["findings"] if each["outcome"] != "ok")
    assert list(tmp_path.iterdir()) == []


def test_the_table_names_what_failed_and_how_to_mend_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setattr(
        doctor, "examine", lambda *_: doctor.Report(success=False, version="1", findings=(fail("gone", "put it back"),))
    )
    assert doctor.run_doctor(SETTINGS, json=False) == 1
    out = capsys.readouterr().out
    assert "gone" in out
    assert "put it back" in out


def test_an_unknown_profile_is_found() -> None:
    report = doctor.examine(Settings(profile="none", bus="memory://"), [("settings", dict(doctor.CHECKS)["settings"])])
    assert (report.success, report.findings[0].check) == (False, "settings")
    assert "no such profile" in report.findings[0].seen
