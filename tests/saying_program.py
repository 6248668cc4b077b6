"""A program in a process of its own that says things, a JSON document a line, and reaches nothing but this machine."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.patience import PATIENCE_S

# Some of them silently replace what the program was told, or lead it elsewhere.
_SCRUBBED = (
    "TQ_",
    "HTTP",
    "http",
    "HTTPS",
    "https",
    "NO_PROXY",
    "no_proxy",
    "ALL_PROXY",
    "all_proxy",
    "PYTHON",
    "TRADEPIT_",
    "NODE_",
)
_NOWHERE = "http://127.0.0.1:9"
_MARK = "SAID "
Said = dict[str, Any]


def clean_environment() -> dict[str, str]:
    """This process's environment without what would change how a client behaves; other machines are behind a proxy that is not there."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_SCRUBBED)}
    return kept | {"HTTPS_PROXY": _NOWHERE, "https_proxy": _NOWHERE}


class SayingProgram:
    """A line that begins with ``SAID`` is something said; ``said`` waits for the program's end and gives all of it, in order."""

    def __init__(self, folder: Path, command: Sequence[str], environment: Mapping[str, str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        number = len(list(folder.glob("*.out")))
        self._path = folder / f"{number}.out"
        self._errors = folder / f"{number}.err"
        with self._path.open("wb") as out, self._errors.open("wb") as errors:
            self.process = subprocess.Popen(
                command, stdout=out, stderr=errors, stdin=subprocess.DEVNULL,
                env=clean_environment() | dict(environment) | {"HOME": str(folder)}, start_new_session=True,
            )  # fmt: skip

    def so_far(self) -> list[Said]:
        """What it has said until now."""
        lines = self._path.read_text(encoding="utf-8", errors="replace").splitlines()
        return [json.loads(line.removeprefix(_MARK)) for line in lines if line.startswith(_MARK)]

    def said(self, timeout_s: float = 3 * PATIENCE_S) -> list[Said]:
        """All it had to say, once it has ended well."""
        try:
            code = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            code = -1
        assert code == 0, f"ended with {code}: {self.trouble()}\nsaid {self.so_far()[-5:]}"
        return self.so_far()

    def trouble(self) -> str:
        """What it complained of."""
        return self._errors.read_text(errors="replace")[-3000:]

    def kill(self) -> None:
        """End it."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(PATIENCE_S)
