"""A demo that is told to end, in any state, leaves no process behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.patience import PATIENCE_S


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def ignore_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@pytest.mark.parametrize("when", ["nats/nats.pid", "journals/commands"], ids=["starting", "trading"])
def test_a_demo_that_is_terminated_stops_its_server_and_its_services(tmp_path: Path, when: str) -> None:
    demo = subprocess.Popen(
        [sys.executable, "-m", "tradepit", "demo", "--headless", "--data-dir", "demo"],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        # As a script's `tradepit demo &` starts it.
        preexec_fn=ignore_interrupts if when.startswith("nats") else None,  # noqa: PLW1509 - one system call, no thread here
    )
    try:
        wait_until(lambda: any(path.stat().st_size for path in (tmp_path / "demo").glob(f"{when}*")))
        server = int((tmp_path / "demo" / "nats" / "nats.pid").read_text())
        demo.send_signal(signal.SIGTERM)
        assert demo.wait(PATIENCE_S) == 130  # as Ctrl-C ends it
        wait_until(lambda: is_gone(server))
    finally:
        if demo.poll() is None:
            demo.kill()
            demo.wait()
