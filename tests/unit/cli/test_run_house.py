"""A whole house by one command: kept alive, given up where its settings are refused, its exchange's time going on."""

import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import pytest

from tradepit.cli import run_house as command
from tradepit.cli.exits import Exit
from tradepit.cli.house import Member
from tradepit.config import ExchangeSettings, LogSettings, Settings, dump

STARTS_AT = "2025-01-06T10:00:00+08:00"


class StubHouse:
    """Stands where the processes stand: one that always dies, one whose settings are refused."""

    made: ClassVar["list[StubHouse]"] = []

    def __init__(self, settings: Settings, folder: Path, *, also: frozenset[str]) -> None:
        self.settings, self.also, self.stopped, self.revivals = settings, also, False, 0
        self.settings_path = folder / "settings.yaml"
        self.server = self
        self.url = "nats://127.0.0.1:1"
        self.members = {"wrong": Member(name="wrong", instances=("wrong-1",)), "dying": Member(name="dying", instances=("d-1",))}
        StubHouse.made.append(self)

    def start(self) -> None:
        self.settings_path.parent.mkdir(parents=True, exist_ok=True)
        self.settings_path.write_text(dump(self.settings))
        self.members["wrong"].process = subprocess.Popen([sys.executable, "-c", f"raise SystemExit({int(Exit.USAGE)})"])
        self.members["wrong"].process.wait()

    def revive(self) -> list[str]:
        self.revivals += 1
        if self.revivals == 3:
            raise KeyboardInterrupt
        return [name for name, member in self.members.items() if member.expected]

    def stop(self) -> None:
        self.stopped = True


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command, "House", StubHouse)
    monkeypatch.setattr(command, "_LOOK_S", 0.0)
    StubHouse.made.clear()
    return tmp_path


def test_it_lives_until_it_is_told_to_stop_and_says_that_one_was_given_up(elsewhere: Path) -> None:
    settings = Settings(profile="platform", data_dir=str(elsewhere / "house"), log=LogSettings(level="CRITICAL", files=False))
    assert command.run_house(settings) == Exit.FINDINGS
    [house] = StubHouse.made
    assert house.stopped
    assert house.revivals == 3
    assert not house.members["wrong"].expected
    assert house.members["dying"].expected
    assert not (elsewhere / ".tradepit" / "running.yaml").exists()


def test_the_exchanges_time_goes_on_where_the_last_run_began_it(tmp_path: Path) -> None:
    before = ExchangeSettings(starts_at=STARTS_AT, origin_ns=7)
    (tmp_path / "settings.yaml").write_text(dump(Settings(exchange=before)))
    for told, origin_ns in (
        (ExchangeSettings(starts_at=STARTS_AT), 7),
        (ExchangeSettings(starts_at=STARTS_AT, origin_ns=9), 9),
        (ExchangeSettings(starts_at="2025-01-07T10:00:00+08:00"), 0),
        (ExchangeSettings(), 0),
    ):
        assert command.same_time(Settings(data_dir=str(tmp_path), exchange=told)).exchange.origin_ns == origin_ns
    assert command.same_time(Settings(data_dir=str(tmp_path / "new"), exchange=before)).exchange == before
