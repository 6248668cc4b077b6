"""A house of processes: who lives where, who is started again, who is told to stop."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from tradepit.cli.house import House, Member
from tradepit.config import ExchangeSettings, Settings, load
from tradepit.profiles.catalogue import roles_of


class QuietServer:
    """Stands where the NATS server stands."""

    url = "nats://127.0.0.1:4999"

    def __init__(self, folder: Path, *, sync: str) -> None:
        self.told: list[str] = []
        self.sync = sync

    def start(self) -> None:
        self.told.append("start")

    def stop(self) -> None:
        self.told.append("stop")


_SLEEPER = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What the house starts, in place of which something harmless runs."""
    commands: list[list[str]] = []
    real = subprocess.Popen

    def popen(command: list[str], **how: object) -> "subprocess.Popen[bytes]":
        commands.append(command)
        assert how["env"]["TRADEPIT_LAUNCHER_PID"] == str(os.getpid())  # type: ignore[index]  # the environment
        return real(_SLEEPER, **how)  # type: ignore[call-overload, no-any-return]  # passed on as they are

    monkeypatch.setattr("tradepit.cli.house.NatsServer", QuietServer)
    monkeypatch.setattr("tradepit.cli.house.subprocess.Popen", popen)
    return commands


@pytest.fixture
def house(tmp_path: Path, launched: list[list[str]]) -> Iterator[House]:
    settings = Settings(profile="pit", exchange=ExchangeSettings(starts_at="2025-01-06T10:00:00+08:00"))
    others = (
        "market-data",
        "risk-monitor",
        "position-tracker",
        "execution-algo",
        "market-recorder",
        "monitor-api",
        "trading-agents",
        "trade-executor",
    )
    made = House(settings, tmp_path / "house", without=frozenset(others))
    yield made
    made.stop()


def test_instances_share_processes_as_the_profile_says(tmp_path: Path) -> None:
    house = House(Settings(profile="pit"), tmp_path)
    assert house.members["back-office"].instances == ("risk-monitor-1", "risk-monitor-2", "position-tracker-1")
    assert house.process_of("order-management-2") == "orders-2"
    cluster = House(Settings(profile="simulator"), tmp_path)
    assert all(len(member.instances) == 1 for member in cluster.members.values())
    with pytest.raises(StopIteration):
        house.process_of("nobody-1")


def test_everything_is_started_with_one_settings_file_and_stopped(house: House, launched: list[list[str]]) -> None:
    house.start()
    assert sorted(command[4] for command in launched) == [
        "order-management-1", "order-management-2", "order-management-3", "trading-gateway-1",
    ]  # fmt: skip
    told = load(house.settings_path, {})
    assert (told.bus, told.data_dir) == (QuietServer.url, str(house.folder))
    assert told.exchange.origin_ns > 0
    assert house.settings == told
    codes = house.stop()
    assert set(codes) == set(house.members)
    assert set(codes.values()) == {-signal.SIGTERM}
    assert isinstance(house.server, QuietServer)
    assert house.server.told == ["start", "stop"]


def test_the_dead_are_started_again_and_the_stopped_are_not(house: House, launched: list[list[str]]) -> None:
    house.start()
    assert house.revive() == []
    pid = house.send("orders-1", signal.SIGKILL)
    process = house.members["orders-1"].process
    assert process is not None
    assert (process.wait(60), process.pid) == (-signal.SIGKILL, pid)
    assert house.send("orders-1", signal.SIGKILL) == 0
    assert house.revive() == ["orders-1"]
    assert house.members["orders-1"].revived == 1
    assert house.members["orders-1"].process is not process
    house.stop()
    assert house.revive() == []


def test_who_is_late_waits_for_its_time_and_is_then_one_of_them(tmp_path: Path, launched: list[list[str]]) -> None:
    everybody = frozenset(role.name for role in roles_of("pit"))
    house = House(Settings(profile="pit"), tmp_path, without=everybody - {"diff-front"}, late=frozenset({"diff-front"}))
    house.start()
    assert (launched, house.revive()) == ([], [])
    house.begin_late()
    house.begin_late()
    assert [command[4] for command in launched] == ["diff-front-1"]
    house.send("diff", signal.SIGKILL)
    process = house.members["diff"].process
    assert process is not None
    process.wait(60)
    assert house.revive() == ["diff"]
    house.stop()


def test_a_paused_process_is_woken_to_be_stopped(house: House) -> None:
    house.start()
    house.send("orders-1", signal.SIGSTOP)
    assert house.stop()["orders-1"] == -signal.SIGTERM


def test_no_file_stays_open_for_the_processes_started_again(house: House) -> None:
    house.start()
    before = open_files()
    for _ in range(3):
        process = house.members["orders-1"].process
        assert process is not None
        house.send("orders-1", signal.SIGKILL)
        process.wait(60)
        house.revive()
    assert open_files() <= before


def open_files() -> int:
    """How many files this process has open, 0 where the system does not tell."""
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.exists() else 0


def test_who_never_started_has_nothing_to_stop(tmp_path: Path, launched: list[list[str]]) -> None:
    house = House(Settings(), tmp_path)
    assert set(house.stop().values()) == {0}
    assert Member(name="x", instances=()).expected


@pytest.mark.parametrize(("journal", "sync"), [("file", "1s"), ("file?sync=os", "1s"), ("jetstream", "always")])
def test_the_server_writes_through_where_it_keeps_the_journals(
    tmp_path: Path, launched: list[list[str]], journal: str, sync: str
) -> None:
    made = House(Settings(profile="pit", journal=journal), tmp_path / "house")
    assert cast("QuietServer", made.server).sync == sync
