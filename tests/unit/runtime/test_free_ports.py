"""A port that was chosen stays its owner's, among processes and against the system."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tradepit.runtime import free_ports
from tradepit.runtime.free_ports import claim, free_port

_CLAIM = "import sys; from tradepit.runtime.free_ports import claim; print(claim(int(sys.argv[1])))"


def test_ports_are_different_and_can_be_listened_on() -> None:
    ports = [free_port() for _ in range(20)]
    assert len(set(ports)) == 20
    with socket.create_server(("127.0.0.1", ports[0])):
        assert not free_ports._can_listen("127.0.0.1", ports[0])


def test_a_port_is_claimed_once_by_whatever_process() -> None:
    port = free_port()
    assert not claim(port)
    asked = [sys.executable, "-c", _CLAIM]
    assert subprocess.run([*asked, str(port)], capture_output=True, check=True).stdout == b"False\n"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        other = int(probe.getsockname()[1])
    # Whoever claimed it has ended: it can be had again.
    for _ in range(2):
        assert subprocess.run([*asked, str(other)], capture_output=True, check=True).stdout == b"True\n"


def test_it_keeps_away_from_what_the_system_gives_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = tmp_path / "range"
    monkeypatch.setattr(free_ports, "_RANGE", told)
    told.write_text("20000\t60999\n")
    assert all(16_384 <= free_port() < 20_000 for _ in range(20))
    told.write_text("1024\t65535\n")
    assert free_port() > 0
    told.unlink()
    assert 16_384 <= free_port() < 32_768
