"""The tutorial of TqSDK, carried out as it is written: every command of it, every program, in the order of its page."""

import os
import pty
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from tests.recorded_past import record_past
from tests.saying_program import clean_environment

_ROOT = Path(__file__).resolve().parents[2]
_PAGE = _ROOT / "docs" / "tutorial" / "trade-tqsdk-offline.md"
_PIECE = re.compile(
    r"Save this as `(?P<name>[^`]+)`:\n\n```python\n(?P<program>.*?)```|^```sh\n(?P<commands>.*?)```", re.MULTILINE | re.DOTALL
)
_PATIENCE_S = 900
_USUAL_PORT = 7788


class _Demo:
    """``make demo`` in a terminal of its own: whatever make would start, and the person who presses ``q``."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        [command] = re.findall(r"^demo:.*\n\t\$\(BIN\)/(.+)$", (_ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
        name, *arguments = shlex.split(command)
        self._terminal, inside = pty.openpty()
        self.process = subprocess.Popen(
            [str(Path(sys.prefix) / "bin" / name), *arguments],
            cwd=folder, stdin=inside, stdout=inside, stderr=inside, start_new_session=True,
            env=environment | {"TERM": "xterm", "COLUMNS": "160", "LINES": "60"},
        )  # fmt: skip
        os.close(inside)
        self._shown = bytearray()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self.process.poll() is None:
            # As Ctrl-C does: the demo stops its house before it ends.
            self.process.send_signal(signal.SIGINT)
        self.process.wait(_PATIENCE_S)
        self._reader.join(10)
        os.close(self._terminal)

    def wait_for(self, words: str) -> None:
        """Until the screen shows the words."""
        deadline = time.monotonic() + _PATIENCE_S
        while words not in self.shown:
            assert self.process.poll() is None, self.shown[-2000:]
            assert time.monotonic() < deadline, f"{words!r} is not shown: {self.shown[-2000:]}"
            time.sleep(0.1)

    @property
    def shown(self) -> str:
        """All it has shown so far, without colours and moves of the cursor."""
        return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", self._shown.decode("utf-8", "replace"))

    def quit(self) -> str:
        """Press ``q``; its last words."""
        os.write(self._terminal, b"q")
        assert self.process.wait(_PATIENCE_S) == 0, self.shown[-2000:]
        self._reader.join(10)
        return self.shown.strip().splitlines()[-1]

    def _read(self) -> None:
        # A terminal whose other side is gone says so with an error.
        with suppress(OSError):
            while piece := os.read(self._terminal, 65_536):
                self._shown += piece


class _Shell:
    """The second terminal: what one block of commands exports is there in the next."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._folder, self._environment = folder, environment
        self._exports = folder / "exports.sh"
        self._exports.touch()

    def run(self, commands: str) -> str:
        """What the commands say; all of them must end well."""
        script = f". {self._exports}\n{commands}\nexport -p > {self._exports}\n"
        done = subprocess.run(
            ["bash", "-e", "-c", script], cwd=self._folder, env=self._environment, text=True, timeout=_PATIENCE_S,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{commands}\n{done.stdout[-3000:]}"
        return done.stdout


@contextmanager
def _usual_port_taken() -> Iterator[None]:
    """Somebody listens where the front would like to be, us or another."""
    with socket.socket() as holder:
        with suppress(OSError):
            holder.bind(("127.0.0.1", _USUAL_PORT))
            holder.listen()
        yield


def test_every_step_of_the_page(tmp_path: Path) -> None:
    record_past(tmp_path / "ticks.parquet", ticks=120)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    environment = clean_environment() | {"HOME": str(tmp_path)}
    shell, said, verdicts = _Shell(tmp_path, environment), [], []
    demo: _Demo | None = None
    try:
        for piece in _PIECE.finditer(_PAGE.read_text("utf-8")):
            if piece["name"]:
                (tmp_path / piece["name"]).write_text(piece["program"], encoding="utf-8")
            elif piece["commands"].strip().endswith("make demo"):
                if demo is not None:
                    verdicts.append(demo.quit())
                given = dict(word.split("=", 1) for word in shlex.split(piece["commands"])[:-2])
                with _usual_port_taken():
                    demo = _Demo(tmp_path, environment | given)
                    demo.wait_for("TqSDK can trade here, at http://127.0.0.1:")
            else:
                said.append(shell.run(piece["commands"]))
        assert demo is not None
        assert f":{_USUAL_PORT}." not in demo.shown
        verdicts.append(demo.quit())
    finally:
        if demo is not None:
            demo.__exit__()

    assert [verdict.partition(" (")[0] for verdict in verdicts] == ["lost 0 · duplicated 0 · unexplained 0"] * 2
    assert "already satisfied" in said[0]
    _, first, _, strategy, today, past = said[1:]
    before, after = first.splitlines()[-2:]
    assert before.startswith("2025-01-06 10:0")
    assert before.endswith(" 10000000.0")
    assert after.split()[0] == "全部成交"
    assert after.split()[2] == "2"
    assert int(strategy.split()[-4]) > 0
    for told in (today, past):
        bars = re.search(r"^(\d+) bars, 1 days, balance [0-9.]+$", told, re.MULTILINE)
        assert bars is not None, told
        assert int(bars[1]) > 1
